// Command kernel is the live Go kernel: a prompt where each input is Go, compiled and run in a process
// that keeps all values. Piped input runs as a script; `kernel run FILE.go` runs a file as one cell.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/term"

	"gsmlab/kernel/jupyter"
	"gsmlab/kernel/shell"
)

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout, os.Stderr, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const usage = `usage: kernel            a prompt, or a script where the input is piped
       kernel run FILE.go  run a file as one cell
       kernel jupyter      serve as a Jupyter kernel (--help tells more)`

func run(ctx context.Context, in *os.File, out, errOut io.Writer, args []string) error {
	var code string
	switch {
	case len(args) > 0 && args[0] == "jupyter":
		return jupyter.ServeCommand(ctx, args[1:], errOut)
	case len(args) == 2 && args[0] == "run":
		data, err := os.ReadFile(args[1])
		if err != nil {
			return fmt.Errorf("kernel: %w", err)
		}
		code = string(data)
	case len(args) != 0:
		return fmt.Errorf("%s", usage)
	}
	sh, err := shell.New(ctx, shell.Options{})
	if err != nil {
		return err
	}
	defer sh.Close()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	defer signal.Stop(signals)
	go func() {
		for range signals {
			sh.Interrupt()
		}
	}()
	r := &repl{shell: sh, out: out, errOut: errOut, prompt: len(args) == 0 && term.IsTerminal(int(in.Fd()))}
	if len(args) == 2 {
		return sh.Execute(ctx, code, r)
	}
	return r.loop(ctx, in)
}
