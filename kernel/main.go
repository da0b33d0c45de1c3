// Command kernel is the live Go kernel: a prompt for Go. It compiles each input and runs it in a
// process that keeps all values. Piped input runs as a script; `kernel run` runs notebooks and Go
// files.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"gsmlab/kernel/jupyter"
	"gsmlab/kernel/notebook"
	"gsmlab/kernel/repl"
)

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout, os.Stderr, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const usage = `usage: kernel                a prompt, or a script where the input is piped
       kernel --plain        a prompt without an editor
       kernel run FILE...    run notebooks (.ipynb) and Go files (--help tells more)
       kernel install        tell Jupyter of this kernel (--help tells more)
       kernel jupyter        serve as a Jupyter kernel
       kernel --help         more on all of this`

func run(ctx context.Context, in *os.File, out, errOut io.Writer, args []string) error {
	preparePlugins()
	opt := repl.Options{In: in, Out: out, Err: errOut}
	command := ""
	if len(args) > 0 {
		command = args[0]
	}
	switch {
	case len(args) == 0:
		return repl.Run(ctx, opt)
	case command == "--plain" && len(args) == 1:
		opt.Plain = true
		return repl.Run(ctx, opt)
	case command == "run":
		return notebook.Command(ctx, args[1:], out, errOut, notebook.Options{Terminal: isTerminal(errOut)}, func(ctx context.Context, path string) error {
			return repl.RunFile(ctx, path, opt)
		})
	case command == "jupyter":
		return jupyter.ServeCommand(ctx, args[1:], errOut)
	case command == "install":
		return jupyter.InstallCommand(ctx, args[1:], out)
	case command == "--help" || command == "-h" || command == "help":
		_, err := io.WriteString(out, usage+"\n\n"+repl.Help)
		return err
	}
	return fmt.Errorf("%s", usage)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
