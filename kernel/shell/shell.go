// Package shell is the part that all front ends of the kernel share. It reads a cell, carries out
// its commands (lines that start with % or !) and passes the Go between them to the engine. See
// README.md.
package shell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gsmlab/kernel/bound"
	"gsmlab/kernel/engine"
)

// Shell runs cells that may hold commands.
type Shell struct {
	eng     *engine.Engine
	history func() *History

	running sync.Mutex // one cell at a time
	count   int        // number of cells, if the front end does not number them
	args    []string   // of the session's program, set by %args
	before  string     // the folder before the last %cd
	// what the next shell line may ask for; at a prompt that line is in another cell
	ask     asking
	typed   []string // cells that ended without an error, as typed
	limit   bound.Limit
	spill   func() (string, error) // the folder for longer outputs
	warning string                 // shown with the first cell
	debug   debugging

	outMu  sync.Mutex // outputs come one at a time, even from goroutines of earlier cells
	mu     sync.Mutex
	cancel context.CancelFunc // of the cell that runs
	held   context.CancelFunc // of the cell that is stopped
}

// Options configure New. The zero value suits front ends.
type Options struct {
	Engine  engine.Options
	History *History // nil opens the one at HistoryFile when it is first needed
	Dir     string   // the folder of the session; "" means that of the process
	// outputs go to a browser or a file, which need a limit: see package bound
	Page bool
	// nobody is there to go on when a cell stops, so breakpoints are ignored
	Unattended bool
}

// New starts a shell with its own engine.
func New(ctx context.Context, opt Options) (*Shell, error) {
	eng, err := engine.New(ctx, opt.Engine)
	if err != nil {
		return nil, err
	}
	s := &Shell{eng: eng, spill: bound.Folder()}
	s.debug.ignored, s.debug.events = opt.Unattended, make(chan engine.DebugEvent, 1000)
	s.debug.shown = map[int]bool{}
	eng.Debugger().Listen(s.heard)
	if opt.Page {
		s.limit = bound.Default
	}
	if setting := os.Getenv(bound.Setting); setting != "" {
		limit, err := bound.Parse(setting)
		if s.limit = limit; err != nil {
			s.warning = bound.Setting + "=" + err.Error()
		}
	}
	s.history = sync.OnceValue(func() *History {
		if opt.History != nil {
			return opt.History
		}
		h, _ := OpenHistory("") // one in memory will do
		return h
	})
	if opt.Dir != "" {
		dir, err := filepath.Abs(opt.Dir)
		if err == nil {
			err = eng.Chdir(dir)
		}
		if err != nil {
			return nil, errors.Join(err, eng.Close())
		}
	}
	err = errors.Join(eng.Setenv("GONB_DIR", eng.Dir()), eng.Setenv("GONB_TMP_DIR", eng.ModuleDir()))
	if err != nil {
		return nil, errors.Join(err, eng.Close())
	}
	return s, nil
}

var errInterrupted = errors.New("interrupted")

// run is a cell in progress.
type run struct {
	*Shell
	ctx    context.Context
	out    *relay
	cell   cell
	number int
	line   int       // of the running part
	timed  time.Time // when %time came; zero if it did not
	spent  engine.Times
	skip   bool    // do not run the remaining Go
	test   *string // flags of %test, which runs at the end of the cell; nil without %test
}

type silentKey struct{}

// Silent is for text that the user did not type as a cell, such as expressions that a front end
// evaluates. %save leaves it out of notebooks.
func Silent(ctx context.Context) context.Context { return context.WithValue(ctx, silentKey{}, true) }

// Execute runs a cell: Go and commands. It stops at the first part that fails; see engine.Engine
// for errors and interrupts. engine.WithCell gives the cell its number. It also returns when the
// cell stops at a breakpoint, unless a client is attached; the next cells then step through it.
func (s *Shell) Execute(ctx context.Context, text string, out engine.Outputs) error {
	s.running.Lock()
	defer s.running.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.cancel = cancel
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.cancel = nil
		s.mu.Unlock()
	}()
	if strings.TrimSpace(text) == "" {
		return nil
	}
	if engine.CellNumber(ctx) == 0 {
		s.count++
		ctx = engine.WithCell(ctx, s.count)
	}
	run := func(ctx context.Context, out engine.Outputs) error {
		o := &relay{front: out, mu: &s.outMu, Outputs: bound.New(out, &s.outMu, s.limit, fmt.Sprintf("cell-%d", engine.CellNumber(ctx)), s.spill)}
		if s.warning != "" {
			o.Note(s.warning)
			s.warning = ""
		}
		return errors.Join(s.execute(ctx, text, o), o.end())
	}
	s.debug.mu.Lock()
	s.debug.last = out
	s.debug.mu.Unlock()
	var err error
	if s.debug.held == nil && s.mayStop(text) {
		err = s.hold(ctx, text, out, run)
	} else {
		err = run(ctx, out)
	}
	if silent, _ := ctx.Value(silentKey{}).(bool); err == nil && !silent {
		s.typed = append(s.typed, text)
	}
	return err
}

// execute carries out a text, which may come from a file.
func (s *Shell) execute(ctx context.Context, text string, out *relay) error {
	r := &run{Shell: s, ctx: ctx, out: out, cell: parseCell(text), number: engine.CellNumber(ctx)}
	if r.cell.magic {
		p := r.cell.parts[0]
		return r.placed(p, r.command(p.text))
	}
	if r.hasGo() && r.inTheWay() == nil {
		s.debug.lastGo, s.debug.at = r.number, engine.At{}
		r.setArgs()
	}
	parts := r.finished()
	for i, p := range parts {
		if r.ctx.Err() != nil {
			return r.placed(p, errInterrupted)
		}
		r.line = p.line
		if p.command {
			if err := r.placed(p, r.command(p.text)); err != nil {
				return err
			}
		} else if hasGo(p.text) && !r.skip {
			if i == 0 {
				p.text = withoutPackage(p.text)
			}
			if err := r.runGo(strings.Repeat("\n", p.line-1) + p.text); err != nil {
				return err
			}
		}
	}
	if r.test != nil {
		if err := r.placed(part{line: r.line}, r.runTests(*r.test)); err != nil {
			return err
		}
	}
	r.showTimes()
	return nil
}

// setArgs sets os.Args and the flags to what the Go of the cell expects.
func (r *run) setArgs() {
	var flags []string
	for _, p := range r.cell.parts {
		if !p.command {
			flags = append(flags, flagsIn(p.text)...)
		}
	}
	if r.cell.main || len(flags) > 0 {
		if r.cell.main {
			r.args = words(r.cell.args)
		}
		r.eng.Args(r.args, flags...)
	}
}

// finished returns the parts with what GoNB adds automatically: it calls functions named init_...,
// then the function of a %% body, and also func main.
func (r *run) finished() []part {
	calls := ""
	hasMain := false
	for _, f := range r.cell.funcs {
		if strings.HasPrefix(f, "init_") {
			calls += f + "(); "
		}
		hasMain = hasMain || f == "main"
	}
	parts := r.cell.parts
	for i, p := range parts {
		if !strings.Contains(p.text, mainMark) || p.command {
			continue
		}
		if r.cell.exec != "" {
			calls += parseFlags + r.cell.exec + "(); "
		} else if usesFlags := len(r.args) > 0 || strings.Contains(p.text, "flag."); usesFlags {
			calls += parseFlags
		}
		if r.cell.exec != "" {
			parts[i].text = strings.Replace(p.text, mainMark, calls, 1)
		} else {
			parts[i].text = strings.Replace(p.text, mainMark, calls+"func() {", 1) + "\n}()"
		}
		return parts
	}
	if hasMain {
		calls += "main()"
	}
	if calls == "" {
		return parts
	}
	if last := &parts[len(parts)-1]; !last.command {
		last.text += "\n" + calls
		return parts
	}
	return append(parts, part{parts[len(parts)-1].line, calls, false})
}

const parseFlags = "flag.Parse(); "

// runGo passes Go to the engine.
func (r *run) runGo(text string) error {
	if r.inTheWay() != nil {
		return r.lookHeld(text)
	}
	var out engine.Outputs = r.out
	if w, ok := r.out.front.(engine.Widgets); ok {
		out = withWidgets{r.out, w}
	}
	err := r.eng.Execute(r.ctx, text, out)
	t := r.eng.Times()
	r.spent.Check += t.Check
	r.spent.Compile += t.Compile
	r.spent.Build += t.Build
	r.spent.Load += t.Load
	r.spent.Run += t.Run
	r.spent.Kept += t.Kept
	return err
}

// placed adds the place to a command's error if the cell has more than the command.
func (r *run) placed(p part, err error) error {
	var cell *engine.CellError
	var cells engine.Errors
	if err == nil || errors.As(err, &cell) || errors.As(err, &cells) {
		return err
	}
	e := &engine.CellError{Kind: engine.KindCommand, Msg: err.Error()}
	if errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled) && r.ctx.Err() != nil {
		e.Kind, e.Msg = engine.KindInterrupt, engine.Interrupted().Error()
	}
	if _, own := err.(fileError); len(r.cell.parts) > 1 && !own {
		e.Place = engine.Place{Cell: r.number, Line: p.line}
	}
	return e
}

// showTimes shows the times that %time asked for.
func (r *run) showTimes() {
	if r.timed.IsZero() {
		return
	}
	short := func(d time.Duration) string {
		switch {
		case d < time.Millisecond:
			return d.Round(time.Microsecond).String()
		case d < time.Second:
			return d.Round(100 * time.Microsecond).String()
		}
		return d.Round(10 * time.Millisecond).String()
	}
	text := short(time.Since(r.timed)) + " in all"
	if r.spent.Run > 0 {
		kept := ""
		if r.spent.Kept > 0 {
			kept = " (built before)"
		}
		text = fmt.Sprintf("run %s; check %s, build %s%s, load %s; %s", short(r.spent.Run), short(r.spent.Check), short(r.spent.Build), kept, short(r.spent.Load), text)
	}
	r.out.Stdout(text + "\n")
}

// Interrupt stops the running cell and keeps the state. Any goroutine may call it.
func (s *Shell) Interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.cancel != nil:
		s.cancel()
	case s.held != nil:
		s.held()
	}
}

// Comm passes a value from a browser to gonbui's widgets, see engine.Widgets.
func (s *Shell) Comm(address string, value any) error { return s.eng.Comm(address, value) }

// History is the list of inputs that front ends share; its session begins with the first call.
// Front ends add what the user typed.
func (s *Shell) History() *History { return s.history() }

// Restart ends the worker and forgets everything that cells declared.
func (s *Shell) Restart(ctx context.Context) error {
	s.running.Lock()
	defer s.running.Unlock()
	return s.restart(ctx)
}

func (s *Shell) restart(ctx context.Context) error {
	s.typed = nil
	s.abandon()
	return s.eng.Restart(ctx)
}

// Close ends the engine.
func (s *Shell) Close() error { return s.eng.Close() }
