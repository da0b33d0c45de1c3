// Load: it gives variables the values of a checkpoint.

package engine

import (
	"context"
	"errors"
	"fmt"
	"go/types"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"gsmlab/kernel/engine/lang"
	"gsmlab/kernel/engine/wire"
)

// Load gives variables the values from a file that Save wrote: variables that the session has with
// the same type, and variables that it lacks, which it declares. A damaged or foreign file is an
// error and changes nothing.
func (e *Engine) Load(ctx context.Context, path string) (Loaded, error) {
	e.holdOff()
	e.running.Lock()
	defer e.running.Unlock()
	return e.load(ctx, path, false)
}

// load is Load; missing restricts it to what the session lacks.
func (e *Engine) load(ctx context.Context, path string, missing bool) (Loaded, error) {
	var loaded Loaded
	e.drainInterrupt()
	if err := e.alive(); err != nil {
		return loaded, err
	}
	dir, err := os.MkdirTemp(e.tools.Dir(), "load")
	if err != nil {
		return loaded, fmt.Errorf("engine: %w", err)
	}
	defer os.RemoveAll(dir)
	index, err := readCheckpoint(e.inDir(path), dir)
	if err != nil {
		return loaded, err
	}
	if missing {
		index.Vars = slices.DeleteFunc(index.Vars, func(v savedVar) bool { return e.scope.Object(v.Name) != nil })
	}
	have, lacking := e.matched(index, &loaded)
	var declared []savedVar
	err = e.interruptibly(ctx, func(ctx context.Context) (err error) {
		declared, err = e.redeclare(ctx, index, lacking, &loaded)
		return err
	})
	if err != nil {
		return loaded, err
	}
	var vars []wire.Variable
	keep := false
	for _, v := range slices.Concat(have, declared) {
		vars = append(vars, e.scope.Stored(v.Name, v.File))
		keep = keep || v.GoMLX
	}
	report, err := e.transfer(ctx, wire.DoLoad, dir, vars, keep)
	if err != nil {
		return loaded, err
	}
	for _, v := range report.Vars {
		if v.Err == "" {
			loaded.Names = append(loaded.Names, v.Name)
			continue
		}
		loaded.Left = append(loaded.Left, Left{v.Name, v.Err})
		if slices.ContainsFunc(declared, func(d savedVar) bool { return d.Name == v.Name }) {
			e.scope.Drop(v.Name)
		}
	}
	e.publish()
	slices.Sort(loaded.Names)
	return loaded, nil
}

// matched finds the variables of a checkpoint that the session has, and those that it must declare.
func (e *Engine) matched(index contents, loaded *Loaded) (have, missing []savedVar) {
	for _, v := range index.Vars {
		leave := func(format string, args ...any) {
			loaded.Left = append(loaded.Left, Left{v.Name, fmt.Sprintf(format, args...)})
		}
		switch obj := e.scope.Object(v.Name).(type) {
		case nil:
			missing = append(missing, v)
		case *types.Var:
			now, err := lang.Describe(obj)
			switch {
			case err == nil && now.Needs == v.Needs:
				have = append(have, v)
			case now.Shown == v.Shown:
				leave("the type %s was another when it was saved", v.Shown)
			default:
				leave("it is a %s now and was a %s when it was saved", now.Shown, v.Shown)
			}
		default:
			leave("the name is a %s now", lang.ObjectKind(obj))
		}
	}
	return have, missing
}

var pathInType = regexp.MustCompile(`"([^"\\]+)"\.`)

// redeclare declares variables of a checkpoint that the session lacks, and makes gob learn the
// types that interfaces hold. It leaves out variables whose type is not declared, or is a different
// one now.
func (e *Engine) redeclare(ctx context.Context, index contents, vars []savedVar, loaded *Loaded) ([]savedVar, error) {
	if len(vars)+len(index.Types) == 0 {
		return nil, nil
	}
	types := slices.Clone(index.Types)
	for {
		imports := map[string]string{wire.RuntimePath: wire.Tick + "k"}
		source := func(text string) string {
			return pathInType.ReplaceAllStringFunc(text, func(m string) string {
				path := strings.Trim(m, `".`)
				if imports[path] == "" {
					imports[path] = fmt.Sprintf("%sk%d", wire.Tick, len(imports))
				}
				return imports[path] + "."
			})
		}
		var lines strings.Builder
		for _, v := range vars {
			fmt.Fprintf(&lines, "\nvar %s %s", v.Name, source(v.Type))
		}
		for _, t := range types {
			fmt.Fprintf(&lines, "\n%sk.Named[%s](%q)", wire.Tick, source(t), t)
		}
		code := ""
		for _, path := range slices.Sorted(maps.Keys(imports)) {
			code += fmt.Sprintf("import %s %q; ", imports[path], path)
		}
		n := e.hiddenNumber()
		c, err := e.scope.Check(ctx, lang.Cell{Number: n, Shown: n, Text: code + lines.String()})
		wrong := unfit(n, c, err, vars)
		if len(wrong) == 0 && err == nil {
			if err := e.runHidden(ctx, c); err != nil {
				return nil, err
			}
			for _, v := range vars {
				e.scope.SetCell(v.Name, v.Cell)
			}
			loaded.Notes = append(loaded.Notes, c.Notes...)
			return vars, nil
		}
		if len(wrong) == 0 {
			return nil, err
		}
		fits, known := vars[:0:0], types[:0:0]
		for i, v := range vars {
			if why := wrong[i]; why != "" {
				loaded.Left = append(loaded.Left, Left{v.Name, why})
			} else {
				fits = append(fits, v)
			}
		}
		for i, t := range types {
			if wrong[len(vars)+i] == "" {
				known = append(known, t)
			}
		}
		vars, types = fits, known
	}
}

// unfit says which lines after the imports are wrong and why: by the type checker, or because the
// type has changed.
func unfit(cell int, c *lang.Checked, err error, vars []savedVar) map[int]string {
	wrong := map[int]string{}
	var list Errors
	if errors.As(err, &list) {
		for _, e := range list {
			if e.Place.Cell == cell && e.Place.Line > 1 {
				wrong[e.Place.Line-2] = "its type cannot be declared: " + e.Msg
			}
		}
	}
	if err != nil {
		return wrong
	}
	for i, v := range vars {
		now, err := lang.Describe(c.Var(v.Name))
		if err != nil || now.Needs != v.Needs {
			wrong[i] = fmt.Sprintf("the type %s was another when it was saved", v.Shown)
		}
	}
	return wrong
}
