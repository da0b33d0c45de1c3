//go:build !(((linux && (amd64 || arm64)) || (darwin && arm64) || (windows && amd64)) && cgo && !noxla)

package pjrt

import (
	"errors"

	"github.com/gomlx/compute"
)

// xlaCompiled says whether this program can load PJRT plugins at all.
const xlaCompiled = false

func newCPU(string, int) (compute.Backend, error) { return nil, errors.New("built without XLA") }

func pluginVersion(string) string { return "" }

func releaseVersion() string { return "" }
