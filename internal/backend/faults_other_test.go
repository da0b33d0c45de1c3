//go:build !(linux && cgo && !noxla)

package backend

const mallocPossible = false
