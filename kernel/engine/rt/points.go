package rt

import (
	"io"
	"reflect"
	"strings"

	"gsmlab/kernel/engine/rt/cell"
	"gsmlab/kernel/engine/wire"
)

// reached decides whether a goroutine stops before a statement.
func (d *debugger) reached(f *cell.Frame) {
	g := f.Goroutine.(*debugged)
	if g.quiet || cell.Stop.Load() != 0 {
		return
	}
	d.mu.Lock()
	reason := wire.StopReason("")
	switch {
	case g.pause || d.pause:
		reason = wire.StopPause
	case g.arrived(f):
		reason = wire.StopStep
	}
	points := d.points[site{f.Unit.Package, f.Statement}]
	d.mu.Unlock()
	hit, text := g.hit(points, f)
	if len(hit) > 0 {
		reason = wire.StopPoint
	}
	if reason != "" {
		d.stop(g, f, &wire.Stopped{Reason: reason, Points: hit, Text: text})
	}
}

// arrived says whether a step ends before f's statement; d.mu is held.
func (g *debugged) arrived(f *cell.Frame) bool {
	from := &g.from
	// the statements of a line are one, unless it begins anew
	own := f.Depth == from.Depth && f.Serial == from.Serial
	onward := !own || !sameLine(f, from) || f.Statement <= from.Statement
	switch g.step {
	case wire.StepIn:
		return onward
	case wire.StepNext:
		return own && onward || f.Depth < from.Depth
	case wire.StepOut:
		return f.Depth < from.Depth
	}
	return false
}

// sameLine says whether two statements of a function are in one line: their numbers say so.
func sameLine(a, b *cell.Frame) bool {
	return a.Unit == b.Unit && wire.LineOf(a.Statement) == wire.LineOf(b.Statement)
}

// hit returns the breakpoints among points that stop the goroutine, and what went wrong with them.
func (g *debugged) hit(points []*point, f *cell.Frame) (ids []int, text string) {
	if len(points) == 0 {
		return nil, ""
	}
	g.quiet = true // functions that conditions call do not stop
	defer func() { g.quiet = false }()
	for _, p := range points {
		holds, err := p.holds(f)
		switch {
		case err != "":
			ids, text = append(ids, p.ID), "the condition: "+err
		case !holds:
		case len(p.Log) > 0:
			p.log(f)
		default:
			ids = append(ids, p.ID)
		}
	}
	return ids, text
}

// holds evaluates the condition of a point and counts how often it holds.
func (p *point) holds(f *cell.Frame) (holds bool, failed string) {
	if p.Condition != nil {
		v, err := evaluate(f, p.Condition)
		if err != "" {
			return false, err
		}
		if v[0].Kind() != reflect.Bool { // the engine has checked the type
			return false, "it is not a bool"
		}
		if !v[0].Bool() {
			return false, ""
		}
	}
	debugging.mu.Lock()
	p.hits++
	n := p.hits
	debugging.mu.Unlock()
	enough, err := wire.HitCount(p.Hits)
	if err != nil {
		return false, err.Error()
	}
	return enough(n), ""
}

// log writes the text of a log point to the cell's output.
func (p *point) log(f *cell.Frame) {
	var text strings.Builder
	for i, part := range p.Log {
		text.WriteString(part)
		if i < len(p.Exprs) {
			v, err := evaluate(f, p.Exprs[i])
			if err == "" {
				text.WriteString(textsOf(v))
			} else {
				text.WriteString("(" + err + ")")
			}
		}
	}
	io.WriteString(server.streams[wire.Stdout], text.String()+"\n")
}
