package rt

import "golang.org/x/sys/unix"

// sinceBoot is the time in the unit of /proc/PID/stat, hundredths of a second.
func sinceBoot() int64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return 0
	}
	return t.Nano() / 1e7
}
