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

	"gsmlab/kernel/engine/rt"
)

// Load implements Engine.
func (s *session) Load(ctx context.Context, path string) (Loaded, error) {
	s.running.Lock()
	defer s.running.Unlock()
	var loaded Loaded
	if err := s.alive(); err != nil {
		return loaded, err
	}
	dir, err := os.MkdirTemp(s.tools.dir, "load")
	if err != nil {
		return loaded, fmt.Errorf("engine: %w", err)
	}
	defer os.RemoveAll(dir)
	index, err := readCheckpoint(s.inDir(path), dir)
	if err != nil {
		return loaded, err
	}
	have, missing := s.matched(index, &loaded)
	declared, err := s.redeclare(index, missing, &loaded)
	if err != nil {
		return loaded, err
	}
	var vars []rt.Stored
	keep := false
	for _, v := range slices.Concat(have, declared) {
		vars = append(vars, s.stored(v.Name, v.File))
		keep = keep || v.GoMLX
	}
	report, err := s.transfer(ctx, "load", dir, vars, keep)
	if err != nil {
		return loaded, err
	}
	for _, v := range report.Vars {
		if v.Err == "" {
			loaded.Names = append(loaded.Names, v.Name)
			continue
		}
		loaded.Left = append(loaded.Left, Left{v.Name, clean(v.Err)})
		if slices.ContainsFunc(declared, func(d savedVar) bool { return d.Name == v.Name }) {
			delete(s.names.objects, v.Name)
		}
	}
	s.publish()
	slices.Sort(loaded.Names)
	return loaded, nil
}

// matched finds the variables of a checkpoint that the session has, and those that it must declare.
func (s *session) matched(index savedSession, loaded *Loaded) (have, missing []savedVar) {
	for _, v := range index.Vars {
		leave := func(format string, args ...any) {
			loaded.Left = append(loaded.Left, Left{v.Name, fmt.Sprintf(format, args...)})
		}
		switch obj := s.names.objects[v.Name].(type) {
		case nil:
			missing = append(missing, v)
		case *types.Var:
			now, err := s.describe(obj)
			switch {
			case err == nil && now.Needs == v.Needs:
				have = append(have, v)
			case now.Shown == v.Shown:
				leave("the type %s was another when it was saved", v.Shown)
			default:
				leave("it is a %s now and was a %s when it was saved", now.Shown, v.Shown)
			}
		default:
			leave("the name is a %s now", kindOf(obj))
		}
	}
	return have, missing
}

var pathInType = regexp.MustCompile(`"([^"\\]+)"\.`)

// redeclare declares variables of a checkpoint that the session does not have, and has gob learn the types
// that interfaces hold. Variables whose type is not declared, or is another now, are left.
func (s *session) redeclare(index savedSession, vars []savedVar, loaded *Loaded) ([]savedVar, error) {
	if len(vars)+len(index.Types) == 0 {
		return nil, nil
	}
	types, original := slices.Clone(index.Types), s.shown
	defer func() { s.shown = original }()
	for {
		imports := map[string]string{runtimePath: tick + "k"}
		source := func(text string) string {
			return pathInType.ReplaceAllStringFunc(text, func(m string) string {
				path := strings.Trim(m, `".`)
				if imports[path] == "" {
					imports[path] = fmt.Sprintf("%sk%d", tick, len(imports))
				}
				return imports[path] + "."
			})
		}
		var lines strings.Builder
		for _, v := range vars {
			fmt.Fprintf(&lines, "\nvar %s %s", v.Name, source(v.Type))
		}
		for _, t := range types {
			fmt.Fprintf(&lines, "\n%sk.Named[%s](%q)", tick, source(t), t)
		}
		code := ""
		for _, path := range slices.Sorted(maps.Keys(imports)) {
			code += fmt.Sprintf("import %s %q; ", imports[path], path)
		}
		s.shown = s.hiddenNumber()
		c, err := s.check(s.shown, code+lines.String())
		wrong := s.unfit(c, err, vars)
		if len(wrong) == 0 && err == nil {
			if err := s.runHidden(c); err != nil {
				return nil, err
			}
			for _, v := range vars {
				s.names.cells[v.Name] = v.Cell
			}
			loaded.Notes = append(loaded.Notes, c.notes...)
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

// unfit returns what is wrong with which line after the imports, by the type checker or because the type
// is not what it was.
func (s *session) unfit(c *checked, err error, vars []savedVar) map[int]string {
	wrong := map[int]string{}
	var list Errors
	if errors.As(err, &list) {
		for _, e := range list {
			if e.Place.Cell == s.shown && e.Place.Line > 1 {
				wrong[e.Place.Line-2] = "its type cannot be declared: " + e.Msg
			}
		}
	}
	if err != nil {
		return wrong
	}
	for i, v := range vars {
		now, err := s.describe(c.pkg.Scope().Lookup(v.Name).(*types.Var))
		if err != nil || now.Needs != v.Needs {
			wrong[i] = fmt.Sprintf("the type %s was another when it was saved", v.Shown)
		}
	}
	return wrong
}
