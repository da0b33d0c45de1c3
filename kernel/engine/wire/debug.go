// What the debugger asks the worker, and what the worker says.

package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// Debug is a request of the debugger. The worker answers each with an event of its number, also
// while a cell runs.
type Debug struct {
	Request int     `json:"request"`
	Op      DebugOp `json:"op"`

	Points []Point `json:"points,omitempty"` // points: all of them
	Panics bool    `json:"panics,omitempty"` // points: stop where a panic begins

	// the goroutine that is meant, or Fallen. 0: of a pause the next one that comes by, else the
	// session
	Goroutine int  `json:"goroutine,omitempty"`
	Frame     int  `json:"frame,omitempty"` // of the goroutine's stack; 0 is the innermost
	Step      Step `json:"step,omitempty"`  // resume

	Ref   int `json:"ref,omitempty"`   // children, set: a value that was shown
	Start int `json:"start,omitempty"` // children
	Count int `json:"count,omitempty"` // children; 0: as many as one can read

	Names  []string `json:"names,omitempty"`  // values, children: how they are called
	Exprs  []*Expr  `json:"exprs,omitempty"`  // values
	Target *Expr    `json:"target,omitempty"` // set: the variable, unless it is a child of Ref
	Child  string   `json:"child,omitempty"`  // set: the name of a child of Ref

	Load *Load `json:"load,omitempty"` // load
}

// Load is a plugin to be loaded beside a cell, whose statements do not run.
type Load struct {
	Path    string   `json:"path"`
	Package string   `json:"package"`
	Before  []string `json:"before,omitempty"`
	Cell    int      `json:"cell"`
}

// Fallen stands for the goroutine that ended last by a panic.
const Fallen = -1

// DebugOp is what a request of the debugger asks for.
type DebugOp string

// The requests of the debugger.
const (
	DebugPoints     DebugOp = "points"     // where to stop from now on
	DebugResume     DebugOp = "resume"     // a stopped goroutine; 0: all of them
	DebugPause      DebugOp = "pause"      // stop at the next statement
	DebugGoroutines DebugOp = "goroutines" // that run code which was built for debugging
	DebugStack      DebugOp = "stack"
	DebugLocals     DebugOp = "locals" // the variables of a frame; Names has those that it has
	DebugValues     DebugOp = "values" // of expressions, in a frame or in the session
	DebugRich       DebugOp = "rich"   // the forms of the value of Exprs[0]
	DebugChildren   DebugOp = "children"
	DebugSet        DebugOp = "set"  // a variable to the value of Exprs[0]
	DebugLoad       DebugOp = "load" // a plugin with variables
)

// Step says how far a goroutine goes when it is resumed.
type Step string

// The steps.
const (
	StepNone Step = ""     // to the next breakpoint
	StepNext Step = "next" // to the next line of its function
	StepIn   Step = "in"   // to the next line, also of a function that is called
	StepOut  Step = "out"  // to the function that called this one
)

// Point is a statement at which goroutines stop.
type Point struct {
	ID        int    `json:"id"`      // of the breakpoint, which may have several
	Package   int    `json:"package"` // of the statement
	Statement int    `json:"statement"`
	Condition *Expr  `json:"condition,omitempty"`
	Hits      string `json:"hits,omitempty"` // ">= 3", "% 2" and the like; "" always
	// a log point writes these and does not stop: texts, with an expression behind each but the
	// last
	Log   []string `json:"log,omitempty"`
	Exprs []*Expr  `json:"exprs,omitempty"`
}

// Debugged is what the debugger has to say: an answer, or that a goroutine stopped.
type Debugged struct {
	Request int    `json:"request,omitempty"` // that it answers
	Error   string `json:"error,omitempty"`   // why there is no answer

	Goroutines []Goroutine `json:"goroutines,omitempty"`
	Frames     []Frame     `json:"frames,omitempty"`
	More       int         `json:"more,omitempty"` // frames that are left out
	Values     []Value     `json:"values,omitempty"`
	// rich: the forms of the value, by MIME type
	Data   map[string]string `json:"data,omitempty"`
	Binary map[string][]byte `json:"binary,omitempty"`

	Stopped *Stopped `json:"stopped,omitempty"`
	// a goroutine that was to stop has left all its frames
	Ended int `json:"ended,omitempty"`
	Over  int `json:"over,omitempty"` // all stops up to this one are over
}

// Stopped says where and why a goroutine stopped, or by which panic it ended.
type Stopped struct {
	Serial    int        `json:"serial"`
	Goroutine int        `json:"goroutine"`
	Cell      int        `json:"cell,omitempty"` // that started it, as front ends show it
	Reason    StopReason `json:"reason"`
	Points    []int      `json:"points,omitempty"` // IDs of the breakpoints
	// the panic, or why a condition could not be evaluated
	Text  string `json:"text,omitempty"`
	Frame Frame  `json:"frame"`
}

// StopReason says why a goroutine stopped.
type StopReason string

// The reasons.
const (
	StopPoint StopReason = "breakpoint"
	StopStep  StopReason = "step"
	StopPause StopReason = "pause"
	StopPanic StopReason = "panic"
)

// Goroutine is one that runs code which was built for debugging.
type Goroutine struct {
	ID      int  `json:"id"`
	Cell    int  `json:"cell,omitempty"` // that started it, as front ends show it
	Stopped bool `json:"stopped,omitempty"`
}

// Frame is a call: the package, and the statement that runs.
type Frame struct {
	Package   int `json:"package"`
	Statement int `json:"statement"`
}

// Value is a value as people see it.
type Value struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
	Text string `json:"text"`
	Ref  int    `json:"ref,omitempty"` // by which it is asked for children; 0: it has none
	Len  int    `json:"len,omitempty"` // how many children, where they are numbered
	Bad  bool   `json:"bad,omitempty"` // the text says why there is no value
}

// A statement's number is that of its line and, below it, its own in the line.
const statementsOfLine = 1 << 12

// StatementNumber is the number of the nth statement that begins in a line of its cell.
func StatementNumber(line, n int) int { return line*statementsOfLine + n }

// LineOf is the line of a statement.
func LineOf(statement int) int { return statement / statementsOfLine }

// HitCount reads when a breakpoint stops: in the nth time ("3", "== 3"), "> 3", ">= 3", "< 3",
// "<= 3", or each third time ("% 3"). Without a text it is each time.
func HitCount(text string) (enough func(n int) bool, err error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return func(int) bool { return true }, nil
	}
	digits := strings.IndexAny(text, "0123456789")
	if digits < 0 {
		digits = len(text)
	}
	want, err := strconv.Atoi(text[digits:])
	op := strings.TrimSpace(text[:digits])
	tests := map[string]func(n int) bool{
		"": func(n int) bool { return n == want }, "=": func(n int) bool { return n == want }, "==": func(n int) bool { return n == want },
		">": func(n int) bool { return n > want }, ">=": func(n int) bool { return n >= want },
		"<": func(n int) bool { return n < want }, "<=": func(n int) bool { return n <= want },
		"%": func(n int) bool { return n%want == 0 },
	}
	if err != nil || tests[op] == nil || op == "%" && want == 0 {
		return nil, fmt.Errorf("the hit count %q is not a number with ==, >, >=, <, <= or %% before it", text)
	}
	return tests[op], nil
}
