// Package notebook runs notebooks and Go files without Jupyter or Python, and writes what the cells
// show back into the notebooks.
package notebook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gsmlab/internal/atomicfile"
	"gsmlab/internal/nbformat"
	"gsmlab/kernel/engine"
	"gsmlab/kernel/present"
	"gsmlab/kernel/shell"
)

// Options say how to run notebooks.
type Options struct {
	Out         string        // file or folder to write to; "" means the notebook itself
	HTML        bool          // also write an HTML page next to it
	NoRun       bool          // write the page of what the notebook holds, and nothing else
	Timeout     time.Duration // of one cell; 0 means none
	AllowErrors bool          // continue after errors

	Progress io.Writer // told about each cell
	Terminal bool      // Progress is a terminal
	Start    func(context.Context, shell.Options) (*shell.Shell, error)
}

// saveEvery is how often a running notebook is written, so that a crash does not lose long
// training.
const saveEvery = 30 * time.Second

// Run runs a notebook from its first cell to the last, or to the first that fails, and writes it to
// target.
func Run(ctx context.Context, path, target string, opt Options) error {
	nb, err := nbformat.Read(path)
	if err != nil {
		return err
	}
	if err := forGo(path, nb); err != nil {
		return err
	}
	sh, err := opt.Start(ctx, shell.Options{Dir: filepath.Dir(path), Page: true, Unattended: !goesOn(nb)})
	if err != nil {
		return err
	}
	if name, _ := nb.Kernel(); name == shell.KernelName { // else opening it in Jupyter changes it
		nb.Metadata["language_info"] = shell.LanguageInfo()
	}
	r := &runner{nb: nb, path: path, target: target, opt: opt, sh: sh, rec: &recorder{displays: map[string][]spot{}}, sources: map[int]string{}}
	err = r.cells(ctx)
	if err == nil { // what is stopped still
		err = sh.RunOn(ctx, r.rec)
	}
	return errors.Join(err, sh.Close(), r.write())
}

// goesOn says whether cells of the notebook step through others that stop at a breakpoint.
func goesOn(nb *nbformat.Notebook) bool {
	return slices.ContainsFunc(nb.Cells, func(c *nbformat.Cell) bool { return c.Type == "code" && shell.GoesOn(c.Source) })
}

// forGo refuses notebooks in other languages.
func forGo(path string, nb *nbformat.Notebook) error {
	name, language := nb.Kernel()
	if language == "go" || language == "" && name == "" {
		return nil
	}
	what := "the kernel " + name
	if language == "" {
		return fmt.Errorf("%s: the notebook is for %s and does not say its language, only Go runs here; if it is Go, write \"language\": \"go\" into its kernelspec", path, what)
	}
	if what += " (" + language + ")"; name == "" {
		what = "the language " + language
	}
	return fmt.Errorf("%s: the notebook is for %s, only Go runs here; this runs it: jupyter nbconvert --execute --to notebook --inplace %s", path, what, path)
}

// runner is a running notebook.
type runner struct {
	nb           *nbformat.Notebook
	path, target string
	opt          Options
	sh           *shell.Shell
	rec          *recorder
	sources      map[int]string // of the cells that ran, by number
}

// cells runs all cells.
func (r *runner) cells(ctx context.Context) error {
	var code []*nbformat.Cell
	for _, c := range r.nb.Cells {
		if c.Type == "code" {
			code = append(code, c)
		}
	}
	p := newProgress(r.opt, filepath.Base(r.path), len(code))
	defer p.end()
	count := 0
	written := time.Now()
	for i, c := range code {
		if strings.TrimSpace(c.Source) == "" || slices.Contains(c.Tags(), "skip-execution") {
			c.Count, c.Outputs = 0, nil
			p.done(i+1, 0)
			continue
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: interrupted before code cell %d", r.path, i+1)
		}
		count++
		began := time.Now()
		err := r.cell(ctx, c, count)
		p.done(i+1, time.Since(began))
		if err != nil {
			if ctx.Err() != nil || !r.opt.AllowErrors && !slices.Contains(c.Tags(), "raises-exception") {
				return fmt.Errorf("%s: code cell %d: %w", r.path, i+1, err)
			}
			p.failed(i+1, err)
		}
		if time.Since(written) > saveEvery {
			if err := r.nb.Write(r.target); err != nil {
				return err
			}
			written = time.Now()
		}
	}
	return nil
}

// cell runs one cell. Its error is among its outputs too.
func (r *runner) cell(ctx context.Context, c *nbformat.Cell, count int) error {
	r.rec.begin(c, count)
	r.sources[count] = c.Source
	if r.opt.Timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, r.opt.Timeout)
		defer cancel()
		ctx = limited
	}
	err := r.sh.Execute(engine.WithCell(ctx, count), c.Source, r.rec)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
		err = fmt.Errorf("it took longer than %v (--timeout) and was stopped", r.opt.Timeout)
	}
	r.rec.settle()
	if err != nil {
		r.rec.add(nbformat.Output{Type: "error", Ename: present.Name(err), Evalue: present.Message(err), Traceback: present.Lines(err, r.source)})
	}
	return err
}

// source is the text of a cell that has run.
func (r *runner) source(cell int) (text string, known bool) {
	text, known = r.sources[cell]
	return text, known
}

// write writes the notebook and its page.
func (r *runner) write() error {
	r.rec.mu.Lock() // goroutines of cells ended with the worker
	defer r.rec.mu.Unlock()
	if r.rec.cell != nil {
		r.rec.flush()
	}
	if err := r.nb.Write(r.target); err != nil {
		return err
	}
	if !r.opt.HTML {
		return nil
	}
	return writePage(r.nb, r.path, r.target)
}

// Page writes the page of a notebook as it is, next to where the notebook would go.
func Page(path, target string) error {
	nb, err := nbformat.Read(path)
	if err != nil {
		return err
	}
	return writePage(nb, path, target)
}

func writePage(nb *nbformat.Notebook, path, target string) error {
	page := pageOf(target)
	text, err := HTML(nb, strings.TrimSuffix(filepath.Base(target), filepath.Ext(target)), filepath.Dir(path))
	if err == nil {
		err = atomicfile.WriteBytes(page, text)
	}
	if err != nil {
		return fmt.Errorf("notebook: %s: %w", page, err)
	}
	return nil
}

// pageOf is the file of the page of a notebook.
func pageOf(notebook string) string {
	return strings.TrimSuffix(notebook, filepath.Ext(notebook)) + ".html"
}
