// A tape is a GoMLX backend that computes nothing: it writes down the operations that a model
// function asks for. Shapes come from GoMLX's pure-Go backend, which is asked for the same
// operation on values of which it knows the shapes alone; and it computes operations on constants,
// so whatever it can compute can be folded.

package deploy

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/notimplemented"
	"github.com/gomlx/compute/shapes"
)

// value is one result of an operation on the tape.
type value struct {
	op       compute.OpType
	in       []*value
	attrs    any // the operation's parameters: a struct of tapeops.go
	shape    shapes.Shape
	constant bool // its value does not depend on the input
	place    []uintptr
	variable string // path of the variable whose value it is

	shadow compute.Value // the same value in the pure-Go backend, of which only the shape is asked
	replay replay
	flat   any // numbers of a constant, nil until somebody asks
}

// replay asks a function of another backend for the operation.
type replay func(f compute.Function, in []compute.Value) (compute.Value, error)

// tape is the backend.
type tape struct {
	notimplemented.Backend
	main *function
}

func newTape() *tape {
	t := &tape{}
	t.main = &function{shadows: gobackend.GetBackend().Builder("shapes").Main()}
	t.main.ErrFn = t.main.refuse
	return t
}

func (t *tape) Name() string        { return "deploy" }
func (t *tape) String() string      { return "deploy" }
func (t *tape) Description() string { return "records what a model computes" }

func (t *tape) Capabilities() compute.Capabilities {
	c := gobackend.GetBackend().Capabilities().Clone()
	// spelled out it folds into the layer before
	delete(c.Operations, compute.OpTypeBatchNormForInference)
	// functions are refused by the tape itself, which knows where they are asked for
	c.Functions, c.DynamicAxes = true, false
	return c
}

func (t *tape) Builder(string) compute.Builder { return &builder{tape: t} }

// builder hands out the tape's one function.
type builder struct {
	notimplemented.Builder
	tape *tape
}

func (b *builder) Name() string           { return "deploy" }
func (b *builder) Main() compute.Function { return b.tape.main }

func (b *builder) NewFunction(string) (compute.Function, error) {
	return nil, b.tape.main.refuse(compute.OpTypeInvalid)
}

func (f *function) Closure() (compute.Function, error) {
	return nil, f.refuse(compute.OpTypeInvalid)
}

func (b *builder) OpShape(v compute.Value) (shapes.Shape, error) { return v.(*value).shape, nil }

// function writes the operations down.
type function struct {
	notimplemented.Function
	shadows compute.Function
	inputs  []*value
	last    []*value // everything, in order
}

// UnsupportedError is an operation of a model that cannot be deployed.
type UnsupportedError struct {
	Op    string // GoMLX's name of the operation
	Scope string // the scope of the nearest variable it computes with, "" if there is none
	Line  string // file and line of the model function that asks for it, "" if not known
	Why   string

	at int // how many values were on the tape before it
}

// Unwrap lets GoMLX fall back to other operations, where it can.
func (e *UnsupportedError) Unwrap() error { return compute.ErrNotImplemented }

func (e *UnsupportedError) Error() string {
	where := ""
	if e.Scope != "" {
		where = " in the scope " + e.Scope
	}
	if e.Line != "" {
		where += " (" + e.Line + ")"
	}
	return fmt.Sprintf("deploy: operation %s%s: %s", e.Op, where, e.Why)
}

// refuse is the error for operations that the tape does not know.
func (f *function) refuse(op compute.OpType) error {
	name, place := op.String(), callers()
	if op == compute.OpTypeInvalid {
		name = asked(place)
	}
	return &UnsupportedError{Op: name, Line: line(place), Why: "it is not supported", at: len(f.last)}
}

// record writes an operation down.
func (f *function) record(op compute.OpType, attrs any, again replay, operands ...compute.Value) (compute.Value, error) {
	v := &value{op: op, attrs: attrs, replay: again, constant: true, place: callers()}
	shadows := make([]compute.Value, len(operands))
	for i, o := range operands {
		x, ok := o.(*value)
		if !ok {
			return nil, fmt.Errorf("deploy: operation %s: an operand of another graph", op)
		}
		v.in = append(v.in, x)
		v.constant = v.constant && x.constant
		shadows[i] = x.shadow
	}
	shadow, err := again(f.shadows, shadows)
	if err == nil {
		v.shape, err = f.shadows.Shape(shadow)
	}
	if compute.IsNotImplemented(err) {
		return nil, f.refuse(op)
	}
	if err != nil {
		return nil, err
	}
	return f.append(v)
}

// append gives a value with a known shape its place on the tape.
func (f *function) append(v *value) (compute.Value, error) {
	// a value like any other for the shapes' backend, which is never asked to compute with it
	shadow, err := f.shadows.Parameter(fmt.Sprintf("v%d", len(f.last)), v.shape, nil)
	if err != nil {
		return nil, err
	}
	v.shadow = shadow
	f.last = append(f.last, v)
	return v, nil
}

func (f *function) Shape(v compute.Value) (shapes.Shape, error) { return v.(*value).shape, nil }

func (f *function) Parameter(_ string, shape shapes.Shape, _ *compute.ShardingSpec) (compute.Value, error) {
	v := &value{op: compute.OpTypeParameter, shape: shape, place: callers()}
	f.inputs = append(f.inputs, v)
	return f.append(v)
}

func (f *function) Constant(flat any, dims ...int) (compute.Value, error) {
	kept, dtype := cloneFlat(flat)
	return f.append(&value{op: compute.OpTypeConstant, constant: true, flat: kept, shape: shapes.Make(dtype, dims...), place: callers()})
}

func (f *function) Return([]compute.Value, []*compute.ShardingSpec) error { return nil }

// data returns the numbers of a constant, computing them if nobody has asked before.
func (v *value) data() (any, error) {
	if v.flat != nil {
		return v.flat, nil
	}
	if !v.constant {
		return nil, fmt.Errorf("deploy: %s is no constant", v.op)
	}
	b := gobackend.GetBackend().Builder("constant")
	main := b.Main()
	var in []compute.Value
	for _, x := range v.in {
		flat, err := x.data()
		if err != nil {
			return nil, err
		}
		c, err := main.Constant(flat, x.shape.Dimensions...)
		if err != nil {
			return nil, err
		}
		in = append(in, c)
	}
	out, err := v.replay(main, in)
	if err != nil {
		return nil, err
	}
	if err := main.Return([]compute.Value{out}, nil); err != nil {
		return nil, err
	}
	program, err := b.Compile()
	if err != nil {
		return nil, err
	}
	defer program.Finalize()
	buffers, err := program.Execute(nil, nil, 0)
	if err != nil {
		return nil, err
	}
	flat := dtypes.MakeAnySlice(v.shape.DType, v.shape.Size())
	if err := buffers[0].ToFlatData(flat); err != nil {
		return nil, err
	}
	v.flat = flat
	return flat, nil
}

// callers are the places in the program that asked for an operation, innermost first.
func callers() []uintptr {
	place := make([]uintptr, 40)
	return slices.Clone(place[:runtime.Callers(3, place)])
}

// line is the innermost place that belongs to neither GoMLX nor this package: the model function.
func line(place []uintptr) string {
	_, model := frames(place)
	if model.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", filepath.Base(model.File), model.Line)
}

// asked is the function of GoMLX that the model function called.
func asked(place []uintptr) string {
	gomlx, _ := frames(place)
	return gomlx.Function[strings.LastIndexByte(gomlx.Function, '.')+1:]
}

// frames finds where the model function called GoMLX.
func frames(place []uintptr) (gomlx, model runtime.Frame) {
	all := runtime.CallersFrames(place)
	for {
		f, more := all.Next()
		ours := strings.Contains(f.Function, "gsmlab/deploy.") && !strings.HasSuffix(f.File, "_test.go")
		switch {
		case strings.Contains(f.Function, "github.com/gomlx/"):
			gomlx = f
		case f.File != "" && !ours:
			return gomlx, f
		}
		if !more {
			return gomlx, model
		}
	}
}
