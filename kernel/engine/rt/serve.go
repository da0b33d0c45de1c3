package rt

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"plugin"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Command is a line that the engine sends to the worker.
type Command struct {
	Do    string `json:"do"`              // "run", "interrupt", "setenv", "chdir", "args", "save", "load"
	Path  string `json:"path,omitempty"`  // run: the plugin; chdir: the folder
	Cell  int    `json:"cell,omitempty"`  // run: its number
	Name  string `json:"name,omitempty"`  // setenv
	Value string `json:"value,omitempty"` // setenv

	Args  []string `json:"args,omitempty"`  // args: os.Args from 1 on
	Flags []string `json:"flags,omitempty"` // args: flags that are about to be defined again
	Vars  []Stored `json:"vars,omitempty"`  // save, load: the variables; Path is the folder
}

// Event is a line that the worker sends to the engine. Before each, the worker writes Mark(Seq) to its
// standard output and error, so that the engine can put all three into their true order.
type Event struct {
	Kind   string        `json:"kind"` // "ready", "display", "done"
	Seq    int           `json:"seq"`
	Text   string        `json:"text,omitempty"`   // display: the value; done: the panic's message
	Status string        `json:"status,omitempty"` // done: "ok", "panic", "interrupted", "failed"
	Trace  string        `json:"trace,omitempty"`  // done after a panic: the stack
	Load   time.Duration `json:"load,omitempty"`   // done: time to load the plugin
	Run    time.Duration `json:"run,omitempty"`    // done: time that the cell ran
	Dir    string        `json:"dir,omitempty"`    // done: the working folder
}

// Mark is what is written to the streams before event seq.
func Mark(seq int) string { return fmt.Sprintf("\x00\x01gsm%d\x02", seq) }

// MarkPattern finds marks; its group is the number.
var MarkPattern = regexp.MustCompile("\x00\x01gsm([0-9]+)\x02")

type serving struct {
	mu   sync.Mutex
	out  io.Writer
	seq  int
	cell *running
}

type running struct {
	cancel context.CancelFunc
	gone   *atomic.Bool
	id     string // of its goroutine
	done   chan struct{}
	once   sync.Once
	load   time.Duration
	start  time.Time
}

var server = &serving{out: io.Discard}

// Serve reads commands from in and writes events to out until in ends.
func Serve(in io.Reader, out io.Writer) error {
	server.out = out
	server.send(Event{Kind: "ready"})
	commands := json.NewDecoder(in)
	for {
		var c Command
		if err := commands.Decode(&c); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("rt: reading commands: %w", err)
		}
		switch c.Do {
		case "run":
			server.run(c)
		case "interrupt":
			server.interrupt()
		case "setenv":
			os.Setenv(c.Name, c.Value) // the engine has checked both this and the folder
		case "chdir":
			os.Chdir(c.Path)
		case "args":
			setArgs(c.Args, c.Flags)
		case "save":
			server.transfer(c, saveOne)
		case "load":
			server.transfer(c, loadOne)
		}
	}
}

func (s *serving) send(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	e.Seq = s.seq
	io.WriteString(os.Stdout, Mark(e.Seq))
	io.WriteString(os.Stderr, Mark(e.Seq))
	data, _ := json.Marshal(e) // strings and numbers only
	s.out.Write(append(data, '\n'))
}

func (s *serving) display(text string) { s.send(Event{Kind: "display", Text: text}) }

func (s *serving) run(command Command) {
	begin := time.Now()
	p, err := plugin.Open(command.Path)
	var found [3]plugin.Symbol
	for i, name := range []string{"Run", "Gone", "Look"} {
		if err == nil {
			found[i], err = p.Lookup(name)
		}
	}
	if err != nil {
		s.send(Event{Kind: "done", Status: "failed", Text: err.Error()})
		return
	}
	tables.Store(command.Cell, *found[2].(*func(string) any))
	s.start(&running{gone: *found[1].(**atomic.Bool), load: time.Since(begin)}, *found[0].(*func()))
}

// start runs a cell in a goroutine of its own.
func (s *serving) start(c *running, run func()) {
	ctx, cancel := context.WithCancel(context.Background())
	Ctx = ctx
	stop.Store(false)
	c.cancel, c.done, c.start = cancel, make(chan struct{}), time.Now()
	s.mu.Lock()
	s.cell = c
	s.mu.Unlock()
	started := make(chan string)
	go s.runCell(c, run, started)
	c.id = <-started
}

// finish reports the end of a cell once: by its goroutine, or by an interrupt that gave it up.
func (s *serving) finish(c *running, e Event) {
	c.once.Do(func() {
		c.cancel()
		stop.Store(false)
		e.Kind, e.Load, e.Run = "done", c.load, time.Since(c.start)
		e.Dir, _ = os.Getwd()
		close(c.done)
		s.send(e)
	})
}

func (s *serving) runCell(c *running, run func(), started chan<- string) {
	buf := make([]byte, 64)
	started <- strings.Fields(string(buf[:runtime.Stack(buf, false)]))[1]
	normal := false
	defer func() {
		e := Event{Status: "ok"}
		if r := recover(); r != nil {
			e = Event{Status: "panic", Text: panicText(r), Trace: string(debug.Stack())}
		} else if !normal { // Goexit: by our check, or by the cell itself
			e.Status = "interrupted"
		}
		s.finish(c, e)
	}()
	run()
	normal = true
}

func panicText(r any) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("a %T that panics when it is shown", r)
		}
	}()
	if err, ok := r.(error); ok {
		return err.Error()
	}
	return fmt.Sprint(r)
}

// interrupt cancels the cell's context and trips the checks. A goroutine that then stays blocked at one
// place (a sleep, a channel, a lock) can be given up safely: it ends at the cell's next statement if it
// ever wakes. One that computes without a check is left to the engine, which ends the worker.
func (s *serving) interrupt() {
	s.mu.Lock()
	c := s.cell
	s.mu.Unlock()
	if c == nil {
		return
	}
	select {
	case <-c.done:
		return
	default:
	}
	stop.Store(true)
	c.cancel()
	go func() {
		last, same := "", 0
		for {
			select {
			case <-c.done:
				return
			case <-time.After(60 * time.Millisecond):
			}
			now, blocked := goroutine(c.id)
			if blocked && now == last {
				same++
			} else {
				last, same = now, 0
			}
			if same >= 3 {
				c.gone.Store(true)
				s.finish(c, Event{Status: "interrupted"})
				return
			}
		}
	}()
}

// goroutine returns the stack of a goroutine without its waiting time, and whether it waits for something.
func goroutine(id string) (stack string, blocked bool) {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	_, rest, ok := strings.Cut("\n\n"+string(buf), "\n\ngoroutine "+id+" ")
	if !ok {
		return "", false
	}
	stack, _, _ = strings.Cut(rest, "\n\n")
	state, frames, _ := strings.Cut(stack, "\n")
	state, _, _ = strings.Cut(strings.Trim(state, "[]:"), ",")
	switch state {
	case "running", "runnable", "syscall", "copystack", "preempted":
		return frames, false
	}
	return frames, true
}
