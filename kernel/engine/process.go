package engine

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"gsmlab/kernel/engine/rt"
)

// process is a worker that runs.
type process struct {
	cmd      *exec.Cmd
	commands io.WriteCloser
	events   chan rt.Event
	dead     chan struct{} // closed when it has ended and all its output is delivered
	err      error         // how it ended; valid once dead is closed
	keeps    bool          // package keep is loaded

	mu   sync.Mutex
	wake *sync.Cond
	seen [2]int // the last mark in stdout and stderr
	eof  [2]bool
	tail string // the end of stderr; from where it starts to be the last words of a program: all of it
	last bool
}

// startProcess starts the worker at its place; out gets what it writes, with 0 for stdout and 1 for stderr.
func startProcess(path string, at *place, out func(stream int, text string)) (*process, error) {
	p := &process{cmd: exec.Command(path), events: make(chan rt.Event, 64), dead: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = at.folder(), at.environ()
	p.wake = sync.NewCond(&p.mu)
	in, commands, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	events, reports, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	var readers [2]io.Reader
	if readers[0], err = p.cmd.StdoutPipe(); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if readers[1], err = p.cmd.StderrPipe(); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	p.cmd.ExtraFiles = []*os.File{in, reports}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the terminal's Ctrl-C goes to us alone
	p.commands = commands
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	preferWorkerWhenMemoryEnds(p.cmd.Process.Pid)
	in.Close()
	reports.Close()
	var streams sync.WaitGroup
	for i, r := range readers {
		streams.Go(func() { p.read(i, r, out) })
	}
	streams.Go(func() {
		lines := json.NewDecoder(events)
		for {
			var e rt.Event
			if lines.Decode(&e) != nil {
				events.Close()
				return
			}
			p.await(e.Seq)
			p.events <- e
		}
	})
	go func() {
		streams.Wait()
		p.err = p.cmd.Wait()
		commands.Close()
		close(p.dead)
	}()
	return p, nil
}

func (p *process) send(c rt.Command) {
	data, _ := json.Marshal(c)
	p.commands.Write(append(data, '\n')) // a worker that is gone is noticed by its end
}

// await returns when both streams have delivered all that was written before event seq. Cells that
// close their standard output do not hold us up for long.
func (p *process) await(seq int) {
	late := time.AfterFunc(time.Second, func() {
		p.mu.Lock()
		p.seen[0], p.seen[1] = max(p.seen[0], seq), max(p.seen[1], seq)
		p.mu.Unlock()
		p.wake.Broadcast()
	})
	defer late.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.seen {
		for p.seen[i] < seq && !p.eof[i] {
			p.wake.Wait()
		}
	}
}

// read passes a stream on, without marks and without our names.
func (p *process) read(stream int, r io.Reader, out func(int, string)) {
	emit := func(text string) {
		if text == "" {
			return
		}
		if text = clean(text); stream == 1 {
			p.mu.Lock()
			p.hear(text)
			p.mu.Unlock()
		}
		out(stream, text)
	}
	buf := make([]byte, 32<<10)
	pending := ""
	for {
		n, err := r.Read(buf)
		pending += string(buf[:n])
		for {
			m := rt.MarkPattern.FindStringSubmatchIndex(pending)
			if m == nil {
				break
			}
			emit(pending[:m[0]])
			seq, _ := strconv.Atoi(pending[m[2]:m[3]])
			pending = pending[m[1]:]
			p.mu.Lock()
			p.seen[stream] = max(p.seen[stream], seq)
			p.mu.Unlock()
			p.wake.Broadcast()
		}
		whole := len(pending) - held(pending)
		if err != nil {
			whole = len(pending)
		}
		emit(pending[:whole])
		pending = pending[whole:]
		if err != nil {
			p.mu.Lock()
			p.eof[stream] = true
			p.mu.Unlock()
			p.wake.Broadcast()
			return
		}
	}
}

// held is how many bytes at the end of text may be the start of a mark or of one of our names.
func held(text string) int {
	for n := min(len(text), 24); n > 0; n-- {
		end := text[len(text)-n:]
		switch {
		case end[0] == 0 && (n == 1 || strings.HasPrefix(end, "\x00\x01")):
			return n
		case end[0] == tick[0] && (strings.HasPrefix(tick, end) || strings.HasPrefix(end, tick) && strings.TrimRight(end[len(tick):], "c0123456789") == ""):
			return n
		}
	}
	return 0
}

// hear keeps what the worker wrote to stderr, should these be its last words; p.mu is held.
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

// listen forgets what was written to stderr before a cell.
func (p *process) listen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tail, p.last = "", false
}

// lastWords returns what a worker that has ended said about it: a dump of the runtime or of C++.
func (p *process) lastWords() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.last {
		return ""
	}
	return p.tail
}

func (p *process) kill() {
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.dead
}

// close lets the worker end by itself, or ends it.
func (p *process) close() {
	p.commands.Close()
	select {
	case <-p.dead:
	case <-time.After(200 * time.Millisecond):
		p.kill()
	}
}
