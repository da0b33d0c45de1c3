// Look-ups: expressions over variables of cells, evaluated by reflection.

package rt

import (
	"fmt"
	"go/token"
	"reflect"
	"strconv"
	"sync/atomic"

	"gsmlab/kernel/engine/rt/cell"
	"gsmlab/kernel/engine/wire"
)

// looker evaluates expressions. What goes wrong panics as it does in compiled code, with the same
// text, wherever a program can see it: bounds, nil pointers, division by zero.
type looker struct {
	gone *atomic.Bool
	vars []any // pointers to the variables of the frame, for the debugger
}

// look is the server's part of a cell that is looked up.
func (s *serving) look(command wire.Command) {
	c := &running{gone: new(atomic.Bool), number: command.Cell, where: fmt.Sprintf("\n\t%s:%d\n", wire.CellFile(command.Cell), command.Line)}
	s.start(c, func() {
		if !command.Quiet {
			s.awaitReturning(command.Cell)
		}
		l := looker{gone: c.gone}
		results := l.results(command.Look)
		cell.CheckIn(c.gone)
		values := make([]any, len(results))
		for i, r := range results {
			if r.IsValid() {
				values[i] = r.Interface()
			}
		}
		switch {
		case command.Quiet && len(values) == 1:
			c.text = brief(values[0])
		case !command.Quiet && len(values) > 0:
			Show(values...)
		}
	})
}

// brief is Format without maps that take long to sort.
func brief(v any) string {
	if m := reflect.ValueOf(v); m.Kind() == reflect.Map && m.Len() > maxElements {
		return fmt.Sprintf("%T of %d elements", v, m.Len())
	}
	return Format(v)
}

// results evaluates an expression that may be a call with any number of results.
func (l looker) results(x *wire.Expr) []reflect.Value {
	if x.Op == wire.OpCall || x.Op == wire.OpSpread {
		return l.call(x)
	}
	return []reflect.Value{l.value(x, nil)}
}

// value evaluates x; want is the type that an untyped constant or nil takes.
func (l looker) value(x *wire.Expr, want reflect.Type) reflect.Value {
	switch x.Op {
	case wire.OpName:
		return variable(x)
	case wire.OpLocal:
		return reflect.ValueOf(l.vars[x.Path[0]]).Elem()
	case wire.OpConst:
		return constant(x, want)
	case wire.OpNil:
		if want == nil {
			return reflect.Value{}
		}
		return reflect.Zero(want)
	case wire.OpCall, wire.OpSpread:
		return l.call(x)[0]
	case wire.OpBinary:
		return l.binary(x)
	}
	v := l.value(x.Args[0], nil)
	switch x.Op {
	case wire.OpField:
		for _, i := range x.Path {
			if v.Kind() == reflect.Pointer {
				v = deref(v)
			}
			v = field(v, i)
		}
		return v
	case wire.OpIndex:
		return l.index(v, x.Args[1])
	case wire.OpSlice:
		return l.slice(v, x.Args[1:])
	case wire.OpDeref:
		return deref(v)
	case wire.OpAddr:
		return v.Addr()
	case wire.OpLen:
		return reflect.ValueOf(v.Len())
	case wire.OpCap:
		return reflect.ValueOf(v.Cap())
	case wire.OpUnary:
		return unary(x.Name, v)
	case wire.OpConvert:
		return v.Convert(basicTypes[x.Type])
	}
	panic(fmt.Sprintf("the look-up %q is not known", x.Op))
}

// field is v.Field(i) as cells see it, who share their fields: it can be read and set also where it
// is not exported.
func field(v reflect.Value, i int) reflect.Value {
	f := v.Type().Field(i)
	if f.IsExported() {
		return v.Field(i)
	}
	if !v.CanAddr() {
		of := reflect.New(v.Type()).Elem()
		of.Set(v)
		v = of
	}
	return reflect.NewAt(f.Type, v.Field(i).Addr().UnsafePointer()).Elem()
}

// callee is the function that a call is of, and the arguments that it has before those of the call.
func (l looker) callee(x *wire.Expr) (f reflect.Value, before []reflect.Value) {
	if x.Op != wire.OpMethod {
		return l.value(x, nil), nil
	}
	recv := l.value(x.Args[0], nil)
	if recv.Kind() == reflect.Interface {
		if recv.IsNil() {
			nilDereference()
		}
		recv = recv.Elem()
	}
	if token.IsExported(x.Name) {
		return recv.MethodByName(x.Name), nil
	}
	if f = Method(recv.Type(), x.Name); !f.IsValid() {
		panic(fmt.Sprintf("%s has no method %s", recv.Type(), x.Name))
	}
	return f, []reflect.Value{recv}
}

func variable(x *wire.Expr) reflect.Value {
	if x.Cell == 0 {
		return reflect.ValueOf(&cell.Ctx).Elem()
	}
	found := declared(x.Cell, x.Name)
	if found == nil {
		panic(fmt.Sprintf("%s is not there: cell %d could not be loaded", x.Name, x.Cell))
	}
	v := reflect.ValueOf(found)
	if v.Kind() == reflect.Pointer { // functions and constants are no pointers
		return v.Elem()
	}
	return v
}

// call evaluates a call; a cell that was given up while it was blocked there ends after it.
func (l looker) call(x *wire.Expr) []reflect.Value {
	f, args := l.callee(x.Args[0])
	t := f.Type()
	for _, a := range x.Args[1:] {
		i := len(args)
		want := t.In(min(i, t.NumIn()-1))
		if t.IsVariadic() && i >= t.NumIn()-1 && x.Op == wire.OpCall {
			want = want.Elem()
		}
		args = append(args, l.value(a, want))
	}
	if f.IsNil() {
		nilDereference()
	}
	cell.CheckIn(l.gone)
	var results []reflect.Value
	if x.Op == wire.OpSpread {
		results = f.CallSlice(args)
	} else {
		results = f.Call(args)
	}
	cell.CheckIn(l.gone)
	return results
}

func (l looker) index(v reflect.Value, x *wire.Expr) reflect.Value {
	if v.Kind() == reflect.Map {
		if found := v.MapIndex(l.value(x, v.Type().Key())); found.IsValid() {
			return found
		}
		return reflect.Zero(v.Type().Elem())
	}
	if v.Kind() == reflect.Pointer {
		v = deref(v)
	}
	return v.Index(inBounds(l.value(x, reflect.TypeFor[int]()), v.Len()))
}

// inBounds returns i as an int, or panics as compiled code does.
func inBounds(i reflect.Value, n int) int {
	bounds := make([]struct{}, n)
	if i.CanUint() {
		_ = bounds[i.Uint()]
		return int(i.Uint())
	}
	_ = bounds[i.Int()]
	return int(i.Int())
}

func (l looker) slice(v reflect.Value, bounds []*wire.Expr) reflect.Value {
	at := [3]int{0, v.Len(), 0}
	for i, b := range bounds {
		if b != nil {
			at[i] = integerOf(l.value(b, reflect.TypeFor[int]()))
		}
	}
	if v.Kind() == reflect.String {
		out := reflect.New(v.Type()).Elem()
		out.SetString(v.String()[at[0]:at[1]])
		return out
	}
	probe := make([]struct{}, v.Len(), v.Cap())
	if bounds[2] != nil {
		_ = probe[at[0]:at[1]:at[2]]
		return v.Slice3(at[0], at[1], at[2])
	}
	_ = probe[at[0]:at[1]]
	return v.Slice(at[0], at[1])
}

func integerOf(v reflect.Value) int {
	if v.CanUint() {
		return int(v.Uint())
	}
	return int(v.Int())
}

func deref(v reflect.Value) reflect.Value {
	if v.IsNil() {
		nilDereference()
	}
	return v.Elem()
}

func nilDereference() {
	var p *int
	_ = *p
}

var basicTypes = func() map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for _, v := range []any{false, "", 0, int8(0), int16(0), int32(0), int64(0), uint(0), uint8(0), uint16(0), uint32(0), uint64(0), uintptr(0), float32(0), float64(0), complex64(0), complex128(0)} {
		all[reflect.TypeOf(v).Name()] = reflect.TypeOf(v)
	}
	return all
}()

// constant gives a constant its own type, or where that is a declared one, the type it meets.
func constant(x *wire.Expr, want reflect.Type) reflect.Value {
	t := basicTypes[x.Type]
	if t == nil {
		t = want
	}
	out := reflect.New(t).Elem()
	switch { // the engine wrote Text: it parses
	case t.Kind() == reflect.Bool:
		out.SetBool(x.Text == "true")
	case t.Kind() == reflect.String:
		text, _ := strconv.Unquote(x.Text)
		out.SetString(text)
	case out.CanInt():
		n, _ := strconv.ParseInt(x.Text, 10, 64)
		out.SetInt(n)
	case out.CanUint():
		n, _ := strconv.ParseUint(x.Text, 10, 64)
		out.SetUint(n)
	case out.CanFloat():
		f, _ := strconv.ParseFloat(x.Text, 64)
		out.SetFloat(f)
	}
	return out
}
