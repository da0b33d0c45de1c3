package toolchain

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Step is a part of a long build.
type Step struct {
	Text string
	// how many packages are compiled, and how many there are at most, because those in Go's build
	// cache are skipped; 0 if unknown
	Done, Of int
}

// String is the step as one line.
func (s Step) String() string {
	switch {
	case s.Done == 0:
		return s.Text
	case s.Of == 0:
		return fmt.Sprintf("%s (%d)", s.Text, s.Done)
	}
	return fmt.Sprintf("%s (%d of at most %d)", s.Text, s.Done, max(s.Done, s.Of))
}

type tellKey struct{}

// Telling returns a context for builds that a cell asks for: say is told about their steps.
func Telling(ctx context.Context, say func(Step)) context.Context {
	return context.WithValue(ctx, tellKey{}, say)
}

// told is what Telling set, and does nothing without it.
func told(ctx context.Context) func(Step) {
	if say, ok := ctx.Value(tellKey{}).(func(Step)); ok {
		return say
	}
	return func(Step) {}
}

// Lines returns a function for Options.Say that writes a line for each step at once, and another
// one every ten seconds about its progress.
func Lines(line func(string)) func(Step) {
	var mu sync.Mutex
	var last Step
	var said time.Time
	return func(s Step) {
		mu.Lock()
		defer mu.Unlock()
		if said.IsZero() {
			line("building what cells are built with: minutes the first time, seconds after a change")
		} else if s.Text == last.Text && time.Since(said) < 10*time.Second {
			return
		}
		last, said = s, time.Now()
		line(s.String())
	}
}

// compiling reads what the go command prints with -v: a line for each package that it compiles.
// Other lines are errors.
type compiling struct {
	say  func(Step)
	errs bytes.Buffer
	held []byte // of a line that has not ended

	mu   sync.Mutex
	step Step
}

func (c *compiling) Write(p []byte) (int, error) {
	c.held = append(c.held, p...)
	for {
		line, rest, whole := bytes.Cut(c.held, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		c.held = rest
		if len(line) == 0 || bytes.ContainsAny(line, " \t:#") {
			c.errs.Write(append(line, '\n'))
			continue
		}
		c.mu.Lock()
		c.step.Done++
		c.say(c.step)
		c.mu.Unlock()
	}
}

// counted runs a go command that compiles, with -v among its flags, and reports its progress. The
// other command counts its packages.
func counted(ctx context.Context, cmd, count *exec.Cmd, text string, say func(Step)) ([]byte, error) {
	c := &compiling{say: say, step: Step{Text: text}}
	say(c.step)
	counting, cancel := context.WithCancel(ctx)
	defer cancel()
	time.AfterFunc(time.Second, func() { // packages in Go's build cache take less
		if counting.Err() != nil {
			return
		}
		if out, err := output(count); err == nil {
			c.mu.Lock()
			c.step.Of = bytes.Count(out, []byte("\n"))
			c.mu.Unlock()
		}
	})
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, c
	if err := cmd.Run(); err != nil {
		return nil, commandError(cmd, err, strings.TrimSpace(c.errs.String()+string(c.held)+out.String()))
	}
	return out.Bytes(), nil
}
