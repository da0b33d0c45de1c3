// A running worker: its pipes and streams, the commands to it and the events from it, and its end.

package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"gsmlab/kernel/engine/wire"
)

// process is a running worker.
type process struct {
	cmd      *exec.Cmd
	commands io.WriteCloser
	events   chan wire.Event // "ready", "leaving" and "done"
	dead     chan struct{}   // closed when the worker has ended and all its output is delivered
	err      error           // how it ended; valid once dead is closed
	keeps    bool            // package keep is loaded

	mu      sync.Mutex
	wake    *sync.Cond
	seen    [wire.Streams]int // the last mark in each
	handled int               // the last event that was delivered
	ended   [3]bool           // stdout, stderr and events
	// the end of stderr; once it starts like the last words of a program, all of it
	tail   string
	last   bool
	before string // the tail when the latest cell began
}

// outlet gets what a worker shows, in its true order, though from several goroutines. Until the
// outlet returns, the worker can continue only while its pipes have room, so a slow front end slows
// the cell down.
type outlet interface {
	stream(stream wire.Stream, text string)
	event(p *process, e wire.Event) // all events but those in process.events
}

// startProcess starts the worker in its setting.
func startProcess(path string, at *setting, out outlet) (*process, error) {
	p := &process{cmd: exec.Command(path), events: make(chan wire.Event, 64), dead: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = at.folder(), at.environ()
	p.wake = sync.NewCond(&p.mu)
	var ours, theirs [4]*os.File // commands, stdout, stderr, events
	closeAll := func(files [4]*os.File) {
		for _, f := range files {
			f.Close()
		}
	}
	for i := range ours {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(ours)
			closeAll(theirs)
			return nil, fmt.Errorf("engine: %w", err)
		}
		ours[i], theirs[i] = r, w
	}
	ours[0], theirs[0] = theirs[0], ours[0]
	p.cmd.Stdout, p.cmd.Stderr = theirs[1], theirs[2]
	p.cmd.ExtraFiles = []*os.File{theirs[0], theirs[3]}
	// only we get the terminal's Ctrl-C
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.commands = ours[0]
	err := p.cmd.Start()
	closeAll(theirs)
	if err != nil {
		closeAll(ours)
		return nil, fmt.Errorf("engine: %w", err)
	}
	preferWorkerWhenMemoryEnds(p.cmd.Process.Pid)
	var readers sync.WaitGroup
	readers.Go(func() { p.read(wire.Stdout, patient{ours[1]}, out) })
	readers.Go(func() { p.read(wire.Stderr, patient{ours[2]}, out) })
	readers.Go(func() { p.handle(patient{ours[3]}, out) })
	go func() {
		p.err = p.cmd.Wait()
		// Everything that the worker started ends with it. A process that has left the group may
		// still hold a pipe; it must not make us wait.
		syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		for _, f := range ours[1:] {
			f.SetReadDeadline(time.Now().Add(time.Second))
		}
		readers.Wait()
		closeAll(ours)
		close(p.dead)
	}()
	return p, nil
}

// patient reads what is left in a pipe even after its deadline has passed.
type patient struct{ *os.File }

func (f patient) Read(b []byte) (int, error) {
	n, err := f.File.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		f.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		n, err = f.File.Read(b)
	}
	return n, err
}

// handle delivers events, each after everything written to the streams before it.
func (p *process) handle(events io.Reader, out outlet) {
	lines := json.NewDecoder(events)
	for {
		var e wire.Event
		if lines.Decode(&e) != nil {
			p.end(2)
			return
		}
		p.mu.Lock()
		for i := range p.seen {
			for p.seen[i] < e.Seq && !p.ended[i] {
				p.wake.Wait()
			}
		}
		p.mu.Unlock()
		if e.Kind == wire.EventReady || e.Kind == wire.EventDone || e.Kind == wire.EventLeaving {
			p.events <- e
		} else {
			out.event(p, e)
		}
		p.mu.Lock()
		p.handled = e.Seq
		p.mu.Unlock()
		p.wake.Broadcast()
	}
}

// passed notes a mark in a stream, and holds up the stream until the mark's event has been
// delivered.
func (p *process) passed(stream wire.Stream, seq int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[stream] = max(p.seen[stream], seq)
	p.wake.Broadcast()
	for p.handled < seq && !p.ended[2] {
		p.wake.Wait()
	}
}

func (p *process) end(i int) {
	p.mu.Lock()
	p.ended[i] = true
	p.mu.Unlock()
	p.wake.Broadcast()
}

func (p *process) send(c wire.Command) {
	data, _ := json.Marshal(c)
	p.commands.Write(append(data, '\n')) // if the worker is gone, its end tells us
}

// read passes a stream on, without marks.
func (p *process) read(stream wire.Stream, r io.Reader, out outlet) {
	emit := func(text string) {
		if text == "" {
			return
		}
		if stream == wire.Stderr {
			p.mu.Lock()
			p.hear(text)
			p.mu.Unlock()
		}
		out.stream(stream, text)
	}
	buf := make([]byte, 32<<10)
	pending := ""
	for {
		n, err := r.Read(buf)
		pending += string(buf[:n])
		for {
			m := wire.MarkPattern.FindStringSubmatchIndex(pending)
			if m == nil {
				break
			}
			emit(pending[:m[0]])
			seq, _ := strconv.Atoi(pending[m[2]:m[3]])
			pending = pending[m[1]:]
			p.passed(stream, seq)
		}
		whole := len(pending) - held(pending)
		if err != nil {
			whole = len(pending)
		}
		emit(pending[:whole])
		pending = pending[whole:]
		if err != nil {
			p.end(int(stream))
			return
		}
	}
}

// held is how many bytes at the end of text may be the start of a mark.
func held(text string) int {
	for n := min(len(text), 24); n > 0; n-- {
		end := text[len(text)-n:]
		if end[0] == 0 && (n == 1 || strings.HasPrefix(end, wire.MarkStart)) {
			return n
		}
	}
	return 0
}

// hear keeps what the worker writes to stderr, in case these are its last words; the caller holds
// p.mu.
func (p *process) hear(text string) {
	const end, words = 1 << 10, 64 << 10
	if p.last {
		p.tail += text[:min(len(text), words-min(words, len(p.tail)))]
		return
	}
	p.tail += text
	if at := lastWords.FindStringIndex(p.tail); at != nil {
		p.tail, p.last = p.tail[at[0]:], true
		return
	}
	p.tail = p.tail[max(0, len(p.tail)-end):]
}

// listen starts to collect last words for a new cell. It keeps those before, because a goroutine of
// an earlier cell may be ending the worker at this moment.
func (p *process) listen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before = ""
	if p.last {
		p.before = p.tail
	}
	p.tail, p.last = "", false
}

// lastWords returns what a worker that has ended said about its end: a dump of the runtime or of
// C++.
func (p *process) lastWords() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.last:
		return p.tail
	case p.before != "" && p.err != nil && p.err.Error() == "exit status 2":
		// as of a dump of the runtime
		return p.before + p.tail
	}
	return ""
}

// runs says whether the worker still runs.
func (p *process) runs() bool {
	select {
	case <-p.dead:
		return false
	default:
		return true
	}
}

// computed is the processor time that the worker has taken.
func (p *process) computed() time.Duration {
	const tick = 10 * time.Millisecond // Linux's unit for this file
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	_, rest, ok := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest) // from the third on
	if !ok || len(fields) < 13 {
		return 0 // it has ended
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick
}

func (p *process) kill() {
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.dead
}

// close lets the worker end on its own, or ends it.
func (p *process) close() {
	p.commands.Close()
	select {
	case <-p.dead:
	case <-time.After(200 * time.Millisecond):
		p.kill()
	}
}
