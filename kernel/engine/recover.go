// What happens after a worker has died: what is lost, what the new worker gets, and what the user
// is told.

package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"gsmlab/kernel/engine/lang"
	"gsmlab/kernel/engine/wire"
)

// hiddenNumber is a number for a package that the engine makes for its own use.
func (e *Engine) hiddenNumber() int {
	e.hidden++
	return lang.HiddenCells + e.hidden
}

// alive returns an error if the worker has ended in the meantime.
func (e *Engine) alive() error {
	if e.process.runs() {
		return nil
	}
	return e.crashed(e.shown, e.process.howItEnded())
}

// crashed replaces a worker that has ended, and gives the new one the declarations that need no
// values. It returns the error that says what happened; what is why the worker ended.
func (e *Engine) crashed(cell int, what string) error {
	e.show.inputs.cancel(nil)
	crash := &CellError{Kind: KindCrash}
	if cell != 0 {
		crash.Place = placeOfCrash(e.process.lastWords())
	}
	old := e.scope
	if err := e.reset(e.life); err != nil {
		return err
	}
	waiting, err := e.recover(old)
	for _, v := range old.Variables() {
		if v.Name() != "ctx" {
			crash.Lost = append(crash.Lost, v.Name())
		}
	}
	crash.Kept = e.auto.tookAll(crash.Lost, e.shown)
	crash.Msg = what + " and was started again" + e.whatIsLost(crash.Lost, waiting, err)
	return crash
}

// whatIsLost says which names a new worker lacks.
func (e *Engine) whatIsLost(lost, waiting []string, failed error) string {
	var parts []string
	switch len(lost) {
	case 0:
	case 1:
		parts = append(parts, "the variable "+lost[0]+" is lost")
	default:
		parts = append(parts, "the variables "+someOf(lost)+" are lost")
	}
	switch {
	case failed != nil:
		reason, _, _ := strings.Cut(failed.Error(), "\n")
		parts = append(parts, "functions and types too: "+reason)
	case !e.scope.Empty():
		parts = append(parts, "functions, types and constants are kept")
	}
	if len(waiting) > 0 {
		parts = append(parts, fmt.Sprintf("declaring %s again brings back %s", map[bool]string{true: "it", false: "them"}[len(lost) == 1], someOf(waiting)))
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, "; ")
}

// someOf lists names, but no more than one can read.
func someOf(names []string) string {
	const most = 20
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// recover builds the functions, types and constants of old in a package for the new worker. It
// returns those that use a lost variable: they wait until it is declared again.
func (e *Engine) recover(old *lang.Scope) (waiting []string, err error) {
	n := e.hiddenNumber()
	c, waiting, err := e.scope.Revive(e.life, old, lang.Cell{Number: n, Shown: e.shown})
	e.publish()
	if c == nil || err != nil {
		return nil, err
	}
	if err := e.runHidden(e.life, c); err != nil && !e.process.runs() {
		// an init function ends the worker, so go on without these declarations
		return waiting, errors.Join(err, e.reset(e.life))
	} else if err != nil {
		return waiting, err
	}
	return waiting, nil
}

// runHidden builds and runs one of the engine's own packages, and adds its names to the session.
func (e *Engine) runHidden(ctx context.Context, c *lang.Checked) error {
	built, err := e.emit(c)
	if err != nil {
		return err
	}
	plugin, err := e.tools.Plugin(ctx, packageOf(built))
	if err != nil {
		return err
	}
	e.process.send(wire.Command{Do: wire.DoRun, Path: plugin.Path, Package: plugin.Package, Before: plugin.Before, Cell: c.Number, Debugging: e.debugging})
	for {
		select {
		case done := <-e.process.events:
			if done.Kind != wire.EventDone {
				continue
			}
			if err := cellError(c.Number, done, nil); err != nil {
				return err
			}
			e.adopt(c, built)
			return nil
		case <-e.process.dead:
			return errors.New(e.process.howItEnded()) // the next cell will say so too
		}
	}
}

// hiddenCell runs one of the engine's own cells, which may use names with a tick.
func (e *Engine) hiddenCell(ctx context.Context, code string) error {
	n := e.hiddenNumber()
	c, err := e.scope.Check(ctx, lang.Cell{Number: n, Shown: n, Text: code})
	if err != nil {
		return err
	}
	return e.runHidden(ctx, c)
}

// placeOfCrash is the first place in a cell of the goroutine that ended a worker. The dump of a
// panic begins with that goroutine. If it has no such place, one of another goroutine would
// mislead.
func placeOfCrash(words string) Place {
	if head, rest, ok := strings.Cut(words, "\n\ngoroutine "); ok && strings.HasPrefix(words, "panic: ") {
		own, _, _ := strings.Cut(rest, "\n\n")
		return lang.FirstPlace(head + "\n" + own)
	}
	return lang.FirstPlace(words)
}

// undefinedName returns the name that the checker's message says is not defined.
func undefinedName(msg string) (name string, ok bool) {
	name, ok = strings.CutPrefix(msg, "undefined: ")
	name, _, _ = strings.Cut(name, " ") // suggestions follow it
	return strings.TrimRight(name, ",;:"), ok && !strings.Contains(name, ".")
}

// preferWorkerWhenMemoryEnds makes Linux end the worker before the front end when memory runs out.
func preferWorkerWhenMemoryEnds(pid int) {
	// only Linux has such a file
	os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("300"), 0)
}

var (
	lastWords   = regexp.MustCompile(`(?m)^(fatal error: |panic: |SIG[A-Z]+: |terminate called)`)
	lastMessage = regexp.MustCompile(`(?m)^(?:(?:fatal error|panic): (.*)|SIG[A-Z]+: (.*))$`)
	outOfMemory = regexp.MustCompile(`out of memory|cannot allocate memory|std::bad_alloc`)
)

// howItEnded says in a few words why a worker has ended.
func (p *process) howItEnded() string {
	words := p.lastWords()
	exit := "exit status 0"
	if p.err != nil {
		exit = p.err.Error()
	}
	switch m := lastMessage.FindStringSubmatch(words); {
	case outOfMemory.MatchString(words):
		return "the worker ran out of memory"
	case exit == "signal: killed":
		return "the worker was killed (signal 9; the system does that when memory runs out)"
	case m != nil:
		return fmt.Sprintf("the worker ended (%s: %s)", exit, m[1]+m[2])
	}
	return fmt.Sprintf("the worker ended (%s)", exit)
}
