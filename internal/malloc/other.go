//go:build !(linux && cgo)

package malloc

// Keeps reports whether C's malloc was told to keep freed memory.
func Keeps() bool { return false }

// Tunable says whether the C library is glibc, the only one we tune.
const Tunable = false
