// Package rivals prunes networks as others do, by the rules of their papers and their code, so that
// GSM can be compared with them: the same dense network, the same steps, the same seeds, and the
// same number of weights in the end, exactly.
//
// A [Method] has one file, which names its source and gives each equation its function. [Compare]
// runs methods over ratios and seeds, on one machine or many, and [NewTable] sums up what they did.
package rivals

import (
	"context"
	"fmt"
	"strings"

	"gsmlab/internal/nearest"
	"gsmlab/models"
	"gsmlab/models/recipe"
)

// Method is a way to prune a network.
type Method struct {
	Name   string // as in tables, files and flags
	About  string // one line
	Source string // the paper, and the authors' code where there is some
	// Scratch says that the method begins with the initial weights instead of the dense network. It
	// then trains for as many steps as the dense network had and the others have beyond it.
	Scratch bool
	// Variants are settings of the method's hyperparameters; the first one is the published one, or
	// the nearest to it that the budget of steps allows. A search tries all of them.
	Variants []Variant
	// fits reports a model and Q that the method cannot prune; nil: it prunes any.
	fits func(m models.Model, layers []layer, q int) error
}

// Variant is one setting of a method.
type Variant struct {
	About string // the hyperparameters
	// prune prunes the task's network to exactly Q weights.
	prune func(ctx context.Context, t *Task) (*recipe.Network, error)
}

// Methods lists the methods in the order of tables.
func Methods() []Method {
	return []Method{
		magnitudeOneShot, magnitudeRetrain, gmpUniform, gmpGlobal, dns, lobs, lobsRetrain, exactOBS, snip, rigl, rewinding, acdc, gsmPaper, gsmSplit,
	}
}

// Names lists the names of the methods.
func Names() []string {
	var names []string
	for _, m := range Methods() {
		names = append(names, m.Name)
	}
	return names
}

// Lookup finds a method by name.
func Lookup(name string) (Method, error) {
	for _, m := range Methods() {
		if m.Name == name {
			return m, nil
		}
	}
	return Method{}, fmt.Errorf("rivals: unknown method %q: %sknown are %s", name, nearest.Question(name, Names()), strings.Join(Names(), ", "))
}
