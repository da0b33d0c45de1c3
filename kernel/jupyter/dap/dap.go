// Package dap is the debug adapter of the kernel: it answers requests of the Debug Adapter
// Protocol, with what Jupyter adds to it (JEP 47), by the engine's debugger. It knows cells by
// their text, as clients do, and not how requests come.
package dap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"gsmlab/kernel/engine"
)

// Options connect an adapter to a session.
type Options struct {
	Debugger *engine.Debugger
	// Event gets the events, one after the other.
	Event func(event string, body any)
	// Attach is told whether a client debugs.
	Attach func(on bool)
	// Data is a value in its forms as clients get it.
	Data func(engine.Bundle) map[string]any
	// Line is where a breakpoint in a line of a cell's text stops; 0: nowhere.
	Line func(text string, line int) int
}

// Adapter answers requests of one client at a time.
type Adapter struct {
	opt Options
	d   *engine.Debugger

	mu       sync.Mutex
	attached bool
	stop     func() // listening
	sources  map[string]*source
	cells    map[int]string // the paths of the texts of cells
	lastID   int
	ids      map[int]int // of breakpoints: the client's by the debugger's
	frames   []engine.At // by their IDs
	values   map[int]engine.At
	panics   map[int]string // that goroutines stopped for
}

// source is a text of cells.
type source struct {
	text   string
	cells  []int
	points []point
}

// point is a breakpoint as a client sees it.
type point struct {
	id   int
	line int // where it stops, or the client wants it
	set  engine.Breakpoint
}

// New returns an adapter that nobody has attached to.
func New(opt Options) *Adapter {
	return &Adapter{opt: opt, d: opt.Debugger, sources: map[string]*source{}, cells: map[int]string{}, ids: map[int]int{},
		values: map[int]engine.At{}, panics: map[int]string{}}
}

// Request is a request of a client.
type Request struct {
	Seq       json.Number     `json:"seq"`
	Command   string          `json:"command"`
	Arguments json.RawMessage `json:"arguments"`
}

// Answer carries out a request and returns the response. It may wait for values that take long to
// show themselves, but not for cells.
func (a *Adapter) Answer(ctx context.Context, r Request) map[string]any {
	seq, _ := r.Seq.Int64()
	answer := map[string]any{"type": "response", "request_seq": seq, "command": r.Command, "success": true}
	var body any
	err := fmt.Errorf("the request %q is not known", r.Command)
	if handle, known := handlers[r.Command]; known {
		body, err = handle(a, ctx, r.Arguments)
	}
	if err != nil {
		answer["success"], answer["message"] = false, err.Error()
		body = map[string]any{"error": map[string]any{"id": 1, "format": err.Error()}}
	}
	if body == nil {
		body = map[string]any{}
	}
	answer["body"] = body
	return answer
}

// handler answers one kind of request.
type handler func(a *Adapter, ctx context.Context, args json.RawMessage) (any, error)

// on makes a handler of a method that takes arguments.
func on[T any](f func(a *Adapter, ctx context.Context, args T) (any, error)) handler {
	return func(a *Adapter, ctx context.Context, raw json.RawMessage) (any, error) {
		var args T
		if len(raw) > 0 {
			if err := json.Unmarshal(raw, &args); err != nil {
				return nil, fmt.Errorf("the arguments are not what the protocol says: %w", err)
			}
		}
		return f(a, ctx, args)
	}
}

type none struct{}

// handlers are the requests that clients make.
var handlers = map[string]handler{
	"initialize":              on((*Adapter).initialize),
	"attach":                  on((*Adapter).attach),
	"launch":                  on((*Adapter).attach),
	"disconnect":              on((*Adapter).disconnect),
	"terminate":               on((*Adapter).disconnect),
	"debugInfo":               on((*Adapter).debugInfo),
	"dumpCell":                on((*Adapter).dumpCell),
	"setBreakpoints":          on((*Adapter).setBreakpoints),
	"setExceptionBreakpoints": on((*Adapter).setExceptionBreakpoints),
	"setFunctionBreakpoints":  on((*Adapter).nothing),
	"configurationDone":       on((*Adapter).nothing),
	"continue":                on(resuming(engine.StepNone)),
	"next":                    on(resuming(engine.StepNext)),
	"stepIn":                  on(resuming(engine.StepIn)),
	"stepOut":                 on(resuming(engine.StepOut)),
	"pause":                   on((*Adapter).pause),
	"threads":                 on((*Adapter).threads),
	"stackTrace":              on((*Adapter).stackTrace),
	"scopes":                  on((*Adapter).scopesOf),
	"variables":               on((*Adapter).variables),
	"setVariable":             on((*Adapter).setVariable),
	"setExpression":           on((*Adapter).setExpression),
	"evaluate":                on((*Adapter).evaluate),
	"exceptionInfo":           on((*Adapter).exceptionInfo),
	"source":                  on((*Adapter).source),
	"modules":                 on((*Adapter).modules),
	"inspectVariables":        on((*Adapter).inspectVariables),
	"richInspectVariables":    on((*Adapter).richInspectVariables),
	"copyToGlobals":           on((*Adapter).copyToGlobals),
}

func (a *Adapter) nothing(context.Context, none) (any, error) { return nil, nil }

// filterPanic is the exception filter for panics.
const filterPanic = "panic"

func (a *Adapter) initialize(context.Context, none) (any, error) {
	a.opt.Event("initialized", map[string]any{})
	return map[string]any{
		"supportsConfigurationDoneRequest":  true,
		"supportsConditionalBreakpoints":    true,
		"supportsHitConditionalBreakpoints": true,
		"supportsLogPoints":                 true,
		"supportsEvaluateForHovers":         true,
		"supportsSetVariable":               true,
		"supportsSetExpression":             true,
		"supportsExceptionInfoRequest":      true,
		"supportsModulesRequest":            true,
		"supportTerminateDebuggee":          false,
		"exceptionBreakpointFilters":        []any{map[string]any{"filter": filterPanic, "label": "Panics", "default": false}},
	}, nil
}

// attach switches the debugger on. A second client gets what the first one gets.
func (a *Adapter) attach(context.Context, none) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.attached {
		a.attached = true
		a.opt.Attach(true)
		a.d.Switch(true)
		a.stop = a.d.Listen(a.heard)
		for _, s := range a.sources {
			a.place(s)
		}
	}
	return nil, nil
}

// disconnect switches the debugger off: what is stopped goes on.
func (a *Adapter) disconnect(context.Context, none) (any, error) {
	a.Close()
	return nil, nil
}

// Close ends what a client has begun. Breakpoints are kept for the next one, and stop nothing.
func (a *Adapter) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.attached {
		return
	}
	a.attached = false
	a.stop()
	for _, s := range a.sources {
		for _, cell := range s.cells {
			a.d.SetBreakpoints(cell, nil)
		}
	}
	a.d.StopAtPanics(false)
	a.d.Switch(false)
	a.opt.Attach(false)
	a.forget()
}

// Attached reports whether a client debugs.
func (a *Adapter) Attached() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.attached
}

// forget drops what clients know of frames and values; a.mu is held.
func (a *Adapter) forget() {
	a.frames = nil
	clear(a.values)
}

func (a *Adapter) debugInfo(context.Context, none) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	points, stopped := []any{}, []int{}
	for name, s := range a.sources {
		list := []any{}
		for _, p := range s.points {
			list = append(list, a.shown(name, p))
		}
		if len(list) > 0 {
			points = append(points, map[string]any{"source": name, "breakpoints": list})
		}
	}
	if a.attached {
		for _, s := range a.d.Stopped() {
			stopped = append(stopped, s.Goroutine)
		}
	}
	return map[string]any{
		"isStarted": a.attached, "hashMethod": "Murmur2", "hashSeed": hashSeed, "tmpFilePrefix": Prefix, "tmpFileSuffix": Suffix,
		"breakpoints": points, "stoppedThreads": stopped, "richRendering": true, "copyToGlobals": true,
		"exceptionPaths": []string{"Go"},
	}, nil
}

func (a *Adapter) dumpCell(_ context.Context, args struct{ Code *string }) (any, error) {
	if args.Code == nil {
		return nil, errors.New("dumpCell: there is no code")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known(*args.Code)
	return map[string]any{"sourcePath": path(*args.Code)}, nil
}

// Source names a text in requests and answers.
type sourceArg struct {
	Name string `json:"name,omitempty"`
	Path string `json:"path,omitempty"`
}

type setBreakpointsArgs struct {
	Source      sourceArg
	Breakpoints []struct {
		Line         int
		Condition    string
		HitCondition string
		LogMessage   string
	}
	Lines []int // of older clients
}

func (a *Adapter) setBreakpoints(_ context.Context, args setBreakpointsArgs) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.sources[args.Source.Path]
	if s == nil {
		s = &source{} // its text comes with the cell
		a.sources[args.Source.Path] = s
	}
	before := s.points
	s.points = nil
	list := args.Breakpoints
	for _, line := range args.Lines[min(len(list), len(args.Lines)):] {
		list = append(list, struct {
			Line                                int
			Condition, HitCondition, LogMessage string
		}{Line: line})
	}
	for _, b := range list {
		p := point{line: b.Line, set: engine.Breakpoint{Line: b.Line, Condition: b.Condition, Hits: b.HitCondition, Log: b.LogMessage}}
		for _, old := range before {
			if old.set == p.set {
				p.id = old.id
			}
		}
		if p.id == 0 {
			a.lastID++
			p.id = a.lastID
		}
		if s.text != "" {
			if p.line = a.opt.Line(s.text, b.Line); p.line == 0 {
				p.line = b.Line
				p.set.Why = "no statement begins in this line or below"
			}
		}
		if err := p.set.Check(); err != nil {
			p.set.Why = err.Error()
		}
		s.points = append(s.points, p)
	}
	if a.attached {
		a.place(s)
	}
	answer := []any{}
	for _, p := range s.points {
		answer = append(answer, a.shown(args.Source.Path, p))
	}
	return map[string]any{"breakpoints": answer}, nil
}

// shown is a breakpoint as clients see it.
func (a *Adapter) shown(path string, p point) map[string]any {
	b := map[string]any{"id": p.id, "verified": p.set.Why == "", "line": p.line, "source": sourceArg{Path: path}}
	if p.set.Why != "" {
		b["message"] = p.set.Why
	}
	if p.set.Condition != "" {
		b["condition"] = p.set.Condition
	}
	return b
}

func (a *Adapter) setExceptionBreakpoints(_ context.Context, args struct{ Filters []string }) (any, error) {
	answer := []any{}
	for _, f := range args.Filters {
		answer = append(answer, map[string]any{"verified": f == filterPanic})
	}
	a.d.StopAtPanics(slices.Contains(args.Filters, filterPanic))
	return map[string]any{"breakpoints": answer}, nil
}

func (a *Adapter) source(_ context.Context, args struct{ Source sourceArg }) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.sources[args.Source.Path]
	if s == nil || s.text == "" {
		return nil, fmt.Errorf("source: no cell has the text of %q", args.Source.Path)
	}
	return map[string]any{"content": s.text, "mimeType": "text/x-go"}, nil
}

// modules are the texts of the cells that ran.
func (a *Adapter) modules(_ context.Context, args struct{ StartModule, ModuleCount int }) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := []any{}
	for n, cell := range slices.Sorted(maps.Keys(a.cells)) {
		all = append(all, map[string]any{"id": n + 1, "name": fmt.Sprintf("cell %d", cell), "path": a.cells[cell]})
	}
	total := len(all)
	start := min(max(args.StartModule, 0), total)
	end := total
	if args.ModuleCount > 0 {
		end = min(total, start+args.ModuleCount)
	}
	return map[string]any{"modules": all[start:end], "totalModules": total}, nil
}
