// `kernel run`: its flags, its files, and where output goes.

package notebook

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"gsmlab/kernel/engine"
	"gsmlab/kernel/present"
	"gsmlab/kernel/shell"
)

// Usage is what --help shows.
const Usage = `usage: kernel run [flags] FILE.ipynb|FILE.go...

Runs notebooks and Go files without Jupyter or Python, each in its own session.

    kernel run lesson.ipynb              runs all cells and writes their outputs into lesson.ipynb
    kernel run -o out/ a.ipynb b.ipynb   leaves the notebooks as they are and writes out/a.ipynb, out/b.ipynb
    kernel run --html lesson.ipynb       writes lesson.html too: one file that any browser shows
    kernel run --html --no-run a.ipynb   writes a.html of the outputs that the notebook has
    kernel run tool.go                   runs a program, or Go without a main, and shows what it prints

flags, before or after the files:
  -o OUT            write to this file, or for several notebooks into this folder
  --html            write a page next to each notebook: pictures inside, light and dark
  --no-run          with --html: run nothing, and leave the notebook as it is
  --timeout 5m      stop a cell that takes longer; no limit without it
  --allow-errors    continue when a cell fails; its error is an output

Notebooks that were made for GoNB run as they are: %%, !cmd, !*go get, %env, %cd and the rest (see %help).
A cell with the tag raises-exception may fail, one with skip-execution is skipped. A notebook runs in its own folder.

At the first error, or at Ctrl-C, the run ends with exit code 1 and names the cell. The outputs so far are still
written; cells that were not reached keep their old outputs. Files are replaced whole or not at all.
`

// Command carries out `kernel run`. runGo runs a Go file and shows its output.
func Command(ctx context.Context, args []string, out, errOut io.Writer, opt Options, runGo func(ctx context.Context, path string) error) error {
	files, err := parse(args, &opt)
	if errors.Is(err, flag.ErrHelp) {
		_, err := io.WriteString(out, Usage)
		return err
	}
	if err != nil {
		return err
	}
	targets, err := targets(files, opt)
	if err != nil {
		return err
	}
	if opt.Start == nil {
		opt.Start = shell.New
	}
	opt.Progress = errOut
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() { // a second Ctrl-C ends the process
		<-ctx.Done()
		stop()
	}()
	for i, file := range files {
		written := targets[i]
		switch {
		case filepath.Ext(file) == ".go":
			err, written = goFile(ctx, file, opt, runGo), ""
		case opt.NoRun:
			err, written = Page(file, targets[i]), pageOf(targets[i])
		default:
			err = Run(ctx, file, targets[i], opt)
		}
		if err == nil && written != "" {
			fmt.Fprintf(errOut, "%s: written to %s\n", file, written)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parse reads flags and files in any order.
func parse(args []string, opt *Options) (files []string, err error) {
	flags := flag.NewFlagSet("kernel run", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&opt.Out, "o", "", "")
	flags.BoolVar(&opt.HTML, "html", false, "")
	flags.BoolVar(&opt.NoRun, "no-run", false, "")
	flags.DurationVar(&opt.Timeout, "timeout", 0, "")
	flags.BoolVar(&opt.AllowErrors, "allow-errors", false, "")
	for {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, fmt.Errorf("kernel run: %w (kernel run --help explains the flags)", err)
		}
		if flags.NArg() == 0 {
			break
		}
		files = append(files, flags.Arg(0))
		args = flags.Args()[1:]
	}
	switch {
	case len(files) == 0:
		return nil, errors.New("kernel run: which file? (kernel run --help shows examples)")
	case opt.NoRun && !opt.HTML:
		return nil, errors.New("kernel run: --no-run: there is nothing to do without --html")
	case opt.Timeout < 0:
		return nil, fmt.Errorf("kernel run: --timeout %v: must not be negative", opt.Timeout)
	}
	return files, nil
}

// targets says where the result of each file goes, before anything runs.
func targets(files []string, opt Options) ([]string, error) {
	info, err := os.Stat(opt.Out)
	folder := opt.Out != "" && (err == nil && info.IsDir() || strings.HasSuffix(opt.Out, "/") || len(files) > 1)
	if folder {
		if err := os.MkdirAll(opt.Out, 0o755); err != nil {
			return nil, fmt.Errorf("kernel run: -o: %w", err)
		}
	}
	all := make([]string, len(files))
	taken := map[string]string{}
	for i, file := range files {
		switch filepath.Ext(file) {
		case ".go":
			if opt.Out != "" || opt.HTML {
				return nil, fmt.Errorf("kernel run: %s: -o and --html are for notebooks", file)
			}
			continue
		case ".ipynb":
		default:
			return nil, fmt.Errorf("kernel run: %s is neither a notebook (.ipynb) nor a Go file (.go)", file)
		}
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("kernel run: %w", err)
		}
		all[i] = file
		if folder {
			all[i] = filepath.Join(opt.Out, filepath.Base(file))
		} else if opt.Out != "" {
			all[i] = opt.Out
		}
		if other := taken[all[i]]; other != "" {
			return nil, fmt.Errorf("kernel run: %s and %s would both be written to %s", other, file, all[i])
		}
		taken[all[i]] = file
		if all[i], err = writable(all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// writable returns the file that path links to, or path itself. It fails if the file cannot be
// written: the user should know that before an hour of training, not after it.
func writable(path string) (string, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSymlink != 0 {
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return "", fmt.Errorf("kernel run: %w", err)
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".kernel-run-*")
	if err != nil {
		return "", fmt.Errorf("kernel run: %s could not be written: %w (-o names another place)", path, errors.Unwrap(err))
	}
	return path, errors.Join(f.Close(), os.Remove(f.Name()))
}

// goFile runs a Go file. Errors name the file instead of the cell.
func goFile(ctx context.Context, file string, opt Options, run func(context.Context, string) error) error {
	if opt.Timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, opt.Timeout)
		defer cancel()
		ctx = limited
	}
	err := run(ctx, file)
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s: it took longer than %v (--timeout) and was stopped", file, opt.Timeout)
	}
	text := present.InFile(err, func(at engine.Place) string { return present.Position(file+":", at) })
	if !strings.HasPrefix(text, file+":") {
		text = file + ": " + text
	}
	return errors.New(text)
}
