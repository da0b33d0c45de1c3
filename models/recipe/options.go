package recipe

import (
	"github.com/gomlx/compute"

	"gsmlab/models/data"
)

// Options are what a caller chooses besides the plan. Except for Base, none of it affects the
// outcome of a run.
type Options struct {
	Out string // the run folder; a run in it is continued if it has the same plan
	// run folder, folder of one of its stages, or safetensors file whose network is pruned; ""
	// trains one
	Base    string
	Backend compute.Backend
	Devices int    // how many of the backend's devices share each batch; 0 means 1
	Spec    string // name of the backend, for the report
	Data    data.Split
	Command string       // command line, for the trace
	Every   int          // steps between step records in the trace; 0 means 20
	Say     func(string) // gets remarks in words; may be nil
	Watch   Progress     // may be nil
}

func (o *Options) say(line string) {
	if o.Say != nil {
		o.Say(line)
	}
}

func (o *Options) progress(event Event) {
	if o.Watch != nil {
		o.Watch(event)
	}
}
