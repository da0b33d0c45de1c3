package shell

import (
	"errors"
	"fmt"
	"io"
	"os"

	"gsmlab/internal/atomicfile"
)

var fileCommands = []Command{
	{Name: "capture", Args: "[-a] FILE", Help: "copy what the rest of the cell shows to a file; -a appends", Files: true, run: capture},
}

// fileArgs reads `[-a] FILE`.
func (s *Shell) fileArgs(args []string) (path string, more bool, err error) {
	if len(args) > 0 && args[0] == "-a" {
		more, args = true, args[1:]
	}
	if len(args) != 1 {
		return "", false, errors.New("one file has to be named: [-a] FILE")
	}
	return s.path(args[0]), more, nil
}

func capture(r *run, args string) error {
	path, more, err := r.fileArgs(words(args))
	if err != nil {
		return fmt.Errorf("%%capture: %w", err)
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if more {
		flags = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return fmt.Errorf("%%capture: %w", err)
	}
	err = r.out.closeCopy()
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	r.out.copy = f
	return err
}

// writeFile is %%writefile.
func (r *run) writeFile(args []string, body string) error {
	path, more, err := r.fileArgs(args)
	if err == nil && more {
		err = appendFile(path, body)
	} else if err == nil {
		err = atomicfile.Write(path, func(w io.Writer) error {
			_, err := io.WriteString(w, body)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("%%%%writefile: %w", err)
	}
	r.out.Stdout("wrote " + path + "\n")
	return nil
}

func appendFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Close())
}
