// Package repl is the terminal front end of the kernel. It has a prompt with an editor for whole
// cells, a simple prompt for terminals that cannot do more, and scripts from a pipe. See README.md.
package repl

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/term"

	"gsmlab/kernel/engine"
	"gsmlab/kernel/repl/edit"
	"gsmlab/kernel/repl/picture"
	"gsmlab/kernel/shell"
)

// Options configure Run; the zero value uses the process's standard streams.
type Options struct {
	In       *os.File
	Out, Err io.Writer
	Plain    bool           // use the simple prompt even if the terminal can do more
	History  *shell.History // nil: the user's
	// Start starts the shell while the prompt is already shown; nil means shell.New.
	Start func(context.Context, shell.Options) (*shell.Shell, error)
	// Getenv is os.Getenv if nil.
	Getenv func(string) string
}

func (o Options) filled() Options {
	if o.In == nil {
		o.In = os.Stdin
	}
	if o.Out == nil {
		o.Out = os.Stdout
	}
	if o.Err == nil {
		o.Err = os.Stderr
	}
	if o.Start == nil {
		o.Start = shell.New
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	return o
}

// Run reads and runs cells until the input ends. On a terminal it shows the errors of cells. A
// script ends with its first error, which Run returns.
func Run(ctx context.Context, opt Options) error {
	opt = opt.filled()
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if !term.IsTerminal(int(opt.In.Fd())) {
		return script(ctx, opt)
	}
	if opt.History == nil {
		h, err := shell.OpenHistory("")
		if err != nil {
			fmt.Fprintln(opt.Err, err)
		}
		h.At = shell.AtPrompt
		opt.History = h
	}
	s := &prompt{opt: opt, cells: map[int]string{}, kernel: start(ctx, opt)}
	defer s.kernel.close()
	out, isFile := opt.Out.(*os.File)
	if opt.Plain || opt.Getenv("TERM") == "dumb" || opt.Getenv("TERM") == "" || !isFile || !term.IsTerminal(int(out.Fd())) {
		return s.plain(ctx)
	}
	terminal, err := edit.Open(opt.In, out)
	if err != nil {
		return err
	}
	s.term = terminal
	defer terminal.Close()
	return s.interactive(ctx)
}

// prompt is the state that both prompts keep.
type prompt struct {
	opt    Options
	kernel *kernel
	term   *edit.Terminal // nil for the simple prompt
	cells  map[int]string // the text of cells by number, for errors
	number int
	theme  theme // of the simple prompt: none
	detect sync.Once
	canvas picture.Canvas // once detect is done
}

const keptCells = 1000 // cells whose text is kept for errors

// count gives a cell its number.
func (s *prompt) count(code string) (number int) {
	s.number++
	s.cells[s.number] = code
	delete(s.cells, s.number-keptCells)
	return s.number
}

// execute runs a cell once the kernel has started.
func (s *prompt) execute(ctx context.Context, number int, code string, out engine.Outputs) error {
	sh, err := s.kernel.wait(ctx)
	if err != nil {
		return err
	}
	return sh.Execute(engine.WithCell(ctx, number), code, out)
}

// syntax answers questions that need no engine.
var syntax = new(shell.Shell)
