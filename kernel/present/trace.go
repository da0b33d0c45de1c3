package present

import (
	"fmt"

	"gsmlab/kernel/engine"
)

// step is a line of a trace: a place, or a summary of several.
type step struct {
	at           engine.Place
	times, cycle int // times > 0: the last cycle steps occur that often in all
	left         int // > 0: that many steps are left out here
}

func (s step) repetition() string {
	if s.cycle == 1 {
		return fmt.Sprintf("(the last of these %d times)", s.times)
	}
	return fmt.Sprintf("(the last %d of these %d times)", s.cycle, s.times)
}

const (
	longestCycle = 10 // the most functions that call each other
	fewestTimes  = 3  // a cycle that occurs less often is shown as it is
)

// steps prepares a trace, innermost first. It shows once what a recursion repeats, and leaves out
// the middle if more than most steps remain.
func steps(trace []engine.Place, most int) []step {
	all := folded(trace)
	if len(all) <= most {
		return all
	}
	head, tail := (most+1)/2, most/2
	if most < 10 { // so few that the innermost matter
		head, tail = most, 0
	}
	left := 0
	for _, s := range all[head : len(all)-tail] {
		if s.times == 0 {
			left++
		} else {
			left += s.cycle * (s.times - 1)
		}
	}
	return append(append(all[:head:head], step{left: left}), all[len(all)-tail:]...)
}

// folded shows each cycle of places once.
func folded(trace []engine.Place) (all []step) {
	for i := 0; i < len(trace); {
		cycle, times := cycleAt(trace[i:])
		for _, at := range trace[i : i+cycle] {
			all = append(all, step{at: at})
		}
		if times > 1 {
			all = append(all, step{times: times, cycle: cycle})
		}
		i += cycle * times
	}
	return all
}

// cycleAt finds the shortest cycle with which a trace begins; 1 and 1 mean that there is none.
func cycleAt(trace []engine.Place) (cycle, times int) {
	for cycle = 1; cycle <= min(longestCycle, len(trace)/fewestTimes); cycle++ {
		for times = 1; (times+1)*cycle <= len(trace) && equal(trace[:cycle], trace[times*cycle:(times+1)*cycle]); {
			times++
		}
		if times >= fewestTimes {
			return cycle, times
		}
	}
	return 1, 1
}

func equal(a, b []engine.Place) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
