// Package rt is what compiled cells call and what the worker process runs: showing values, the cell's
// context, the checks that let an interrupt stop a loop, and [Serve], the worker's side of the protocol.
package rt

import (
	"context"
	"runtime"
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
