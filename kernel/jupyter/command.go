package jupyter

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"gsmlab/kernel/shell"
)

const (
	defaultName           = shell.KernelName
	implementationVersion = "0.1.0"
)

const serveUsage = `usage: kernel jupyter [--root DIR] [--source DIGEST] [--path DIR] [CONNECTION_FILE]

Serves as a Jupyter kernel at the sockets that CONNECTION_FILE names. Jupyter starts it like that by itself
after "go run ./kernel install". Without a file, or where it does not exist, one is written for you to
connect to: jupyter console --existing FILE.

  --root DIR       the checkout of gsmlab that cells import (default: found from where you are)
  --source DIGEST  state of the checkout that this program is from; another one is said in the first cell
  --path DIR       a folder to add to PATH, where the go command is
`

// ServeCommand is `kernel jupyter`.
func ServeCommand(ctx context.Context, args []string, errOut io.Writer) error {
	flags := flag.NewFlagSet("kernel jupyter", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	opt := Options{Log: errOut}
	flags.StringVar(&opt.Shell.Engine.Root, "root", "", "")
	flags.StringVar(&opt.Source, "source", "", "")
	path := flags.String("path", "", "")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(errOut, serveUsage)
		return nil
	case err != nil || flags.NArg() > 1:
		return fmt.Errorf("kernel jupyter: %w\n\n%s", errors.Join(err, tooMany(flags.Args(), 1)), serveUsage)
	}
	opt.ConnectionFile = flags.Arg(0)
	if *path != "" {
		if err := os.Setenv("PATH", os.Getenv("PATH")+string(os.PathListSeparator)+*path); err != nil {
			return fmt.Errorf("kernel jupyter: %w", err)
		}
	}
	return Serve(ctx, opt)
}

// tooMany returns an error if there are more than n arguments.
func tooMany(args []string, n int) error {
	if len(args) <= n {
		return nil
	}
	return fmt.Errorf("what is %q for?", args[n])
}
