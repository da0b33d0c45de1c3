//go:build !(((linux && (amd64 || arm64)) || (darwin && arm64) || (windows && amd64)) && cgo && !noxla)

package pjrt

// xlaCompiled says whether this program can load PJRT plugins at all.
const xlaCompiled = false

func pluginVersion(string) string { return "" }

func releaseVersion() string { return "" }
