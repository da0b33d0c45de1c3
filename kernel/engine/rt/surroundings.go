package rt

import (
	"errors"
	"log"
	"maps"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"gsmlab/kernel/engine/wire"
)

// What a cell may leave behind in the process besides variables: closed streams, a changed
// environment.

// reopen gives the next cell standard streams where the last one has closed them.
func (s *serving) reopen() {
	for i, file := range []**os.File{&os.Stdout, &os.Stderr} {
		stream, ok := s.streams[i].(*os.File)
		if !ok {
			continue // there is no worker: a test
		}
		if _, err := unix.FcntlInt(uintptr(i+1), unix.F_GETFD, 0); err != nil {
			unix.Dup2(int(stream.Fd()), i+1)
		}
		if old := *file; closed(old) {
			*file = reopened(int(stream.Fd()), i+1, old)
			if log.Writer() == old {
				log.SetOutput(*file)
			}
		}
	}
	asking.reopen()
}

// closed says whether a file was closed.
func closed(f *os.File) bool {
	if f == nil {
		return true
	}
	_, err := f.Stat()
	return errors.Is(err, os.ErrClosed)
}

// reopened returns a file for the stream behind from: fd where that is this stream now, else a new
// one, as when a cell has opened another file since, which has got its number.
func reopened(from, fd int, old *os.File) *os.File {
	name := "/dev/stdout"
	if fd == 2 {
		name = "/dev/stderr"
	}
	var a, b unix.Stat_t
	if unix.Fstat(from, &a) != nil || unix.Fstat(fd, &b) != nil || a.Dev != b.Dev || a.Ino != b.Ino {
		if n, err := unix.FcntlInt(uintptr(from), unix.F_DUPFD_CLOEXEC, 3); err == nil {
			fd = n
		}
	}
	return os.NewFile(uintptr(fd), name)
}

// reopen gives the next cell a standard input where the last one has closed it.
func (in *stdin) reopen() {
	if in.file == nil || os.Stdin != in.file || !closed(in.file) {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if _, err := unix.FcntlInt(0, unix.F_GETFD, 0); err == nil {
		return // another file has its number, which programs read now
	}
	if in.renew() == nil {
		in.file = os.NewFile(0, "/dev/stdin")
		os.Stdin = in.file
	}
}

var environment map[string]string // as the engine knows it

// environmentNow returns the environment without what gonbui's pipes are called.
func environmentNow() map[string]string {
	now := map[string]string{}
	for _, line := range os.Environ() {
		if name, value, ok := strings.Cut(line, "="); ok && name != "" && !strings.HasPrefix(name, "GONB_PIPE") {
			now[name] = value
		}
	}
	return now
}

// environmentChanged returns what has changed of the environment since the last call.
func environmentChanged() (changes []wire.Setenv) {
	now := environmentNow()
	if environment == nil || maps.Equal(now, environment) {
		environment = now
		return nil
	}
	for name, value := range now {
		if old, ok := environment[name]; !ok || old != value {
			changes = append(changes, wire.Setenv{Name: name, Value: value})
		}
	}
	for name := range environment {
		if _, ok := now[name]; !ok {
			changes = append(changes, wire.Setenv{Name: name, Unset: true})
		}
	}
	environment = now
	return changes
}
