// Package settings is the table of environment variables that users set. The code reads them by
// these names, `gsm doctor` shows those that are set, and a test compares the table with
// README.md's.
package settings

import (
	"fmt"
	"os"
	"path/filepath"
)

// Names of the variables.
const (
	Data      = "GSM_DATA"
	Cache     = "GSM_CACHE"
	Offline   = "GSM_OFFLINE"
	Backend   = "GOMLX_BACKEND"
	Plugins   = "PJRT_PLUGIN_LIBRARY_PATH"
	NoInstall = "GOMLX_NO_AUTO_INSTALL"
	XLAFlags  = "XLA_FLAGS"
	Output    = "GSM_OUTPUT"
	Graphics  = "GSM_GRAPHICS"
	Malloc    = "GSM_MALLOC" // internal/malloc reads it in C, before Go runs
	OneDNN    = "GSM_ONEDNN"
	XLACache  = "GSM_XLA_CACHE"
)

// A Setting is a variable and its meaning.
type Setting struct {
	Name  string
	Usual string // the value that users usually give it, "" if it depends on the user
	About string
}

// All lists the settings in the order in which users see them.
func All() []Setting {
	return []Setting{
		{Data, "", "folder with your own copy of the data"},
		{Cache, "", "where the plugin, compiled graphs and data are kept (default `~/.cache/gsmlab`)"},
		{Offline, "1", "never touch the network"},
		{Backend, "", "backend to use when `--backend` does not say: `xla:cpu`, `xla:cuda`, `go`"},
		{Plugins, "", "folder with your own PJRT plugin"},
		{NoInstall, "1", "never download a plugin; data may be downloaded"},
		{XLAFlags, "", "options of XLA itself; gsmlab adds its own to them"},
		{Output, "", "how much a cell may show in Jupyter and in the files of `kernel run`: `2MB`, `all`; the default is 1 MB, and `all` at the prompt"},
		{Graphics, "", "how the kernel's prompt draws pictures: `kitty`, `iterm`, `sixel`, `blocks`, `none`; by default the best one is found"},
		{Malloc, "system", "do not tune C's malloc, which makes XLA faster on the CPU ([why](docs/lenet5-speed.md))"},
		{OneDNN, "off", "do not use oneDNN, which makes XLA faster on the CPU ([why](docs/lenet5-speed.md))"},
		{XLACache, "off", "do not keep what XLA compiles for the next process ([how](internal/xlacache/xlacache.go))"},
	}
}

// CacheFolder is the folder in which one kind of things is kept for later: kind in the folder that
// GSM_CACHE names, else in gsmlab in the user's cache folder ($XDG_CACHE_HOME or ~/.cache on
// Linux). It need not exist.
func CacheFolder(kind string) (string, error) {
	if dir := os.Getenv(Cache); dir != "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return "", fmt.Errorf("%s=%s: %w", Cache, dir, err)
		}
		return filepath.Join(abs, kind), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder: %w: set %s to a folder you can write", err, Cache)
	}
	return filepath.Join(dir, "gsmlab", kind), nil
}
