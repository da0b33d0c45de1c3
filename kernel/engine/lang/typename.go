// Types as text for the code that is built, with unexported names as they are there.

package lang

import (
	"fmt"
	"go/token"
	"go/types"
	"strings"
)

// typeWriter writes types as source code of a cell's package.
type typeWriter struct {
	out strings.Builder
	ref func(types.Object) (string, bool) // how a type declared in a cell is called
	pkg func(*types.Package) string       // how an imported package is called
	err error

	asWritten bool // fields and methods have the names that cells use
}

func (w *typeWriter) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *typeWriter) name(obj *types.TypeName, args *types.TypeList) {
	switch {
	case obj.Pkg() == nil:
		w.out.WriteString(obj.Name())
	case obj.Pkg().Path() == cellPath:
		ref, ok := w.ref(obj)
		if !ok {
			w.fail("the type %s is local to a function and cannot be kept: declare it at the top level", obj.Name())
		}
		w.out.WriteString(ref)
	case !obj.Exported():
		w.fail("the type %s.%s is not exported and cannot be kept in a variable of the session: use an interface", obj.Pkg().Name(), obj.Name())
	default:
		w.out.WriteString(w.pkg(obj.Pkg()) + "." + obj.Name())
	}
	if args.Len() == 0 {
		return
	}
	w.out.WriteByte('[')
	for i := range args.Len() {
		if i > 0 {
			w.out.WriteByte(',')
		}
		w.typ(args.At(i))
	}
	w.out.WriteByte(']')
}

func (w *typeWriter) put(parts ...any) {
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			w.out.WriteString(p)
		case types.Type:
			w.typ(p)
		}
	}
}

func (w *typeWriter) typ(t types.Type) {
	switch t := t.(type) {
	case *types.Basic:
		if t.Kind() == types.UnsafePointer {
			w.put(w.pkg(types.Unsafe), ".Pointer")
		} else {
			w.put(types.Default(t).(*types.Basic).Name())
		}
	case *types.Alias:
		if o := t.Obj(); o.Pkg() == nil || o.Exported() && o.Pkg().Path() != cellPath && t.TypeArgs().Len() == 0 {
			w.name(o, nil)
		} else {
			w.typ(types.Unalias(t))
		}
	case *types.Named:
		w.name(t.Obj(), t.TypeArgs())
	case *types.TypeParam:
		w.put(t.Obj().Name())
	case *types.Pointer:
		w.put("*", t.Elem())
	case *types.Slice:
		w.put("[]", t.Elem())
	case *types.Array:
		w.put(fmt.Sprintf("[%d]", t.Len()), t.Elem())
	case *types.Map:
		w.put("map[", t.Key(), "]", t.Elem())
	case *types.Chan:
		w.put([]string{"chan (", "chan<- (", "<-chan ("}[t.Dir()], t.Elem(), ")")
	case *types.Struct:
		w.put("struct{")
		for i := range t.NumFields() {
			f := t.Field(i)
			if f.Embedded() {
				w.embedded(f.Type())
			} else {
				w.put(w.member(f.Name(), fieldName(f)), " ", f.Type())
			}
			if tag := t.Tag(i); tag != "" {
				w.put(fmt.Sprintf(" %q", tag))
			}
			w.put(";")
		}
		w.put("}")
	case *types.Signature:
		w.put("func")
		w.signature(t)
	case *types.Interface:
		w.put("interface{")
		for i := range t.NumExplicitMethods() {
			m := t.ExplicitMethod(i)
			w.put(w.member(m.Name(), methodName(m)))
			w.signature(m.Signature())
			w.put(";")
		}
		for i := range t.NumEmbeddeds() {
			w.put(t.EmbeddedType(i), ";")
		}
		w.put("}")
	case *types.Union:
		for i := range t.Len() {
			if i > 0 {
				w.put("|")
			}
			if t.Term(i).Tilde() {
				w.put("~")
			}
			w.put(t.Term(i).Type())
		}
	default:
		w.fail("a value of the type %s cannot be kept", t)
	}
}

// embedded writes the type of an embedded field, which gives the field its name: an alias is not
// resolved.
func (w *typeWriter) embedded(t types.Type) {
	if p, ok := t.(*types.Pointer); ok {
		w.put("*")
		t = p.Elem()
	}
	if alias, ok := t.(*types.Alias); ok {
		w.name(alias.Obj(), alias.TypeArgs())
	} else {
		w.typ(t)
	}
}

func (w *typeWriter) member(written, built string) string {
	if w.asWritten {
		return written
	}
	return built
}

func (w *typeWriter) signature(s *types.Signature) {
	w.tuple(s.Params(), s.Variadic())
	if s.Results().Len() > 0 {
		w.put(" ")
		w.tuple(s.Results(), false)
	}
}

func (w *typeWriter) tuple(t *types.Tuple, variadic bool) {
	w.put("(")
	for i := range t.Len() {
		if i > 0 {
			w.put(", ")
		}
		typ := t.At(i).Type()
		if s, ok := typ.(*types.Slice); ok && variadic && i == t.Len()-1 {
			w.put("...", s.Elem())
		} else {
			w.put(typ)
		}
	}
	w.put(")")
}

// exportedName is how a top-level name, field or method of a cell is called in the built package.
func exportedName(name string) string {
	if name == "_" || token.IsExported(name) {
		return name
	}
	return tick + name
}

// fieldName is the built name of a field: fields of other packages and embedded predeclared types
// keep theirs.
func fieldName(f *types.Var) string {
	if f.Pkg() == nil || f.Pkg().Path() != cellPath || f.Embedded() && types.Universe.Lookup(f.Name()) != nil {
		return f.Name()
	}
	return exportedName(f.Name())
}

func methodName(m *types.Func) string {
	if m.Pkg() == nil || m.Pkg().Path() != cellPath {
		return m.Name()
	}
	return exportedName(m.Name())
}
