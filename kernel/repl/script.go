// Piped scripts, the simple prompt, and files run as one cell.

package repl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"gsmlab/kernel/engine"
	"gsmlab/kernel/present"
	"gsmlab/kernel/shell"
)

// stream shows outputs as plain text, for scripts and the simple prompt.
type stream struct {
	out, err io.Writer
	last     string // the last printed text, so that a prompt starts on its own line
	input    func(ctx context.Context, prompt string, secret bool) (string, error)
}

func (s *stream) Stdout(text string) {
	io.WriteString(s.out, text)
	s.last = text
}
func (s *stream) Stderr(text string)       { io.WriteString(s.err, text) }
func (s *stream) Result(b engine.Bundle)   { s.Stdout(present.Plain(b) + "\n") }
func (s *stream) Display(d engine.Display) { s.Stdout(present.Plain(d.Data) + "\n") }
func (s *stream) Clear(bool)               {}
func (s *stream) Page(b engine.Bundle)     { s.Stdout(strings.TrimRight(present.Plain(b), "\n") + "\n") }
func (s *stream) Note(text string)         { fmt.Fprintln(s.err, "note: "+text) }
func (s *stream) Progress(string)          {} // nobody watches
func (s *stream) Input(ctx context.Context, prompt string, secret bool) (string, error) {
	return s.input(ctx, prompt, secret)
}

// noInput is the input of scripts. All of a script is code, so its own input has ended.
func noInput(context.Context, string, bool) (string, error) { return "", io.EOF }

// interruptible calls f for each SIGINT until stop is called.
func interruptible(f func()) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	go func() {
		for range signals {
			f()
		}
	}()
	return func() { signal.Stop(signals); close(signals) }
}

// saying reports what takes long at the start.
func saying(w io.Writer) engine.Options {
	return engine.Options{Say: engine.Lines(func(text string) { fmt.Fprintln(w, text) })}
}

// script runs piped cells and stops at the first error.
func script(ctx context.Context, opt Options) error {
	sh, err := opt.Start(ctx, shell.Options{History: opt.History, Engine: saying(opt.Err)})
	if err != nil {
		return err
	}
	defer sh.Close()
	defer interruptible(sh.Interrupt)()
	return runScript(ctx, sh, opt.In, &stream{out: opt.Out, err: opt.Err, input: noInput})
}

func runScript(ctx context.Context, sh *shell.Shell, from io.Reader, out *stream) error {
	in := bufio.NewReader(from)
	number := 0
	for {
		code, end := readCell(in, func(string) {}, nil)
		if end != nil && !errors.Is(end, io.EOF) {
			return end
		}
		if strings.TrimSpace(code) != "" {
			number++
		}
		if err := sh.Execute(engine.WithCell(ctx, number), code, out); err != nil {
			return err
		}
		if end != nil {
			return sh.RunOn(ctx, out)
		}
	}
}

// readCell reads lines until they make a cell; its error is io.EOF at the end of the input. If a
// user types, an empty line ends a cell that never closes. more says whether a line follows at
// once, as in a paste; nil means that nobody types.
func readCell(in *bufio.Reader, prompt func(code string), more func() bool) (code string, err error) {
	for {
		prompt(code)
		line, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return code, fmt.Errorf("kernel: reading the input: %w", err)
		}
		code += line
		blank := more != nil && strings.TrimSpace(line) == "" && !more()
		if err != nil || blank || !syntax.Incomplete(code) {
			return code, err
		}
	}
}

// RunFile runs a file as one cell.
func RunFile(ctx context.Context, path string, opt Options) error {
	opt = opt.filled()
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("kernel: %w", err)
	}
	sh, err := opt.Start(ctx, shell.Options{Engine: saying(opt.Err), Unattended: true})
	if err != nil {
		return err
	}
	defer sh.Close()
	defer interruptible(sh.Interrupt)()
	return sh.Execute(ctx, string(data), &stream{out: opt.Out, err: opt.Err, input: lineInput(bufio.NewReader(opt.In), opt)})
}

// lineInput asks for lines without an editor.
func lineInput(in *bufio.Reader, opt Options) func(context.Context, string, bool) (string, error) {
	return func(_ context.Context, prompt string, secret bool) (string, error) {
		fd := int(opt.In.Fd())
		if prompt != "" {
			fmt.Fprint(opt.Out, prompt)
		}
		if secret && term.IsTerminal(fd) && in.Buffered() == 0 {
			line, err := term.ReadPassword(fd)
			fmt.Fprintln(opt.Out)
			return string(line), err
		}
		line, err := in.ReadString('\n')
		if err != nil && line == "" {
			return "", err
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
}

// waiting reports whether a line follows faster than anyone can type.
func waiting(in *os.File) bool {
	const gap = 150 // milliseconds
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLIN}}, gap)
	return err == nil && n > 0
}

// plain is the simple prompt.
func (s *prompt) plain(ctx context.Context) error {
	in := bufio.NewReader(s.opt.In)
	out := &stream{out: s.opt.Out, err: s.opt.Err, input: lineInput(in, s.opt)}
	for {
		prompt := func(code string) {
			if out.last != "" && !strings.HasSuffix(out.last, "\n") {
				fmt.Fprintln(s.opt.Out)
			}
			out.last = ""
			first, more := prompts(s.number + 1)
			if code != "" {
				first = more
			}
			fmt.Fprint(s.opt.Out, first)
		}
		code, end := readCell(in, prompt, func() bool { return in.Buffered() > 0 || waiting(s.opt.In) })
		if end != nil && !errors.Is(end, io.EOF) {
			return end
		}
		if strings.TrimSpace(code) != "" {
			s.plainCell(ctx, code, out)
		}
		if end != nil {
			fmt.Fprintln(s.opt.Out)
			return nil
		}
	}
}

func (s *prompt) plainCell(ctx context.Context, code string, out *stream) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer interruptible(cancel)()
	s.kernel.retry()
	err := s.execute(ctx, s.count(code), code, out)
	s.remember(code, "", out)
	if err != nil {
		fmt.Fprintln(s.opt.Err, s.explain(err))
	}
}

// remember adds an input to the history.
func (s *prompt) remember(code, result string, out engine.Outputs) {
	if err := s.opt.History.Add(strings.TrimRight(code, "\n"), result); err != nil {
		out.Note(err.Error())
	}
}
