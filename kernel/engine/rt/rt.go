// Package rt is what compiled cells call and what the worker process runs: showing values, the cell's
// context, the checks that let an interrupt stop a loop, and [Serve], the worker's side of the protocol.
package rt

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
)

// Ctx is the context of the cell that runs now: an interrupt cancels it. Cells see it as `ctx`.
var Ctx = context.Background()

var stop atomic.Bool // an interrupt is under way

// Check ends the calling goroutine when an interrupt is under way. The engine calls it at the entry of
// every function and loop body of a cell. Goexit rather than a panic: deferred calls run, and a
// recover() in the cell cannot swallow it.
func Check() {
	if stop.Load() {
		runtime.Goexit()
	}
}

// CheckIn is Check for the statements of a cell itself: gone is set for good when the cell was given
// up while it was blocked, so that it ends should it ever wake.
func CheckIn(gone *atomic.Bool) {
	if gone.Load() || stop.Load() {
		runtime.Goexit()
	}
}

// Zero returns the zero value of the type that p points to.
func Zero[T any](p *T) (zero T) { return zero }

// Show displays the values of a cell's last expression.
func Show(values ...any) {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = Format(v)
	}
	server.display(strings.Join(texts, ", "))
}

// Format is how a value is shown: strings quoted, structs with their field names, functions by type.
func Format(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case error, fmt.Stringer:
		return fmt.Sprint(v)
	case string:
		return fmt.Sprintf("%q", v)
	}
	switch t := reflect.TypeOf(v); t.Kind() {
	case reflect.Func:
		return t.String()
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.String {
			return fmt.Sprintf("%q", v)
		}
	}
	return fmt.Sprintf("%+v", v)
}
