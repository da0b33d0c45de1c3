// The recorder: it turns what cells show into outputs of a notebook.

package notebook

import (
	"context"
	"fmt"
	"sync"

	"gsmlab/internal/nbformat"
	"gsmlab/kernel/engine"
	"gsmlab/kernel/present"
)

const (
	maxText    = 16 << 20 // how many bytes of a cell's printed text are kept
	checkEvery = 64 << 10 // after how many bytes the kept size is checked
)

// recorder turns what cells show into the outputs of a notebook.
type recorder struct {
	mu       sync.Mutex
	cell     *nbformat.Cell
	pending  bool // the next output replaces those of the cell
	stream   string
	text     *nbformat.Screen // of the stream, not yet among the outputs; nil if there is none
	grown    int              // bytes of text since its size was checked
	size     int              // of the text among the outputs
	full     bool             // the cell has more text than is kept
	displays map[string][]spot
}

// spot is the place of a display with an ID, which later cells may update.
type spot struct {
	cell  *nbformat.Cell
	index int
}

// begin starts a cell.
func (r *recorder) begin(c *nbformat.Cell, count int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cell != nil {
		r.flush()
	}
	r.cell, r.pending = c, false
	c.Count = count
	r.empty()
}

// empty removes the cell's outputs.
func (r *recorder) empty() {
	for id, places := range r.displays {
		kept := places[:0]
		for _, p := range places {
			if p.cell != r.cell {
				kept = append(kept, p)
			}
		}
		r.displays[id] = kept
	}
	r.cell.Outputs = nil
	r.text, r.size, r.grown, r.full = nil, 0, 0, false
}

// flush adds the printed text to the outputs.
func (r *recorder) flush() {
	if r.text == nil {
		return
	}
	text := r.text.String()
	r.text = nil
	if text != "" {
		r.cell.Append(nbformat.Output{Type: "stream", Name: r.stream, Text: text})
		r.size += len(text)
	}
}

// settle brings a finished cell's text into its final form.
func (r *recorder) settle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flush()
	for i := range r.cell.Outputs {
		if o := &r.cell.Outputs[i]; o.Type == "stream" {
			o.Text = nbformat.Overwritten(o.Text)
		}
	}
}

func (r *recorder) add(o nbformat.Output) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(o)
}

func (r *recorder) put(o nbformat.Output) {
	if r.pending {
		r.pending = false
		r.empty()
	}
	r.flush()
	r.cell.Append(o)
}

func (r *recorder) print(name, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending {
		r.pending = false
		r.empty()
	}
	if r.full {
		return
	}
	if r.stream != name {
		r.flush()
		r.stream = name
	}
	if r.text == nil {
		r.text = new(nbformat.Screen)
	}
	r.text.Write(text)
	if r.grown += len(text); r.grown > checkEvery {
		r.grown = 0
		if r.full = r.size+r.text.Len() > maxText; r.full {
			r.text.Write(fmt.Sprintf("\n... more than %d MiB of text: the rest is left out\n", maxText>>20))
		}
	}
}

func (r *recorder) Stdout(text string) { r.print("stdout", text) }
func (r *recorder) Stderr(text string) { r.print("stderr", text) }

// Progress is not recorded: it depends on what was built before.
func (r *recorder) Progress(string) {}

// Note begins on its own line.
func (r *recorder) Note(text string) {
	r.mu.Lock()
	begun := r.text != nil && r.stream == "stderr" && !r.text.Fresh()
	r.mu.Unlock()
	if begun {
		text = "\nnote: " + text
	} else {
		text = "note: " + text
	}
	r.print("stderr", text+"\n")
}

// Page does nothing: help has no place in a notebook.
func (r *recorder) Page(engine.Bundle) {}

func (r *recorder) Result(value engine.Bundle) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(nbformat.Output{Type: "execute_result", Count: r.cell.Count, Data: present.Data(value)})
}

func (r *recorder) Display(d engine.Display) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.Update && d.ID != "" {
		for _, p := range r.displays[d.ID] {
			p.cell.Outputs[p.index].Data, p.cell.Outputs[p.index].Metadata = present.Data(d.Data), d.Metadata
		}
		return
	}
	r.put(nbformat.Output{Type: "display_data", Data: present.Data(d.Data), Metadata: d.Metadata})
	if d.ID != "" {
		r.displays[d.ID] = append(r.displays[d.ID], spot{r.cell, len(r.cell.Outputs) - 1})
	}
}

func (r *recorder) Clear(wait bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending = wait; !wait {
		r.empty()
	}
}

func (r *recorder) Input(context.Context, string, bool) (string, error) {
	return "", engine.ErrNoInput
}
