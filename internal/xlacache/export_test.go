//go:build linux && amd64 && cgo && !noxla

package xlacache

// KeepAll makes this process save all that it compiles, however quick that was.
func KeepAll() { worthwhile = 0 }

// Compiled returns how many graphs this process has compiled.
func Compiled() int64 { return compiled.Load() }
