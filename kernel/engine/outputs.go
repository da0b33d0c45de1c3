package engine

import (
	"context"
	"errors"

	"gsmlab/kernel/engine/wire"
)

// Outputs receives what a cell shows, in order. Calls come one at a time, but from several
// goroutines; what goroutines print after their cell has ended goes to the outputs of the latest
// cell.
type Outputs interface {
	Stdout(text string)
	Stderr(text string)
	Result(value Bundle) // value of the last expression
	Display(d Display)   // rich output: pictures, HTML and the like
	// remove what the cell has shown so far; with wait, only when the next output comes
	Clear(wait bool)
	Page(text Bundle) // help and documentation, which do not belong among the outputs
	Note(text string) // a message of the engine, one line
	// Progress says how far a long build is that the cell waits for. It replaces what it said
	// before.
	Progress(text string)
	// Input asks the user for a line, and returns it without its newline. ErrNoInput means that
	// there is nobody to ask, io.EOF that the input has ended. Unlike the other methods it may be
	// called during another call, and other calls come while it waits.
	Input(ctx context.Context, prompt string, secret bool) (string, error)
}

// Widgets is implemented by Outputs that carry messages of gonbui's widgets to a browser.
// Engine.Comm takes the browser's answers; nil says that there is none.
type Widgets interface {
	Comm(op CommOp, address string, value any)
}

// CommOp says what a widget wants from the browser.
type CommOp = wire.CommOp

// The operations of widgets.
const (
	CommSend        = wire.CommSend        // the value is for the browser
	CommRead        = wire.CommRead        // the browser should send the value of the address
	CommSubscribe   = wire.CommSubscribe   // the browser should send each change of the value
	CommUnsubscribe = wire.CommUnsubscribe // the browser should stop sending changes
)

// Bundle is one value in several forms: MIME type to text (string) or, for pictures and other
// binary types, []byte; JSON types are text too. Front ends show the richest form they can; results
// always have "text/plain".
type Bundle map[string]any

// Text returns the plain form of the bundle, or "".
func (b Bundle) Text() string {
	text, _ := b["text/plain"].(string)
	return text
}

// Display is rich output. If it has an ID, Update can replace it later.
type Display struct {
	Data     Bundle
	Metadata map[string]any
	ID       string
	Update   bool
}

// ErrNoInput is returned by Outputs that cannot ask the user.
var ErrNoInput = errors.New("input is not possible here")
