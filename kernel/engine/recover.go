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

// hiddenCells is where the numbers of packages start that the engine makes for itself.
const hiddenCells = 1_000_000

func (s *session) hiddenNumber() int {
	s.hidden++
	return hiddenCells + s.hidden
}

// crashed starts a new worker in place of one that has ended, gives it the declarations that need no
// values, and returns the error that says what happened; what is why the worker ended.
func (s *session) crashed(n int, what string) error {
	s.inputs.cancel(nil)
	e := &CellError{Kind: KindCrash}
	if n != 0 {
		e.Place = firstPlace(s.process.lastWords())
	}
	old := s.names
	if err := s.reset(); err != nil {
		return err
	}
	waiting, err := s.recover(old)
	e.Lost = old.variables()
	e.Msg = what + " and was started again" + s.whatIsLost(e.Lost, waiting, err)
	return e
}

// variables lists the variables that cells have declared, sorted.
func (n *names) variables() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(n.objects)) {
		if _, isVar := n.objects[name].(*types.Var); isVar && name != "ctx" {
			all = append(all, name)
		}
	}
	return all
}

// whatIsLost says which names a new worker lacks.
func (s *session) whatIsLost(lost, waiting []string, failed error) string {
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
		parts = append(parts, "functions and types too: "+firstLine(failed.Error()))
	case len(s.names.objects) > 1:
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

// someOf lists names, not more than can be read.
func someOf(names []string) string {
	const most = 20
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// recover builds the functions, types and constants of old in a package for the new worker. Those that
// use a lost variable are returned; they wait in the table of units until it is declared again.
func (s *session) recover(old *names) (waiting []string, err error) {
	s.names.imports, s.names.effects, s.names.texts = old.imports, old.effects, old.texts
	units := slices.SortedFunc(maps.Values(old.units), byPlace)
	if len(units)+len(old.effects) == 0 {
		return nil, nil
	}
	c, again, _, err := s.fit(s.hiddenNumber(), "", nil, units)
	if err != nil {
		return nil, err
	}
	maps.Copy(c.sources[0].imports, old.effects)
	if err := s.runHidden(c); err != nil {
		return nil, err
	}
	for _, u := range units {
		if !slices.Contains(again, u) {
			lost := *u
			lost.waiting = true
			s.names.units[u.key] = &lost
			waiting = append(waiting, u.names...)
		}
	}
	s.publish()
	return waiting, nil
}

// runHidden builds and runs a package of the engine's own and makes its names those of the session.
func (s *session) runHidden(c *checked) error {
	p, refs, err := s.emit(c)
	if err != nil {
		return err
	}
	so, err := s.tools.build(context.Background(), c.number, p)
	if err != nil {
		return err
	}
	s.process.send(rt.Command{Do: "run", Path: so, Cell: c.number})
	for {
		select {
		case e := <-s.process.events:
			if e.Kind != "done" {
				continue
			}
			if err := cellError(c.number, e); err != nil {
				return err
			}
			s.adopt(c, refs)
			return nil
		case <-s.process.dead:
			err := errors.New(s.process.howItEnded())
			return errors.Join(err, s.reset())
		}
	}
}

// preferWorkerWhenMemoryEnds tells Linux to end the worker before the front end when memory runs out.
func preferWorkerWhenMemoryEnds(pid int) {
	os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("300"), 0) // elsewhere there is no such file
}

var (
	lastWords   = regexp.MustCompile(`(?m)^(fatal error: |panic: |SIG[A-Z]+: |terminate called)`)
	lastMessage = regexp.MustCompile(`(?m)^(?:fatal error|panic): (.*)$`)
	outOfMemory = regexp.MustCompile(`out of memory|cannot allocate memory|std::bad_alloc`)
)

// howItEnded says in a few words why a worker that has ended did so.
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
		return fmt.Sprintf("the worker ended (%s: %s)", exit, m[1])
	}
	return fmt.Sprintf("the worker ended (%s)", exit)
}
