// Programs that cells start: immediate output, input, interrupts.

package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"gsmlab/internal/utf8tail"
	"gsmlab/kernel/engine"
)

// asking says what a shell line may ask the user for; see %with_inputs and %with_password.
type asking int

const (
	noInput asking = iota
	plainInput
	secretInput
)

const (
	// how long a line that may ask runs before the user is asked
	inputDelay = 200 * time.Millisecond
	killDelay  = 2 * time.Second // how long an interrupted line may still run
)

// program is what a shell line or a %%script cell runs.
type program struct {
	name  string
	args  []string
	dir   string
	input string // text for its standard input
	ask   asking
}

// runProgram runs a program, shows its output as it comes and returns its exit code. Cancelling ctx
// interrupts the program and everything it started.
func (s *Shell) runProgram(ctx context.Context, p program, out engine.Outputs) error {
	cmd := exec.Command(p.name, p.args...)
	cmd.Dir, cmd.Env = p.dir, s.environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // only we get the terminal's Ctrl-C
	// do not wait for what it left in the background
	cmd.WaitDelay = 500 * time.Millisecond
	stdout, stderr := &textWriter{show: out.Stdout}, &textWriter{show: out.Stderr}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	var answers io.WriteCloser
	if p.ask != noInput {
		var err error
		if answers, err = cmd.StdinPipe(); err != nil {
			return err
		}
	} else {
		cmd.Stdin = strings.NewReader(p.input)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended, stop := context.WithCancel(ctx)
	defer stop()
	if p.ask != noInput {
		go answer(ended, answers, p.ask == secretInput, out)
	}
	done := make(chan struct{})
	go func() {
		select {
		case <-done:
			return
		case <-ctx.Done():
		}
		syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		select {
		case <-done:
		case <-time.After(killDelay):
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	}()
	err := cmd.Wait()
	close(done)
	stdout.flush()
	stderr.flush()
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case errors.Is(err, exec.ErrWaitDelay):
		return nil
	}
	return err
}

// answer passes lines that the user types to a program while it runs.
func answer(ctx context.Context, to io.WriteCloser, secret bool, out engine.Outputs) {
	defer to.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(inputDelay):
		}
		line, err := out.Input(ctx, "", secret)
		if err != nil {
			if errors.Is(err, engine.ErrNoInput) {
				out.Note("the shell line asks for input, but nobody can answer here: it gets none")
			}
			return
		}
		if _, err := fmt.Fprintln(to, line); err != nil {
			return
		}
	}
}

// textWriter shows what is written to it. It keeps letters whole that come in two writes.
type textWriter struct {
	show func(string)
	held []byte
}

func (w *textWriter) Write(p []byte) (int, error) {
	w.held = append(w.held, p...)
	if whole := len(w.held) - utf8tail.Cut(w.held); whole > 0 {
		w.show(strings.ToValidUTF8(string(w.held[:whole]), "\uFFFD"))
		w.held = append(w.held[:0], w.held[whole:]...)
	}
	return len(p), nil
}

func (w *textWriter) flush() {
	if len(w.held) > 0 {
		w.show(strings.ToValidUTF8(string(w.held), "\uFFFD"))
		w.held = nil
	}
}

// environ is the environment of shell lines, including the variables that GoNB promises.
func (s *Shell) environ() []string {
	return append(s.eng.Environ(), "GONB_DIR="+s.eng.Dir(), "GONB_TMP_DIR="+s.eng.ModuleDir())
}

// getenv looks up a variable in the environment of the session.
func (s *Shell) getenv(name string) string {
	value := ""
	for _, entry := range s.environ() {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v // the last one counts
		}
	}
	return value
}
