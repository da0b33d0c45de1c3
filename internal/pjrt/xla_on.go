//go:build ((linux && (amd64 || arm64)) || (darwin && arm64) || (windows && amd64)) && cgo && !noxla

package pjrt

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
)

// xlaCompiled says whether this program can load PJRT plugins at all.
const xlaCompiled = true

// go-xla would install plugins by itself, without a time limit; Install does it instead.
func init() { xla.EnableAutoInstall(false) }

// releaseVersion is the release of plugins that go-xla was tested with.
func releaseVersion() string { return pjrt.DefaultCPUVersion }

// newCPU opens XLA on the CPU with a number of devices. The text form of a config cannot say it.
func newCPU(config string, devices int) (compute.Backend, error) {
	return xla.NewWithOptions(config, pjrt.NamedValuesMap{"cpu_device_count": int64(devices)})
}

// pluginVersion returns the API version of a loaded plugin and, where recorded, its package.
func pluginVersion(path string) string {
	p, err := pjrt.GetPlugin(path) // already loaded: a look-up
	if err != nil {
		return ""
	}
	major, minor := p.Version()
	v := fmt.Sprintf("PJRT API v%d.%d", major, minor)
	if r, err := readRecord(path); err == nil && r.Version != "" {
		v = r.Version + ", " + v
	}
	return v
}
