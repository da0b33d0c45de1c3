package cell

import "sync/atomic"

// Unit is what a package that was built for debugging is called by the debugger.
type Unit struct {
	Package int // its number; the worker sets it when it loads the package
}

// Frame is a call of a function that was built for debugging, and where it is. Its goroutine alone
// changes it.
type Frame struct {
	Unit      *Unit
	Statement int   // that runs; -1 before the first
	Vars      []any // pointers to the variables that it sees
	Depth     int   // in the goroutine's stack
	Serial    int   // of the call among those of the goroutine
	Goroutine any   // the worker's
}

// Alert is not 0 while a goroutine may have to stop.
var Alert atomic.Int32

// What the worker does at the beginning and the end of a call, and before a statement while Alert
// is not 0.
var (
	EnterFrame = func(u *Unit) *Frame { return &Frame{Unit: u} }
	LeaveFrame = func(f *Frame) {}
	Reached    = func(f *Frame) {}
)

// Enter begins a call of a function. It is not inlined, see CheckApart.
//
//go:noinline
func Enter(u *Unit) *Frame { return EnterFrame(u) }

// Leave ends the call.
func (f *Frame) Leave() { LeaveFrame(f) }

// At says that a statement is about to run, and gives pointers to the variables that it sees.
//
//go:noinline
func (f *Frame) At(statement int, vars ...any) {
	f.Statement, f.Vars = statement, append(f.Vars[:0], vars...)
	if Alert.Load() != 0 {
		Reached(f)
	}
}

// AtTrue is At where a condition is about to be evaluated.
func (f *Frame) AtTrue(statement int, vars ...any) bool {
	f.At(statement, vars...)
	return true
}
