package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"gsmlab/kernel/engine"
	"gsmlab/kernel/shell"
)

// repl reads inputs line by line and runs them; it is the engine's Outputs.
type repl struct {
	shell       *shell.Shell
	out, errOut io.Writer
	prompt      bool
}

func (r *repl) Stdout(text string)       { io.WriteString(r.out, text) }
func (r *repl) Stderr(text string)       { io.WriteString(r.errOut, text) }
func (r *repl) Result(b engine.Bundle)   { fmt.Fprintln(r.out, b.Text()) }
func (r *repl) Display(d engine.Display) { fmt.Fprintln(r.out, d.Data.Text()) }
func (r *repl) Clear(bool)               {}
func (r *repl) Page(b engine.Bundle)     { io.WriteString(r.out, b.Text()) }
func (r *repl) Note(text string)         { fmt.Fprintln(r.errOut, "note: "+text) }
func (r *repl) Input(context.Context, string, bool) (string, error) {
	return "", engine.ErrNoInput
}

// loop reads until the input ends. A script stops at its first error.
func (r *repl) loop(ctx context.Context, in io.Reader) error {
	lines := bufio.NewReader(in)
	code := ""
	for {
		if r.prompt {
			fmt.Fprint(r.out, map[bool]string{true: "> ", false: ". "}[code == ""])
		}
		line, err := lines.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("kernel: reading the input: %w", err)
		}
		ended := err != nil
		code += line
		blank := r.prompt && strings.TrimSpace(line) == "" // an empty line ends an input that never closes
		if r.shell.Incomplete(code) && !ended && !blank {
			continue
		}
		err = r.shell.Execute(ctx, code, r)
		code = ""
		if err != nil {
			if !r.prompt {
				return err
			}
			fmt.Fprintln(r.errOut, err)
		}
		if ended {
			return nil
		}
	}
}
