package shell

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"gsmlab/kernel/bound"
	"gsmlab/kernel/engine"
	"gsmlab/kernel/present"
)

// relay passes on what a cell shows, one call at a time, and copies its text for %capture.
type relay struct {
	*bound.Outputs
	front engine.Outputs // of the front end
	mu    *sync.Mutex
	dump  present.Dump // in stderr, of a worker that ends
	copy  *os.File
	err   error
}

// withWidgets are the outputs of front ends with a browser.
type withWidgets struct {
	*relay
	engine.Widgets
}

func (o *relay) also(text string) {
	if o.copy != nil {
		_, err := io.WriteString(o.copy, text)
		o.err = errors.Join(o.err, err)
	}
}

// end shows what was kept for the end of the cell.
func (o *relay) end() error {
	o.mu.Lock()
	if rest := o.dump.End(); rest != "" {
		o.also(rest)
		o.Outputs.Stderr(rest)
	}
	o.Outputs.End()
	o.mu.Unlock()
	return o.closeCopy()
}

// closeCopy ends %capture.
func (o *relay) closeCopy() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.copy == nil {
		return nil
	}
	err := errors.Join(o.err, o.copy.Close())
	o.copy = nil
	if err != nil {
		return fmt.Errorf("%%capture: %w", err)
	}
	return nil
}

func (o *relay) Stdout(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.also(text)
	o.Outputs.Stdout(text)
}

func (o *relay) Stderr(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if text = o.dump.Fold(text); text == "" {
		return
	}
	o.also(text)
	o.Outputs.Stderr(text)
}

func (o *relay) Result(value engine.Bundle) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.also(value.Text() + "\n")
	o.Outputs.Result(value)
}

func (o *relay) Display(d engine.Display) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, mime := range []string{"text/plain", "text/html", "text/markdown"} {
		if text, _ := d.Data[mime].(string); text != "" {
			o.also(text + "\n")
			break
		}
	}
	o.Outputs.Display(d)
}

func (o *relay) Clear(wait bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Outputs.Clear(wait)
}

func (o *relay) Page(text engine.Bundle) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Outputs.Page(text)
}

func (o *relay) Progress(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Outputs.Progress(text)
}

func (o *relay) Note(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Outputs.Note(text)
}
