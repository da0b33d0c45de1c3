package lang

import (
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// Description is what identifies the type of a variable in another session.
type Description struct {
	Type  string // as source, with import paths in quotes for the names of packages
	Shown string // the type as people see it
	Needs string // Type and what the cells' types in it are
	GoMLX bool   // it mentions a type of GoMLX
}

// Describe describes the type of a variable. It is an error where the type cannot be written down.
func Describe(v *types.Var) (Description, error) {
	d := Description{Shown: TypeText(v.Type())}
	var cellTypes []*types.TypeName
	write := func(t types.Type) (string, error) {
		w := typeWriter{pkg: func(p *types.Package) string {
			d.GoMLX = d.GoMLX || strings.HasPrefix(p.Path(), "github.com/gomlx/gomlx/")
			return strconv.Quote(p.Path())
		}}
		w.ref = func(o types.Object) (string, bool) {
			if name, ok := o.(*types.TypeName); ok && !slices.Contains(cellTypes, name) {
				cellTypes = append(cellTypes, name)
			}
			return o.Name(), true
		}
		w.typ(t)
		return w.out.String(), w.err
	}
	text, err := write(v.Type())
	if err != nil {
		return d, err
	}
	d.Type, d.Needs = text, text
	for i := 0; i < len(cellTypes); i++ { // grows
		text, err := write(cellTypes[i].Type().Underlying())
		if err != nil {
			return d, err
		}
		d.Needs += "; " + cellTypes[i].Name() + " " + text
	}
	return d, nil
}

// OfGoMLX says whether the type of a variable mentions one of GoMLX.
func OfGoMLX(v *types.Var) bool {
	d, err := Describe(v)
	return err == nil && d.GoMLX
}

// Var returns a variable that the checked package declares, or nil.
func (c *Checked) Var(name string) *types.Var {
	v, _ := c.pkg.Scope().Lookup(name).(*types.Var)
	return v
}
