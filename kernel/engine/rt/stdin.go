// The worker's standard input: a pipe that asks the user as soon as somebody reads it.

package rt

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"gsmlab/kernel/engine/rt/cell"
	"gsmlab/kernel/engine/wire"
)

// The worker's standard input is a pipe that the worker itself fills with the lines that the user
// is asked for. How it sees that somebody reads: os.File lets one goroutine read at a time, so a
// probe that asks for its turn and is made to wait, while the pipe is empty, has found a reader.
// That both really wait, and were not just left without a processor, their stacks say. Probing goes
// on only while a cell runs.
const (
	probePause = 30 * time.Millisecond // between two probes
	probeWait  = 10 * time.Millisecond // without getting its turn before a probe looks at the pipe
)

var errWithdrawn = errors.New("input was interrupted")

// answers are the errors that the ways a question ends become.
var answers = map[wire.Answer]error{wire.AnswerLine: nil, wire.AnswerEnd: io.EOF, wire.AnswerNobody: cell.ErrNoInput, wire.AnswerWithdrawn: errWithdrawn}

type stdin struct {
	file *os.File

	mu      sync.Mutex
	next    int
	waiting map[int]func(text string, err error) // by number of the request
	lines   int                                  // how many of them will write to the pipe
	turn    chan struct{}                        // closed when the probe got its turn
	prober  string                               // the probe's goroutine

	writes chan write
	w      int // the pipe's end to write to
}

// write is what is to be read from standard input: a line, or its end.
type write struct {
	line  string // "": the end
	asked bool   // the user was asked for it
}

var asking = &stdin{waiting: map[int]func(string, error){}}

// prepare puts the pipe in place of standard input.
func (in *stdin) prepare() error {
	in.file = os.Stdin
	in.writes = make(chan write, 256)
	in.w = -1
	if err := in.renew(); err != nil {
		return fmt.Errorf("rt: standard input: %w", err)
	}
	go func() {
		for w := range in.writes {
			in.write(w)
		}
	}()
	return nil
}

func (in *stdin) write(w write) {
	if w.line == "" {
		in.renew() // without a new pipe readers wait until they are interrupted
	}
	for text := w.line; len(text) > 0; {
		n, err := unix.Write(in.w, []byte(text))
		if err != nil && err != unix.EINTR {
			break
		}
		text = text[max(n, 0):]
	}
	if w.asked {
		in.arrived()
	}
}

// arrived notes that a line that was on its way can be read, or does not come.
func (in *stdin) arrived() {
	in.mu.Lock()
	in.lines--
	in.mu.Unlock()
}

// renew puts a new pipe behind standard input. Who reads the old one meets its end; who reads later
// does not.
func (in *stdin) renew() error {
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		// blocking: os.Stdin does not wait with the runtime's poller
		return err
	}
	unix.CloseOnExec(fds[1])
	if err := unix.Dup2(fds[0], 0); err != nil {
		return err
	}
	unix.Close(fds[0])
	if in.w >= 0 {
		unix.Close(in.w)
	}
	in.w = fds[1]
	return nil
}

// ask has the engine ask the user; then gets the answer. Kind says who asks: "read" a read of
// standard input, "request" gonbui.RequestInput, "call" package display.
func (in *stdin) ask(prompt string, secret bool, who wire.Asker, then func(text string, err error)) {
	in.mu.Lock()
	in.next++
	n := in.next
	in.waiting[n] = then
	if who != wire.AskerCall {
		in.lines++
	}
	in.mu.Unlock()
	server.send(wire.Event{Kind: wire.EventInput, Request: n, Text: prompt, Secret: secret, Asker: who})
}

func (in *stdin) answer(c wire.Command) {
	in.mu.Lock()
	then := in.waiting[c.Request]
	delete(in.waiting, c.Request)
	in.mu.Unlock()
	if then != nil {
		then(c.Value, answers[c.Answer])
	}
}

// askLine asks for a line that is then read from standard input.
func (in *stdin) askLine(prompt string, secret bool, who wire.Asker) {
	in.ask(prompt, secret, who, func(text string, err error) {
		switch {
		case err == nil:
			in.writes <- write{text + "\n", true}
		case errors.Is(err, errWithdrawn):
			in.arrived()
		default:
			in.writes <- write{"", true}
		}
	})
}

// watch asks for a line whenever something waits for standard input, until done.
func (in *stdin) watch(done <-chan struct{}) {
	if in.file == nil {
		return
	}
	for {
		select {
		case <-done:
			return
		case <-time.After(probePause):
		}
		turn := in.probe()
		for waits := true; waits; {
			select {
			case <-done:
				return
			case <-turn:
				waits = false
			case <-time.After(probeWait):
				in.serve()
			}
		}
	}
}

// probe asks for its turn to read. One that still waits from an earlier cell goes on.
func (in *stdin) probe() <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.turn != nil {
		select {
		case <-in.turn:
		default:
			return in.turn
		}
	}
	turn := make(chan struct{})
	in.turn, in.prober = turn, ""
	go func() {
		defer close(turn)
		id := goroutineID()
		in.mu.Lock()
		in.prober = id
		in.mu.Unlock()
		if raw, err := in.file.SyscallConn(); err == nil {
			raw.Read(func(uintptr) bool { return true })
		}
	}()
	return turn
}

// serve asks for a line if the pipe is empty and no line is on its way. After an interrupt it ends
// the input.
func (in *stdin) serve() {
	in.mu.Lock()
	coming, prober := in.lines > 0, in.prober
	in.mu.Unlock()
	if coming && cell.Stop.Load() == 0 {
		return
	}
	ready := []unix.PollFd{{Fd: 0, Events: unix.POLLIN}}
	if n, err := unix.Poll(ready, 0); n > 0 || err != nil || len(in.writes) > 0 {
		return
	}
	if !someoneReads(prober) {
		return
	}
	if cell.Stop.Load() != 0 {
		in.writes <- write{}
	} else {
		in.askLine("", false, wire.AskerRead)
	}
}

// someoneReads reports whether the probe, a goroutine, waits for its turn while another is in a
// read that waits for the kernel. Without the second, the reader may just not have been given a
// processor since its data came.
func someoneReads(prober string) bool {
	waits, reads := false, false
	for g := range strings.SplitSeq(stacks(), "\n\n") {
		id, state, frames := parseStack(g)
		switch {
		case id == prober:
			waits = blocked(state) && strings.Contains(frames, "internal/poll.")
		case state == "syscall":
			reads = reads || strings.Contains(frames, "internal/poll.(*FD).Read(")
		}
	}
	return waits && reads
}

// input asks the user for a line and returns it without its newline.
func input(prompt string, secret bool) (string, error) {
	type line struct {
		text string
		err  error
	}
	got := make(chan line, 1)
	asking.ask(prompt, secret, wire.AskerCall, func(text string, err error) { got <- line{text, err} })
	l := <-got
	return l.text, l.err
}

// RequestLine asks the user for a line, which can then be read from standard input. It does not
// wait.
func RequestLine(prompt string, secret bool) { asking.askLine(prompt, secret, wire.AskerRequest) }
