//go:build !(linux && amd64 && cgo && !noxla)

package xlacache

import "errors"

// Register fails: only the plugin for Linux on x86-64 has been tried with a cache.
func Register(path, identity, dir string) error { return errors.ErrUnsupported }
