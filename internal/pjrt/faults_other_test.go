//go:build !(linux && cgo && !noxla)

package pjrt

const mallocPossible = false
