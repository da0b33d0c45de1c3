package rt

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// childrenEnd is how long processes have after SIGINT before they get SIGKILL.
const childrenEnd = time.Second

// endChildren ends the processes that descend from the worker and began after a cell, as Ctrl-C in
// a shell does with what runs in the foreground. Processes of earlier cells go on.
func endChildren(since int64) {
	pids := descendants(since)
	for _, p := range pids {
		unix.Kill(p.pid, unix.SIGINT)
	}
	if len(pids) == 0 {
		return
	}
	time.Sleep(childrenEnd)
	for _, now := range descendants(since) {
		for _, p := range pids {
			if now == p { // not another process with its number
				unix.Kill(p.pid, unix.SIGKILL)
			}
		}
	}
}

type child struct {
	pid   int
	begun int64
}

// descendants lists the processes that descend from this one and began at since or later. Where
// there is no /proc it finds none.
func descendants(since int64) (found []child) {
	type process struct {
		child
		parent int
	}
	var all []process
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		data, err := os.ReadFile(path)
		_, rest, ok := strings.Cut(string(data[max(0, strings.LastIndexByte(string(data), ')')):]), ")")
		fields := strings.Fields(rest) // from the third on
		if err != nil || !ok || len(fields) < 20 {
			continue // it has ended
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(fields[1])
		begun, _ := strconv.ParseInt(fields[19], 10, 64)
		if begun >= since && fields[0] != "Z" {
			all = append(all, process{child{pid, begun}, parent})
		}
	}
	within := map[int]bool{os.Getpid(): true}
	for more := true; more; {
		more = false
		for _, p := range all {
			if within[p.parent] && !within[p.pid] {
				within[p.pid], more = true, true
				found = append(found, p.child)
			}
		}
	}
	return found
}
