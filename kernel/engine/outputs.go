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
	Result(value Bundle) // of the last expression
	Display(d Display)   // rich output: pictures, HTML and the like
	// remove what the cell has shown so far; wait: only when the next output comes
	Clear(wait bool)
	Page(text Bundle) // help and documentation, which do not belong among the outputs
	Note(text string) // a message of the engine, one line
	// Input asks the user for a line, which is returned without its newline. ErrNoInput: there is
	// nobody to ask; io.EOF: the input has ended. Unlike the other methods it may be called while
	// another call is under way, and others come while it waits.
	Input(ctx context.Context, prompt string, secret bool) (string, error)
}

// Widgets is implemented by Outputs that carry what gonbui's widgets say to a browser. Engine.Comm
// takes what the browser answers; nil says that there is none.
type Widgets interface {
	Comm(op CommOp, address string, value any)
}

// CommOp says what a widget wants of the browser.
type CommOp = wire.CommOp

// The operations of widgets.
const (
	CommSend        = wire.CommSend        // the value is for the browser
	CommRead        = wire.CommRead        // the browser is to send the value of the address
	CommSubscribe   = wire.CommSubscribe   // it is to send each change of the value
	CommUnsubscribe = wire.CommUnsubscribe // it is to send changes no longer
)

// Bundle is one value in several forms: MIME type to text (string) or, for pictures and other
// binary types, []byte; JSON types are text as well. Front ends show the richest form they can;
// "text/plain" is always there for results.
type Bundle map[string]any

// Text returns the plain form of the bundle, or "".
func (b Bundle) Text() string {
	text, _ := b["text/plain"].(string)
	return text
}

// Display is rich output. One with an ID can be shown again in place of the first by Update.
type Display struct {
	Data     Bundle
	Metadata map[string]any
	ID       string
	Update   bool
}

// ErrNoInput is returned by Outputs that cannot ask the user.
var ErrNoInput = errors.New("input is not possible here")
