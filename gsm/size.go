package gsm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/internal/phrase"
)

// Size is how large a model is, counting all variables, and how much of it pruning leaves. The
// compression that a user asks for is that of the prunable weights. What stays dense beside them
// lowers the compression of the whole model.
type Size struct {
	Prunable int `json:"prunable"` // weights that are pruned together
	Kept     int `json:"kept"`     // those of them that stay
	// all other weights by kind, the most numerous kind first
	Dense []DenseKind `json:"dense"`
}

// DenseKind is the number of weights of one kind that stay dense, such as biases.
type DenseKind struct {
	Kind    string `json:"kind"`
	Weights int    `json:"weights"`
}

// SizeOf returns the size of the model in a store if kept of its prunable weights stay. predicate
// is as in Prunable.
func SizeOf(store *model.Store, predicate func(*model.Variable) bool, kept int) Size {
	pruned := map[*model.Variable]bool{}
	s := Size{Kept: kept}
	for _, v := range Prunable(store, predicate) {
		pruned[v] = true
		s.Prunable += v.Shape().Size()
	}
	kinds := map[string]int{}
	for _, v := range slices.Collect(store.IterVariables()) {
		if !pruned[v] && InModel(store, v) {
			kinds[denseKind(v)] += v.Shape().Size()
		}
	}
	for kind, n := range kinds {
		s.Dense = append(s.Dense, DenseKind{kind, n})
	}
	slices.SortFunc(s.Dense, func(a, b DenseKind) int {
		if a.Weights != b.Weights {
			return b.Weights - a.Weights
		}
		return strings.Compare(a.Kind, b.Kind)
	})
	return s
}

// Size is SizeOf for the network of this optimizer, with the number of weights that its Config
// keeps.
func (o *Optimizer) Size(store *model.Store) (Size, error) {
	variables, err := o.network(store)
	if err != nil {
		return Size{}, err
	}
	q, err := o.config.quota(count(variables))
	if err != nil {
		return Size{}, err
	}
	in := map[string]bool{}
	for _, v := range variables {
		in[v.Path()] = true
	}
	return SizeOf(store, func(v *model.Variable) bool { return in[v.Path()] }, q), nil
}

// denseKind is the kind of a variable that is not pruned.
func denseKind(v *model.Variable) string {
	switch kind := dense(v.Name()); {
	case kind != "":
		return kind
	case !v.Trainable:
		return "frozen"
	}
	return "others"
}

// Total is the number of weights of the model.
func (s Size) Total() int { return s.Prunable + s.dense() }

// Left is how many weights of the model stay: the dense ones and the kept ones.
func (s Size) Left() int { return s.Kept + s.dense() }

// Compression is Total/Left, that of the whole model.
func (s Size) Compression() float64 {
	if s.Left() == 0 {
		return 1
	}
	return float64(s.Total()) / float64(s.Left())
}

func (s Size) dense() int {
	n := 0
	for _, k := range s.Dense {
		n += k.Weights
	}
	return n
}

// StaysDense says what is never pruned, such as "160 of biases stay dense"; "" if there is nothing.
func (s Size) StaysDense() string {
	if len(s.Dense) == 0 {
		return ""
	}
	var kinds []string
	for _, k := range s.Dense {
		kinds = append(kinds, phrase.Count(k.Weights)+" of "+k.Kind)
	}
	return strings.Join(kinds, ", ") + " stay dense"
}

// String says in one line what is kept, what stays dense, and what that makes of the whole model.
func (s Size) String() string {
	stays := "none stays dense"
	if len(s.Dense) > 0 {
		stays = s.StaysDense()
	}
	ratio := 1.0
	if s.Kept > 0 {
		ratio = float64(s.Prunable) / float64(s.Kept)
	}
	return fmt.Sprintf("%s of %s prunable weights are kept (%.1fx); %s; the whole model goes from %s to %s weights (%.1fx)",
		phrase.Count(s.Kept), phrase.Count(s.Prunable), ratio, stays, phrase.Count(s.Total()), phrase.Count(s.Left()), s.Compression())
}
