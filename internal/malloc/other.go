//go:build !(linux && cgo)

package malloc

// Keeps reports whether C's malloc was told to keep freed memory.
func Keeps() bool { return false }

// Tunable says whether the C library is glibc, the only one tuned.
const Tunable = false
