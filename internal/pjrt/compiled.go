package pjrt

import (
	"fmt"
	"os"
	"path/filepath"

	"gsmlab/internal/settings"
	"gsmlab/internal/xlacache"
)

// envXLACache, set to "off", compiles each graph in each process.
const envXLACache = settings.XLACache

// CompiledDir is the folder in which the executables of graphs are kept: compiled, beside the
// plugins of [CacheDir].
func CompiledDir() (string, error) {
	plugins, err := CacheDir()
	return filepath.Join(filepath.Dir(plugins), "compiled"), err
}

// keep gives the plugin in the file path a cache of executables where keepable allows one. Without
// a cache, graphs take longer to start and compute the same.
func keep(plugin, path, options string) {
	if sum, ok := keepable(plugin, path); ok {
		if dir, err := CompiledDir(); err == nil {
			// If the plugin does not load, go-xla says so next.
			xlacache.Register(path, fmt.Sprintf("%s %s", sum, options), dir)
		}
	}
}

// keepable says whether what the plugin in the file path compiles may be kept, and returns the
// plugin's sha256. Saving an executable can end the process where XLA is unfinished, so only the
// plugin with which it was tried may, as we have installed it.
func keepable(plugin, path string) (sum string, ok bool) {
	if plugin != "cpu" || os.Getenv(envXLACache) == "off" {
		return "", false
	}
	r, err := readRecord(path)
	return r.SHA256, err == nil && r.Version == cpuWheel.String()
}
