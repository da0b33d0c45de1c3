package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gsmlab/internal/pjrt"
)

// preparePlugins helps cells that open XLA with GoMLX's own compute.New(): they find the plugin
// that the rest of gsmlab uses.
func preparePlugins() {
	const folders = "PJRT_PLUGIN_LIBRARY_PATH"
	if os.Getenv(folders) != "" {
		return
	}
	var found []string
	names := []string{"cpu"}
	if pjrt.HasGPU() {
		names = append(names, "cuda")
	}
	for _, name := range names {
		if path, _, ok := pjrt.Find(name); ok && !slices.Contains(found, filepath.Dir(path)) {
			found = append(found, filepath.Dir(path))
		}
	}
	if len(found) > 0 {
		os.Setenv(folders, strings.Join(found, string(filepath.ListSeparator)))
	}
}
