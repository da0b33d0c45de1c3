//go:build !linux

package rt

// sinceBoot has no meaning where there is no /proc.
func sinceBoot() int64 { return 0 }
