package main

import (
	"errors"
	"fmt"

	"gsmlab/models/recipe"
)

// advice says which flag helps with an error of package recipe: libraries know no command line.
var advice = []struct {
	kind error
	text string
}{
	{recipe.ErrStopped, "; run the same command again to continue"},
	{recipe.ErrFolder, ": choose another with --out"},
	{recipe.ErrOtherPlan, ": give this run its own folder with --out, or delete that one"},
	{recipe.ErrOtherBase, ": give this run its own folder with --out, or name with --base what that one began with"},
	{recipe.ErrNeedsBase, ": name with --base what it began with"},
	{recipe.ErrNoInit, ": take a run folder as --base, or none"},
	{recipe.ErrBusy, ", or give this run its own folder with --out"},
}

// advise adds what the user can do about an error.
func advise(err error) error {
	for _, a := range advice {
		if errors.Is(err, a.kind) {
			return fmt.Errorf("%w%s", err, a.text)
		}
	}
	return err
}
