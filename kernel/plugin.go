package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gsmlab/internal/backend"
)

// preparePlugins lets cells open XLA by compute.New(), as GoMLX's own packages do, with the plugin that the rest
// of gsmlab uses. Without one cells get the Go backend rather than a download of unknown length.
func preparePlugins() {
	const folders, config, noInstall = "PJRT_PLUGIN_LIBRARY_PATH", "GOMLX_BACKEND", "GOMLX_NO_AUTO_INSTALL"
	setDefault := func(name, value string) {
		if _, set := os.LookupEnv(name); !set {
			os.Setenv(name, value)
		}
	}
	var found []string
	names := []string{"cpu"}
	if backend.HasGPU() {
		names = append(names, "cuda")
	}
	for _, name := range names {
		if path, _, ok := backend.Find(name); ok && !slices.Contains(found, filepath.Dir(path)) {
			found = append(found, filepath.Dir(path))
		}
	}
	setDefault(noInstall, "1")
	if len(found) == 0 {
		setDefault(config, "go")
		return
	}
	setDefault(folders, strings.Join(found, string(filepath.ListSeparator)))
}
