package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"gsmlab/kernel/engine"
)

// repl reads inputs line by line and runs them; it is the engine's Outputs.
type repl struct {
	eng         engine.Engine
	out, errOut io.Writer
	prompt      bool
}

func (r *repl) Stdout(text string)  { io.WriteString(r.out, text) }
func (r *repl) Stderr(text string)  { io.WriteString(r.errOut, text) }
func (r *repl) Display(text string) { fmt.Fprintln(r.out, text) }
func (r *repl) Note(text string)    { fmt.Fprintln(r.errOut, "note: "+text) }

// command is a line that starts with %.
type command struct {
	name, help string
	run        func(ctx context.Context, r *repl) error
}

// commands is the one table of commands. It is filled by init because %help lists it.
var commands []command

func init() {
	commands = []command{
		{"help", "this list", func(_ context.Context, r *repl) error {
			for _, c := range commands {
				fmt.Fprintf(r.out, "%%%-8s %s\n", c.name, c.help)
			}
			return nil
		}},
		{"who", "what cells have declared", func(_ context.Context, r *repl) error {
			for _, n := range r.eng.Who() {
				fmt.Fprintf(r.out, "%-5s %-16s %s (cell %d)\n", n.Kind, n.Name, n.Type, n.Cell)
			}
			return nil
		}},
		{"reset", "forget all that was declared", func(ctx context.Context, r *repl) error { return r.eng.Restart(ctx) }},
	}
}

func (r *repl) command(ctx context.Context, line string) error {
	name := strings.TrimPrefix(strings.TrimSpace(line), "%")
	for _, c := range commands {
		if c.name == name {
			return c.run(ctx, r)
		}
	}
	return fmt.Errorf("kernel: %%%s: unknown command (%%help lists them)", name)
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
		if engine.Incomplete(code) && !ended && !blank {
			continue
		}
		input := code
		code = ""
		switch text := strings.TrimSpace(input); {
		case text == "":
		case strings.HasPrefix(text, "%"):
			err = r.command(ctx, text)
		default:
			err = r.eng.Execute(ctx, input, r)
		}
		if err != nil && !errors.Is(err, io.EOF) {
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

var packageClause = regexp.MustCompile(`(?m)^package [a-z_0-9]+[ \t]*$`)

// withoutPackage turns a Go file into a cell: the package clause goes, its line stays, and main is called.
func withoutPackage(code string) string {
	at := packageClause.FindStringIndex(code)
	if at == nil {
		return code
	}
	code = code[:at[0]] + code[at[1]:]
	if regexp.MustCompile(`(?m)^func main\(\)`).MatchString(code) {
		code += "\nmain()\n"
	}
	return code
}
