package shell

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"gsmlab/kernel/engine"
)

// outputs passes on what a cell shows, one call at a time, and copies its text for %capture.
type outputs struct {
	engine.Outputs
	mu   *sync.Mutex
	copy *os.File
	err  error
}

// withWidgets are the outputs of front ends that have a browser.
type withWidgets struct {
	*outputs
	engine.Widgets
}

func (o *outputs) also(text string) {
	if o.copy != nil {
		_, err := io.WriteString(o.copy, text)
		o.err = errors.Join(o.err, err)
	}
}

// closeCopy ends %capture.
func (o *outputs) closeCopy() error {
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

func (o *outputs) Stdout(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.also(text)
	o.Outputs.Stdout(text)
}

func (o *outputs) Stderr(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.also(text)
	o.Outputs.Stderr(text)
}

func (o *outputs) Result(value engine.Bundle) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.also(value.Text() + "\n")
	o.Outputs.Result(value)
}

func (o *outputs) Display(d engine.Display) {
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

func (o *outputs) Clear(wait bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Outputs.Clear(wait)
}

func (o *outputs) Page(text engine.Bundle) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Outputs.Page(text)
}

func (o *outputs) Note(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Outputs.Note(text)
}
