// What is stopped: goroutines, frames, variables; and what lets it go on.

package dap

import (
	"context"
	"errors"
	"fmt"

	"gsmlab/kernel/engine"
)

// heard passes on the events of the debugger.
func (a *Adapter) heard(e engine.DebugEvent) {
	switch {
	case e.Stopped != nil:
		a.stopped(*e.Stopped)
	case e.Over:
		a.mu.Lock()
		a.forget()
		a.mu.Unlock()
		a.opt.Event("continued", map[string]any{"threadId": 0, "allThreadsContinued": true})
	case e.Ended != 0:
		a.opt.Event("thread", map[string]any{"reason": "exited", "threadId": e.Ended})
	case e.Bound != nil:
		a.bound(*e.Bound)
	}
}

// reasons are how the protocol calls what stops a goroutine.
var reasons = map[engine.StopReason]string{
	engine.StopPoint: "breakpoint", engine.StopStep: "step", engine.StopPause: "pause", engine.StopPanic: "exception",
}

func (a *Adapter) stopped(s engine.Stop) {
	a.mu.Lock()
	hit := []int{}
	for _, id := range s.Points {
		hit = append(hit, a.ids[id])
	}
	delete(a.panics, s.Goroutine)
	if s.Reason == engine.StopPanic {
		a.panics[s.Goroutine] = s.Text
	}
	a.mu.Unlock()
	body := map[string]any{"reason": reasons[s.Reason], "threadId": s.Goroutine, "allThreadsStopped": false, "preserveFocusHint": false, "hitBreakpointIds": hit}
	if s.Text != "" {
		body["text"], body["description"] = s.Text, s.Text
	}
	a.opt.Event("stopped", body)
}

// bound tells of a breakpoint that the cell, as it was built, has in another line or not at all.
func (a *Adapter) bound(b engine.Breakpoint) {
	a.mu.Lock()
	id, name := a.ids[b.ID], a.cells[b.Cell]
	s := a.sources[name]
	var told map[string]any
	if s != nil {
		for i := range s.points {
			p := &s.points[i]
			if p.id != id || b.Bound == 0 && (p.set.Why == b.Why || !b.Built) || b.Bound == p.line && p.set.Why == "" {
				continue
			}
			p.set.Why = b.Why
			if b.Bound > 0 {
				p.line = b.Bound
			}
			told = a.shown(name, *p)
		}
	}
	a.mu.Unlock()
	if told != nil {
		a.opt.Event("breakpoint", map[string]any{"reason": "changed", "breakpoint": told})
	}
}

// goroutine is the one that a client means: that with the number, else the latest that stopped.
// JupyterLab asks for 1 where it knows none.
func (a *Adapter) goroutine(id int) (int, error) {
	all := a.d.Stopped()
	for _, s := range all {
		if s.Goroutine == id {
			return id, nil
		}
	}
	if len(all) == 0 {
		return 0, errors.New("nothing is stopped")
	}
	return all[len(all)-1].Goroutine, nil
}

type threadArgs struct{ ThreadID int }

// resuming answers the requests that let a goroutine go on.
func resuming(step engine.StepKind) func(*Adapter, context.Context, threadArgs) (any, error) {
	return func(a *Adapter, _ context.Context, args threadArgs) (any, error) {
		g, err := a.goroutine(args.ThreadID)
		if err != nil {
			return nil, err
		}
		a.mu.Lock()
		a.forget()
		a.mu.Unlock()
		a.opt.Event("continued", map[string]any{"threadId": g, "allThreadsContinued": false})
		if err := a.d.Resume(g, step); err != nil {
			return nil, err
		}
		// JupyterLab shows one goroutine: another one that is stopped comes next
		if all := a.d.Stopped(); step == engine.StepNone && len(all) > 0 && all[len(all)-1].Goroutine != g {
			a.stopped(all[len(all)-1])
		}
		return map[string]any{"allThreadsContinued": false}, nil
	}
}

func (a *Adapter) pause(_ context.Context, args threadArgs) (any, error) {
	all, err := a.d.Goroutines()
	if err != nil {
		return nil, err
	}
	for _, g := range all {
		if g.ID == args.ThreadID {
			return nil, a.d.Pause(g.ID)
		}
	}
	return nil, a.d.Pause(0)
}

func (a *Adapter) threads(context.Context, none) (any, error) {
	all, err := a.d.Goroutines()
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, g := range all {
		list = append(list, map[string]any{"id": g.ID, "name": fmt.Sprintf("goroutine %d of cell %d", g.ID, g.Cell)})
	}
	return map[string]any{"threads": list}, nil
}

type stackArgs struct {
	ThreadID           int
	StartFrame, Levels int
}

func (a *Adapter) stackTrace(_ context.Context, args stackArgs) (any, error) {
	list := []any{}
	g, err := a.goroutine(args.ThreadID)
	if err != nil { // JupyterLab asks for it as a goroutine goes on
		return map[string]any{"stackFrames": list, "totalFrames": 0}, nil
	}
	frames, more, err := a.d.Stack(g)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, f := range frames {
		if i < args.StartFrame || args.Levels > 0 && i >= args.StartFrame+args.Levels {
			continue
		}
		list = append(list, map[string]any{
			"id": a.frameID(engine.At{Goroutine: g, Frame: i}), "name": f.Func, "line": f.Place.Line, "column": max(1, f.Place.Col),
			"source": sourceArg{Name: fmt.Sprintf("cell %d", f.Place.Cell), Path: a.cells[f.Place.Cell]},
		})
	}
	return map[string]any{"stackFrames": list, "totalFrames": len(frames) + more}, nil
}

// frameID numbers a frame anew at each request: JupyterLab reads the variables of a frame again
// only if it has another number. a.mu is held.
func (a *Adapter) frameID(at engine.At) int {
	a.frames = append(a.frames, at)
	return len(a.frames)
}

// frame is the frame with an ID; 0 is the session.
func (a *Adapter) frame(id int) (engine.At, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if id == 0 {
		return engine.At{}, nil
	}
	if id < 0 || id > len(a.frames) {
		return engine.At{}, fmt.Errorf("the frame %d is not there any more", id)
	}
	return a.frames[id-1], nil
}

// References to scopes are below those to values, which the debugger numbers.
const (
	sessionScope = 1
	frameScopes  = 2
	valueBase    = 1 << 20
)

type frameArgs struct{ FrameID int }

func (a *Adapter) scopesOf(_ context.Context, args frameArgs) (any, error) {
	if _, err := a.frame(args.FrameID); err != nil {
		return nil, err
	}
	list := []any{}
	if args.FrameID > 0 {
		list = append(list, map[string]any{"name": "Locals", "presentationHint": "locals", "variablesReference": frameScopes + args.FrameID, "expensive": false})
	}
	list = append(list, map[string]any{"name": "Globals", "presentationHint": "globals", "variablesReference": sessionScope, "expensive": false})
	return map[string]any{"scopes": list}, nil
}

type variablesArgs struct {
	VariablesReference, Start, Count int
}

func (a *Adapter) variables(_ context.Context, args variablesArgs) (any, error) {
	at, values := engine.At{}, []engine.Value(nil)
	var err error
	switch ref := args.VariablesReference; {
	case ref == sessionScope:
		values, err = a.d.Session()
	case ref > frameScopes && ref < valueBase:
		if at, err = a.frame(ref - frameScopes); err == nil {
			values, err = a.d.Locals(at)
		}
	case ref > valueBase:
		a.mu.Lock()
		at = a.values[ref]
		a.mu.Unlock()
		values, err = a.d.Children(ref-valueBase, args.Start, args.Count)
	default:
		err = fmt.Errorf("there is no value %d", ref)
	}
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, v := range values {
		list = append(list, a.variable(v, at))
	}
	return map[string]any{"variables": list}, nil
}

// variable is a value as clients see it.
func (a *Adapter) variable(v engine.Value, at engine.At) map[string]any {
	shown := map[string]any{"name": v.Name, "value": v.Text, "type": v.Type, "variablesReference": a.reference(v, at)}
	if v.Len > 0 {
		shown["indexedVariables"] = v.Len
	}
	return shown
}

// reference is by what a client asks for the children of a value; 0: it has none.
func (a *Adapter) reference(v engine.Value, at engine.At) int {
	if v.Ref == 0 {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.values[valueBase+v.Ref] = at
	return valueBase + v.Ref
}

type setVariableArgs struct {
	VariablesReference int
	Name, Value        string
}

func (a *Adapter) setVariable(_ context.Context, args setVariableArgs) (any, error) {
	var v engine.Value
	var at engine.At
	var err error
	switch ref := args.VariablesReference; {
	case ref > valueBase:
		a.mu.Lock()
		at = a.values[ref]
		a.mu.Unlock()
		v, err = a.d.SetChild(at, ref-valueBase, args.Name, args.Value)
	case ref > frameScopes:
		if at, err = a.frame(ref - frameScopes); err == nil {
			v, err = a.d.Evaluate(at, args.Name+" = "+args.Value)
		}
	default:
		v, err = a.d.Evaluate(at, args.Name+" = "+args.Value)
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"value": v.Text, "type": v.Type, "variablesReference": a.reference(v, at)}, nil
}

type setExpressionArgs struct {
	Expression, Value string
	FrameID           int
}

func (a *Adapter) setExpression(ctx context.Context, args setExpressionArgs) (any, error) {
	at, err := a.frame(args.FrameID)
	if err != nil {
		return nil, err
	}
	v, err := a.d.Evaluate(at, args.Expression+" = "+args.Value)
	if err != nil {
		return nil, err
	}
	return map[string]any{"value": v.Text, "type": v.Type, "variablesReference": a.reference(v, at)}, nil
}

type evaluateArgs struct {
	Expression string
	FrameID    int
	Context    string
}

func (a *Adapter) evaluate(_ context.Context, args evaluateArgs) (any, error) {
	at, err := a.frame(args.FrameID)
	if err != nil {
		return nil, err
	}
	v, err := a.d.Evaluate(at, args.Expression)
	if err != nil {
		return nil, err
	}
	return map[string]any{"result": v.Text, "type": v.Type, "variablesReference": a.reference(v, at)}, nil
}

func (a *Adapter) exceptionInfo(_ context.Context, args threadArgs) (any, error) {
	g, err := a.goroutine(args.ThreadID)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	text, ok := a.panics[g]
	if !ok {
		return nil, fmt.Errorf("goroutine %d did not stop for a panic", g)
	}
	return map[string]any{"exceptionId": "panic", "description": text, "breakMode": "always", "details": map[string]any{"message": text, "typeName": "panic"}}, nil
}

// inspectVariables lists the variables of the session, also while nothing is stopped or nobody has
// attached.
func (a *Adapter) inspectVariables(ctx context.Context, _ none) (any, error) {
	return a.variables(ctx, variablesArgs{VariablesReference: sessionScope})
}

type richArgs struct {
	VariableName string
	FrameID      int
}

func (a *Adapter) richInspectVariables(ctx context.Context, args richArgs) (any, error) {
	at, err := a.frame(args.FrameID)
	if err != nil {
		return nil, err
	}
	data, err := a.d.Rich(at, args.VariableName)
	if err != nil {
		return nil, err
	}
	return map[string]any{"data": a.opt.Data(data), "metadata": map[string]any{}}, nil
}

type copyArgs struct {
	SrcVariableName, DstVariableName string
	SrcFrameID                       int
}

func (a *Adapter) copyToGlobals(ctx context.Context, args copyArgs) (any, error) {
	at, err := a.frame(args.SrcFrameID)
	if err != nil {
		return nil, err
	}
	return nil, a.d.CopyToSession(ctx, at, args.SrcVariableName, args.DstVariableName)
}
