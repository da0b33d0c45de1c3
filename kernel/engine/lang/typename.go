// Types as text for the code that is built.

package lang

import (
	"fmt"
	"go/types"
	"strings"
)

// typeWriter writes types as source code of a cell's package.
type typeWriter struct {
	out strings.Builder
	ref func(types.Object) (string, bool) // how a type declared in a cell is called
	pkg func(*types.Package) string       // how an imported package is called
	// how a predeclared type is called; nil: by its name
	predeclared func(name string) string
	err         error
}

func (w *typeWriter) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *typeWriter) name(obj *types.TypeName, args *types.TypeList) {
	switch {
	case obj.Pkg() == nil:
		w.basic(obj.Name())
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

// basic writes a predeclared type.
func (w *typeWriter) basic(name string) {
	if w.predeclared != nil {
		name = w.predeclared(name)
	}
	w.out.WriteString(name)
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
			w.basic(types.Default(t).(*types.Basic).Name())
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
			w.own(f)
			if f.Embedded() {
				w.embedded(f.Type())
			} else {
				w.put(f.Name(), " ", f.Type())
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
			w.own(m)
			w.put(m.Name())
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
	at := w.out.Len()
	alias, isAlias := t.(*types.Alias)
	if isAlias {
		w.name(alias.Obj(), alias.TypeArgs())
	} else {
		w.typ(t)
	}
	if name := w.out.String()[at:]; w.predeclared != nil && strings.HasPrefix(name, tick) && types.Universe.Lookup(typeName(t)) != nil && w.predeclared(typeName(t)) == name {
		w.fail("a struct embeds the predeclared %s, and the cell declares that name: call it otherwise", typeName(t))
	}
}

// typeName is the name of a type as it was declared.
func typeName(t types.Type) string {
	switch t := t.(type) {
	case *types.Basic:
		return t.Name()
	case *types.Named:
		return t.Obj().Name()
	case *types.Alias:
		return t.Obj().Name()
	}
	return ""
}

// own says where a field or a method has a name that only another package can write.
func (w *typeWriter) own(o types.Object) {
	if !o.Exported() && o.Pkg() != nil && o.Pkg().Path() != cellPath {
		w.fail("its type has %s of package %s, which is not exported", o.Name(), o.Pkg().Path())
	}
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
