// The printer: it shows what cells output on a terminal, replaced in place where possible.

package repl

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/term"

	"gsmlab/kernel/engine"
	"gsmlab/kernel/present"
	"gsmlab/kernel/repl/edit"
)

// printer shows a cell's output on the terminal. It keeps the pieces, so that it can redraw a
// display in its place while that is on the screen.
type printer struct {
	s *prompt

	mu     sync.Mutex
	shown  []shown
	size   int
	clear  bool   // before the next output
	ended  bool   // the cell has
	frozen bool   // something else has been printed since
	above  bool   // there is output that is not among the pieces
	result string // the text of the result, for the history
}

type shown struct {
	id     string
	pieces []edit.Piece
}

const maxKept = 256 << 10 // bytes of pieces; a cell with more is not redrawn

func newPrinter(s *prompt) *printer { return &printer{s: s} }

// put shows pieces after the current output.
func (o *printer) put(id string, pieces ...edit.Piece) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.clear {
		o.clear = false
		o.shown, o.size = nil, 0
		if !o.frozen && !o.above && o.s.term.Replace(pieces...) {
			o.keep(id, pieces)
			return
		}
	}
	if id != "" && o.plainAbove() {
		// it stays, so that an update needs room on the screen for this display alone
		o.above, o.shown, o.size = true, nil, 0
		o.s.term.Mark()
	}
	o.s.term.Write(pieces...)
	o.keep(id, pieces)
}

// plainAbove says whether there are pieces, whole lines of what no update changes.
func (o *printer) plainAbove() bool {
	if len(o.shown) == 0 || slices.ContainsFunc(o.shown, func(s shown) bool { return s.id != "" }) {
		return false
	}
	last := o.shown[len(o.shown)-1].pieces
	return len(last) > 0 && strings.HasSuffix(last[len(last)-1].Text, "\n")
}

func (o *printer) keep(id string, pieces []edit.Piece) {
	for _, p := range pieces {
		o.size += len(p.Text)
	}
	if o.size > maxKept {
		o.shown = nil
		return
	}
	o.shown = append(o.shown, shown{id, pieces})
}

func (o *printer) Stdout(text string) { o.put("", edit.Piece{Text: text}) }

// Stderr goes to the terminal too, unless the user has redirected it.
func (o *printer) Stderr(text string) {
	if f, ok := o.s.opt.Err.(*os.File); ok && !term.IsTerminal(int(f.Fd())) {
		io.WriteString(f, text)
		return
	}
	o.put("", edit.Piece{Text: text})
}

func (o *printer) Page(b engine.Bundle) { o.put("", edit.Piece{Text: ended(present.Plain(b))}) }

func (o *printer) Note(text string) {
	o.put("", o.note(text))
}

func (o *printer) note(text string) edit.Piece {
	return edit.Piece{Text: o.s.theme.Dim("note: "+text) + "\n"}
}

func (o *printer) Progress(text string) {
	const id = "progress"
	line := o.note(text)
	if !o.update(id, []edit.Piece{line}) {
		o.put(id, line)
	}
}

func (o *printer) Result(b engine.Bundle) {
	o.mu.Lock()
	o.result = b.Text()
	o.mu.Unlock()
	o.put("", o.s.render(b)...)
}

func (o *printer) Display(d engine.Display) {
	pieces := o.s.render(d.Data)
	if !d.Update || d.ID == "" {
		o.put(d.ID, pieces...)
		return
	}
	if !o.update(d.ID, pieces) {
		o.put(d.ID, pieces...)
	}
}

// update shows pieces in place of those of the display with the same ID, if all of these are on the
// screen.
func (o *printer) update(id string, pieces []edit.Piece) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := false
	var all []edit.Piece
	for i := range o.shown {
		if o.shown[i].id == id {
			o.shown[i].pieces = pieces
			found = true
		}
		all = append(all, o.shown[i].pieces...)
	}
	return found && !o.frozen && o.size <= maxKept && o.s.term.Replace(all...)
}

func (o *printer) Clear(wait bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if wait {
		o.clear = true
		return
	}
	o.shown, o.size, o.clear = nil, 0, false
	if !o.frozen && !o.above {
		o.s.term.Replace()
	}
}

func (o *printer) Input(ctx context.Context, prompt string, secret bool) (string, error) {
	return edit.ReadLine(ctx, o.s.term, prompt, secret)
}

// end is called when the cell has ended.
func (o *printer) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended, o.clear = true, false
}

// freeze is called when something else is printed: after that nothing is redrawn in place.
func (o *printer) freeze() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.frozen = true
}

// stopping is called a second after an interrupt.
func (o *printer) stopping() {
	o.mu.Lock()
	ended := o.ended
	o.mu.Unlock()
	if !ended {
		o.Note("the cell does not look at its context; if it goes on, its worker is ended, and the variables are lost")
	}
}

// ended returns text with one line break at its end.
func ended(text string) string { return strings.TrimRight(text, "\n") + "\n" }
