// Package cell is what compiled cells call. It imports next to nothing: each plugin holds a copy of
// all that its packages import, which costs time to link and memory.
package cell

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
)

// Ctx is the context of the cell that runs now: an interrupt cancels it. Cells see it as `ctx`.
var Ctx = context.Background()

// Stop is the number of the interrupt that is under way, 0 without one.
var Stop atomic.Int64

// Check ends the calling goroutine when an interrupt is under way. The engine calls it in every
// loop of a cell, and at the entry of functions. Goexit rather than a panic: deferred calls run,
// and a recover() in the cell cannot swallow it.
func Check() {
	if n := Stop.Load(); n != 0 {
		Leave(n)
	}
}

// CheckApart is Check where a function calls recover: Go does not see that function as the deferred
// one when a call has been inlined into it.
//
//go:noinline
func CheckApart() { Check() }

// Leave ends the calling goroutine because of interrupt n, unless that has been done: then deferred
// calls run, which only another interrupt ends. The worker sets it.
var Leave = func(n int64) { runtime.Goexit() }

// CheckIn is Check for the statements of a cell itself: gone is set for good when the cell was
// given up while it was blocked, so that it ends should it ever wake.
func CheckIn(gone *atomic.Bool) {
	if gone.Load() {
		runtime.Goexit()
	}
	Check()
}

// Zero returns the zero value of the type that p points to.
func Zero[T any](p *T) (zero T) { return zero }

// Shower displays the values of a cell's last expression; the worker sets it.
var Shower func(values ...any)

// Show displays the values of a cell's last expression.
func Show(values ...any) { Shower(values...) }

// ErrNoInput says that there is nobody to ask.
var ErrNoInput = errors.New("input is not possible here")

// Clear and Input are what package display does; the worker sets them.
var (
	Clear = func(wait bool) {}
	Input = func(prompt string, secret bool) (string, error) { return "", ErrNoInput }
)
