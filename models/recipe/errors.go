package recipe

import "errors"

// Errors that callers may want to distinguish.
var (
	// ErrStopped: the context ended. The stage has saved a checkpoint at the step it reached.
	ErrStopped = errors.New("stopped")
	// ErrDiverged: the loss or a weight became NaN or infinite. The last good checkpoint is kept.
	ErrDiverged = errors.New("training diverged")
	// ErrBusy: another process carries out a run in the folder.
	ErrBusy = errors.New("a run is in progress")
	// ErrFolder: the run folder cannot be made.
	ErrFolder = errors.New("run folder")
	// ErrOtherPlan: the run folder holds a run with another plan.
	ErrOtherPlan = errors.New("run of another plan")
	// ErrOtherBase: the GSM stage in the run folder began with a network other than the one that
	// Options.Base names.
	ErrOtherBase = errors.New("another base")
	// ErrNeedsBase: the GSM stage in the run folder began with a network that Options.Base named,
	// and none is named now.
	ErrNeedsBase = errors.New("no base named")
	// ErrNoInit: a ticket needs the initial weights, and the base lacks them.
	ErrNoInit = errors.New("no initial weights")
)

// tagged is an error that wraps one of the above without saying so in its text.
type tagged struct {
	error
	kind error
}

func (t tagged) Unwrap() []error { return []error{t.error, t.kind} }
