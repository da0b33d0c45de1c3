// How the worker's output reaches the front end, in the order in which the cell made it.

package engine

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"gsmlab/kernel/engine/lang"
	"gsmlab/kernel/engine/wire"
)

// delivery takes what a worker shows to the front end, and returns what the user answers. It is the
// outlet of processes and outlives them.
type delivery struct {
	mu        sync.Mutex
	out       Outputs         // of the latest cell; nil before the first
	cells     map[int]Outputs // of the latest cells, by their numbers
	movedMu   sync.Mutex      // of moved
	moved     map[int][]int   // numbers of cells that ran again, by those in their code
	order     []int           // of cells
	displayed map[string]bool // the IDs of displays
	inputs    inputs
	worker    atomic.Pointer[process] // the running worker, for Comm, which may come at any time
	debugged  func(p *process, said *wire.Debugged)
}

func newDelivery() *delivery {
	return &delivery{displayed: map[string]bool{}, cells: map[int]Outputs{}}
}

// keptOutputs is how many cells can still be told of goroutines that ended after them.
const keptOutputs = 100

// to delivers what comes from now on to out. out belongs to the cell with that number, unless the
// number is 0.
func (d *delivery) to(cell int, out Outputs) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.out = out
	if cell == 0 {
		return
	}
	if _, ok := d.cells[cell]; ok {
		return // what runs beside a cell has the cell's number, such as Jupyter's user expressions
	}
	d.order = append(d.order, cell)
	d.cells[cell] = out
	if len(d.order) > keptOutputs {
		delete(d.cells, d.order[0])
		d.order = d.order[1:]
	}
}

// move notes that a cell ran again under a number other than the one in its code. With 0,
// everything is forgotten.
func (d *delivery) move(shown, now int) {
	d.movedMu.Lock()
	defer d.movedMu.Unlock()
	if shown == 0 {
		d.moved = map[int][]int{}
		return
	}
	d.moved[shown] = append(d.moved[shown], now)
}

// now is the number, in an error of a cell, of the cell whose code has the number shown: the one
// under which that cell itself ran, else the latest.
func (d *delivery) now(shown, cell int) int {
	d.movedMu.Lock()
	defer d.movedMu.Unlock()
	numbers := d.moved[shown]
	if len(numbers) == 0 || cell == shown {
		return shown
	}
	if slices.Contains(numbers, cell) {
		return cell
	}
	return numbers[len(numbers)-1]
}

// forget drops the cells of a session that has been restarted, because their numbers are used
// again.
func (d *delivery) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.cells)
	d.order = nil
}

// failed tells the cell that started a goroutine how the goroutine ended.
func (d *delivery) failed(e wire.Event) {
	err := cellError(e.Cell, e, d.now)
	if e.Cell == 0 { // by code of which cell, then
		if places := lang.Places(e.Trace); len(places) > 0 {
			e.Cell = places[len(places)-1].Cell
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	out, ok := d.cells[e.Cell]
	if !ok {
		out = d.out
	}
	if out != nil {
		out.Stderr(err.Error() + "\n")
	}
}

func (d *delivery) output(f func(Outputs)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.out != nil {
		f(d.out)
	}
}

// stream implements outlet.
func (d *delivery) stream(stream wire.Stream, text string) {
	d.output(func(o Outputs) {
		if stream == wire.Stdout {
			o.Stdout(text)
		} else {
			o.Stderr(text)
		}
	})
}

// writer delivers what is written to it as a stream.
func (d *delivery) writer(stream wire.Stream) io.Writer { return streamWriter{d, stream} }

type streamWriter struct {
	d      *delivery
	stream wire.Stream
}

func (w streamWriter) Write(p []byte) (int, error) {
	w.d.stream(w.stream, string(p))
	return len(p), nil
}

// event implements outlet.
func (d *delivery) event(p *process, e wire.Event) {
	switch e.Kind {
	case wire.EventResult:
		d.output(func(o Outputs) { o.Result(bundle(e)) })
	case wire.EventDisplay:
		shown := Display{Data: bundle(e), ID: e.ID}
		json.Unmarshal(e.Metadata, &shown.Metadata) // empty, or what the worker encoded
		d.output(func(o Outputs) {
			shown.Update = e.ID != "" && d.displayed[e.ID]
			if e.ID != "" {
				d.displayed[e.ID] = true
			}
			o.Display(shown)
		})
	case wire.EventClear:
		d.output(func(o Outputs) { o.Clear(e.Wait) })
	case wire.EventInput:
		d.output(func(o Outputs) { d.inputs.ask(p, e, o) })
	case wire.EventFailed:
		d.failed(e)
	case wire.EventDebug:
		d.debugged(p, e.Debug)
	case wire.EventComm:
		d.output(func(o Outputs) { comm(p, e, o) })
	}
}

func bundle(e wire.Event) Bundle {
	b := Bundle{}
	for mime, text := range e.Data {
		b[mime] = text
	}
	for mime, data := range e.Binary {
		b[mime] = data
	}
	return b
}

// comm passes on a widget's message. Without a browser, a cell that reads a value gets an empty
// one, and a cell that subscribes to values is told that there are none.
func comm(p *process, e wire.Event, o Outputs) {
	var value any
	json.Unmarshal(e.Value, &value) // empty, or what the worker encoded
	if w, ok := o.(Widgets); ok {
		w.Comm(e.Comm, e.Text, value)
	} else if e.Comm == wire.CommRead {
		p.send(wire.Command{Do: wire.DoComm, Name: e.Text, Value: `""`})
	} else if e.Comm == wire.CommSubscribe {
		p.send(wire.Command{Do: wire.DoComm, Name: e.Text, Value: "null"})
	}
}

// Comm passes a value from a browser to gonbui's widgets, see Widgets.
func (e *Engine) Comm(address string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("engine: a value for the widget at %s: %w", address, err)
	}
	e.show.worker.Load().send(wire.Command{Do: wire.DoComm, Name: address, Value: string(data)})
	return nil
}
