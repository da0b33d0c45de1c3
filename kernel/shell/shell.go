// Package shell is what all front ends of the kernel share: it reads a cell, carries out its commands
// (lines that start with % or !) and gives the Go between them to the engine.
package shell

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"gsmlab/kernel/engine"
)

// Shell runs cells that may hold commands.
type Shell struct {
	eng     engine.Engine
	history func() *History
}

// Options configure New; the zero value is what front ends want.
type Options struct {
	Engine  engine.Options
	History string // the file of the history; "": see HistoryFile
}

// New starts a shell with an engine of its own.
func New(ctx context.Context, opt Options) (*Shell, error) {
	eng, err := engine.New(ctx, opt.Engine)
	if err != nil {
		return nil, err
	}
	s := &Shell{eng: eng}
	s.history = sync.OnceValue(func() *History {
		h, _ := Open(opt.History) // one in memory does as well
		return h
	})
	return s, nil
}

// Execute runs a cell: Go, or a command. See engine.Engine for errors and interrupts.
func (s *Shell) Execute(ctx context.Context, text string, out engine.Outputs) error {
	switch line := strings.TrimSpace(text); {
	case line == "":
		return nil
	case strings.HasPrefix(line, "%"):
		return s.command(ctx, line, out)
	}
	return s.eng.Execute(ctx, text, out)
}

func (s *Shell) command(ctx context.Context, line string, out engine.Outputs) error {
	name, args, _ := strings.Cut(strings.TrimPrefix(line, "%"), " ")
	for _, c := range commands {
		if c.Name == name {
			return c.run(ctx, s, strings.TrimSpace(args), out)
		}
	}
	return fmt.Errorf("%%%s: unknown command (%%help lists them)", name)
}

// Incomplete reports whether a cell may go on on another line.
func (s *Shell) Incomplete(text string) bool {
	return !isCommand(text) && engine.Incomplete(text)
}

// History is the list of inputs that front ends share; its session begins with the first call. Front ends
// add to it what the user typed.
func (s *Shell) History() *History { return s.history() }

// Interrupt stops the cell that runs and keeps the state; it may be called from any goroutine.
func (s *Shell) Interrupt() { s.eng.Interrupt() }

// Restart ends the worker and forgets all that cells declared.
func (s *Shell) Restart(ctx context.Context) error { return s.eng.Restart(ctx) }

// Close ends the engine.
func (s *Shell) Close() error { return s.eng.Close() }
