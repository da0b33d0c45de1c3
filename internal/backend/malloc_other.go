//go:build !(linux && cgo && !noxla)

package backend

func mallocKeeps() bool { return false }
