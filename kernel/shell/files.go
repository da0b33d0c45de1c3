// Commands about files: %%writefile, %load, %save, %checkpoint, %restore, %capture, %demo.

package shell

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"gsmlab/internal/atomicfile"
	"gsmlab/internal/nbformat"
	"gsmlab/kernel/engine"
	"gsmlab/kernel/present"
)

var fileCommands = []Command{
	{Name: "load", Args: "FILE.go|FILE.ipynb", Help: "run a file: Go as one cell, whose main is called, or the cells of a notebook", Files: true, run: loadFile},
	{Name: "save", Args: "FILE.go|FILE.ipynb", Help: "write the cells so far as a program or a notebook", Files: true, run: saveFile,
		More: "Cells that failed are left out. In a program, a name that was declared twice has its last meaning everywhere; a note says so."},
	{Name: "checkpoint", Args: "[FILE]", Help: "save the variables, to resume after a crash or tomorrow", Files: true, run: checkpoint,
		More: "Tensors, GoMLX stores and what encoding/gob can write are saved; a note names what is not. The default file is " + checkpointFile + "."},
	{Name: "restore", Args: "[FILE]", Help: "bring back the variables of a checkpoint", Files: true, run: restore,
		More: "%restore           after a crash: bring back what it took, from the session's automatic checkpoint\n%restore FILE      what %checkpoint has saved; the default is " + checkpointFile + "\nWithout a file, variables that were declared since the crash stay as they are."},
	{Name: "demo", Args: "[show]", Help: "GSM at work: trains a network for digits and prunes it to a twentieth, in seconds", run: demo,
		More: "%demo show    only prints the cell"},
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
		err = atomicfile.WriteBytes(path, []byte(body))
	}
	if err != nil {
		return fmt.Errorf("%%%%writefile: %w", err)
	}
	r.out.Stdout("wrote " + r.short(path) + "\n")
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

// demoCell is the text of %demo, which is run as a cell.
//
//go:embed demo.txt
var demoCell string

// demoNext is what to do after it.
const demoNext = `All of it is still here. Try next:

    chart.Layers(run)                      how much each layer has kept
    mask.Kept()                            values stay: look at them, change them
    config.Compression = 40                then run the lines above once more, with these settings
    mask?                                  what a name is
    %help                                  what else there is

notebooks/kernel-tour.ipynb goes on from here; notebooks/00-tour.ipynb says how GSM works.
`

func demo(r *run, args string) error {
	lines := strings.ReplaceAll(demoCell, "\t", "    ") // pages make tabs wide
	r.out.Display(engine.Display{Data: engine.Bundle{"text/plain": lines, "text/markdown": "```go\n" + lines + "```\n"}})
	if args == "show" {
		return nil
	}
	if err := r.execute(r.ctx, demoCell, r.out); err != nil {
		return r.inFile("%demo", err)
	}
	r.out.Stdout("\n" + demoNext)
	return nil
}

const checkpointFile = "session.checkpoint"

func checkpoint(r *run, args string) error {
	path := r.path(cmp.Or(strings.Join(words(args), " "), checkpointFile))
	saved, err := r.eng.Save(r.ctx, path)
	if err != nil {
		return fmt.Errorf("%%checkpoint: %s", strings.TrimPrefix(err.Error(), "engine: "))
	}
	for _, l := range saved.Left {
		r.out.Note(fmt.Sprintf("%s is not saved: %s", l.Name, l.Reason))
	}
	r.out.Stdout(fmt.Sprintf("saved %s in %s\n", several(saved.Names), r.short(path)))
	return nil
}

func restore(r *run, args string) error {
	path := r.path(cmp.Or(strings.Join(words(args), " "), checkpointFile))
	load := func() (engine.Loaded, error) { return r.eng.Load(r.ctx, path) }
	if strings.TrimSpace(args) == "" && r.eng.Lost() {
		path = "the session's own checkpoint"
		load = func() (engine.Loaded, error) { return r.eng.Restore(r.ctx) }
	}
	loaded, err := load()
	if err != nil {
		return fmt.Errorf("%%restore: %s", strings.TrimPrefix(err.Error(), "engine: "))
	}
	for _, l := range loaded.Left {
		r.out.Note(fmt.Sprintf("%s is not restored: %s", l.Name, l.Reason))
	}
	for _, note := range loaded.Notes {
		r.out.Note(note)
	}
	r.out.Stdout(fmt.Sprintf("restored %s from %s\n", several(loaded.Names), r.short(path)))
	return nil
}

func several(names []string) string {
	if len(names) == 0 {
		return "no variables"
	}
	return strings.Join(names, ", ")
}

func loadFile(r *run, args string) error {
	name := strings.Join(words(args), " ")
	path := r.path(name)
	switch filepath.Ext(path) {
	case ".go":
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("%%load: %w", err)
		}
		if err := r.execute(r.ctx, string(text), r.out); err != nil {
			return r.inFile("%load: "+name, err)
		}
		return nil
	case ".ipynb":
		nb, err := nbformat.Read(path)
		if err != nil {
			return fmt.Errorf("%%load: %w", err)
		}
		if kernel, language := nb.Kernel(); language != "" && language != "go" {
			return fmt.Errorf("%%load: %s is for the kernel %s (%s), only Go can be loaded", name, kernel, language)
		}
		for i, c := range nb.Cells {
			if c.Type != "code" {
				continue
			}
			if err := r.execute(r.ctx, c.Source, r.out); err != nil {
				return r.inFile(fmt.Sprintf("%%load: %s, cell %d", name, i+1), err)
			}
		}
		return nil
	}
	return fmt.Errorf("%%load: %q is not the name of a file of Go (.go) or of a notebook (.ipynb)", name)
}

// inFile says where an error in loaded text is.
func (r *run) inFile(name string, err error) error {
	var cell *engine.CellError
	if errors.As(err, &cell) && cell.Kind == engine.KindInterrupt {
		if at := cell.Place; at.Cell == r.number { // of the text, whose cell is that of the command
			r.out.Note(fmt.Sprintf("%s was stopped at %s", name, present.Position("line ", at)))
		}
		return &engine.CellError{Kind: cell.Kind, Msg: cell.Msg, Place: engine.Place{Cell: r.number, Line: r.line}}
	}
	text := present.InFile(err, func(at engine.Place) string {
		if at.Cell != r.number { // of an earlier cell
			return at.String()
		}
		return present.Position("line ", at)
	})
	return fileError{fmt.Errorf("%s: %s", name, strings.ReplaceAll(text, "\n", "\n    "))}
}

// fileError is an error that names its own place.
type fileError struct{ error }

func saveFile(r *run, args string) error {
	path := r.path(strings.Join(words(args), " "))
	switch filepath.Ext(path) {
	case ".go":
		p, err := r.eng.Program("main")
		if err != nil {
			return fmt.Errorf("%%save: %w", err)
		}
		if err := atomicfile.WriteBytes(path, []byte(p.Text)); err != nil {
			return fmt.Errorf("%%save: %w", err)
		}
		for _, note := range p.Notes {
			r.out.Note(note)
		}
	case ".ipynb":
		nb := nbformat.New(KernelName, "Go (gsmlab)", "go")
		for _, text := range r.typed {
			if !strings.HasPrefix(text, "%save ") {
				nb.Add("code", strings.TrimRight(text, "\n"))
			}
		}
		if err := nb.Write(path); err != nil {
			return fmt.Errorf("%%save: %w", err)
		}
	default:
		return fmt.Errorf("%%save: %q is not the name of a file of Go (.go) or of a notebook (.ipynb)", strings.Join(words(args), " "))
	}
	r.out.Stdout("wrote " + r.short(path) + "\n")
	return nil
}
