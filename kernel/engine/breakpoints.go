// Breakpoints: where goroutines stop, in what is built by now.

package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gsmlab/kernel/engine/lang"
	"gsmlab/kernel/engine/wire"
)

// Break adds a breakpoint, and switches the debugger on.
func (d *Debugger) Break(b Breakpoint) (Breakpoint, error) {
	if err := b.Check(); err != nil {
		return b, err
	}
	d.mu.Lock()
	d.on = true
	d.lastID++
	b.ID = d.lastID
	d.points = append(d.points, b)
	d.mu.Unlock()
	d.bind()
	for _, bound := range d.Breakpoints() {
		if bound.ID == b.ID {
			b = bound
		}
	}
	return b, nil
}

// Check reads what can be read without the cell.
func (b Breakpoint) Check() error {
	if _, err := wire.HitCount(b.Hits); err != nil {
		return err
	}
	if b.Condition != "" {
		if _, _, err := lang.ParseLook(b.Condition); err != nil {
			return err
		}
	}
	_, _, err := b.logParts()
	return err
}

// SetBreakpoints replaces the breakpoints of a cell, and returns the new ones. Those that are as
// before keep their IDs.
func (d *Debugger) SetBreakpoints(cell int, list []Breakpoint) []Breakpoint {
	d.mu.Lock()
	old := map[Breakpoint]int{}
	plain := func(b Breakpoint) Breakpoint {
		return Breakpoint{Line: b.Line, Condition: b.Condition, Hits: b.Hits, Log: b.Log}
	}
	for _, b := range d.points {
		if b.Cell == cell {
			old[plain(b)] = b.ID
		}
	}
	d.points = slices.DeleteFunc(d.points, func(b Breakpoint) bool { return b.Cell == cell })
	var ids []int
	for _, b := range list {
		b.Cell = cell
		if id, ok := old[plain(b)]; ok && !slices.Contains(ids, id) {
			b.ID = id
		} else {
			d.lastID++
			b.ID = d.lastID
		}
		ids = append(ids, b.ID)
		d.points = append(d.points, b)
	}
	d.mu.Unlock()
	d.bind()
	d.mu.Lock()
	defer d.mu.Unlock()
	set := make([]Breakpoint, len(ids))
	for _, b := range d.points {
		if i := slices.Index(ids, b.ID); i >= 0 {
			set[i] = b
		}
	}
	return set
}

// Clear removes breakpoints by their IDs; without any, all. It returns those that it did not find.
func (d *Debugger) Clear(ids ...int) (unknown []int) {
	d.mu.Lock()
	for _, id := range ids {
		if !slices.ContainsFunc(d.points, func(b Breakpoint) bool { return b.ID == id }) {
			unknown = append(unknown, id)
		}
	}
	d.points = slices.DeleteFunc(d.points, func(b Breakpoint) bool { return len(ids) == 0 || slices.Contains(ids, b.ID) })
	d.mu.Unlock()
	d.bind()
	return unknown
}

// Breakpoints lists the breakpoints in the order in which they came.
func (d *Debugger) Breakpoints() []Breakpoint {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.points)
}

// StopAtPanics says whether goroutines stop where a panic begins.
func (d *Debugger) StopAtPanics(on bool) {
	d.mu.Lock()
	d.panics = on
	d.mu.Unlock()
	d.bind()
}

// PanicsStop reports whether goroutines stop where a panic begins.
func (d *Debugger) PanicsStop() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.panics
}

// Text is the Go of a cell.
func (d *Debugger) Text(cell int) string { return d.e.beside.Load().Text(cell) }

// bind tells the worker where to stop: the breakpoints, at what is built by now.
func (d *Debugger) bind() {
	scope := d.e.beside.Load()
	d.mu.Lock()
	defer d.mu.Unlock()
	request := &wire.Debug{Op: wire.DebugPoints, Panics: d.panics && d.on}
	for i := range d.points {
		b := &d.points[i]
		before := *b
		points := d.bound(scope, b)
		if d.on {
			request.Points = append(request.Points, points...)
		}
		if *b != before {
			told := *b
			d.tell(DebugEvent{Bound: &told})
		}
	}
	if p := d.e.show.worker.Load(); p != nil {
		p.send(wire.Command{Do: wire.DoDebug, Debug: request})
	}
}

// bound finds the statements of a breakpoint; d.mu is held.
func (d *Debugger) bound(scope *lang.Scope, b *Breakpoint) (points []wire.Point) {
	b.Bound, b.Why, b.Built = 0, "", false
	text := scope.Text(b.Cell)
	if text == "" {
		b.Why = fmt.Sprintf("cell %d has not run", b.Cell)
		return nil
	}
	if b.Bound = StopLine(text, b.Line); b.Bound == 0 {
		b.Why = fmt.Sprintf("no statement begins in line %d of cell %d or below", b.Line, b.Cell)
		return nil
	}
	for _, n := range slices.Sorted(maps.Keys(d.packages)) {
		for _, statement := range d.packages[n].At(b.Cell, b.Bound) {
			b.Built = true
			p, err := d.point(scope, b, n, statement)
			if err != nil {
				b.Why = err.Error()
				continue
			}
			points = append(points, p)
		}
	}
	if len(points) == 0 {
		b.Bound = 0
		if b.Why == "" {
			b.Why = "what cell " + fmt.Sprint(b.Cell) + " declared is built for debugging when the next cell runs"
		}
	} else {
		b.Why = ""
	}
	return points
}

// point is a breakpoint at a statement.
func (d *Debugger) point(scope *lang.Scope, b *Breakpoint, pkg, statement int) (p wire.Point, err error) {
	p = wire.Point{ID: b.ID, Package: pkg, Statement: statement, Hits: b.Hits}
	look := func(code string) (*wire.Expr, error) {
		x, target, err := scope.LookAt(d.e.life, d.packages[pkg], statement, code)
		if err == nil && target != nil {
			err = fmt.Errorf("%s is an assignment", code)
		}
		return x, err
	}
	if b.Condition != "" {
		if p.Condition, err = look(b.Condition); err != nil {
			return p, fmt.Errorf("the condition: %w", err)
		}
		if _, err := look("(" + b.Condition + ") && true"); err != nil {
			return p, fmt.Errorf("the condition %s is not a bool", b.Condition)
		}
	}
	parts, exprs, err := b.logParts()
	for _, code := range exprs {
		x, err := look(code)
		if err != nil {
			return p, fmt.Errorf("the log message: %w", err)
		}
		p.Exprs = append(p.Exprs, x)
	}
	if p.Log = parts; len(parts) > 0 {
		p.Log[0] = strings.TrimLeft(p.Log[0], "\n")
	}
	return p, err
}

// logParts cuts the message of a log point at its expressions, which are in braces.
func (b Breakpoint) logParts() (texts, exprs []string, err error) {
	if b.Log == "" {
		return nil, nil, nil
	}
	rest := b.Log
	for {
		text, after, more := strings.Cut(rest, "{")
		texts = append(texts, text)
		if !more {
			return texts, exprs, nil
		}
		depth, end := 1, -1
		for i, r := range after {
			if r == '{' {
				depth++
			} else if r == '}' {
				if depth--; depth == 0 {
					end = i
					break
				}
			}
		}
		if end < 0 {
			return nil, nil, errors.New("the log message has a { without a }")
		}
		exprs = append(exprs, after[:end])
		rest = after[end+1:]
	}
}

// StopLine is the line of a cell in which a breakpoint at line stops: the next in which a statement
// begins; 0 if there is none.
func StopLine(text string, line int) int {
	lines := lang.Lines(text)
	if i, _ := slices.BinarySearch(lines, line); i < len(lines) {
		return lines[i]
	}
	return 0
}
