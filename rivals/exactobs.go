// ExactOBS of Optimal Brain Compression: greedy pruning of each unit with its exact Hessian.

package rivals

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm/snapshot"
	"gsmlab/models/recipe"
)

var exactOBS = Method{
	Name: "exact-obs", About: "optimal brain compression: each unit pruned greedily with an exact Hessian, nothing retrained",
	Source: "Frantar and Alistarh, Optimal Brain Compression, NeurIPS 2022, arXiv:2208.11580; code: IST-DASLab/OBC",
	fits:   hessiansFit,
	Variants: []Variant{
		{"losses of all layers compared relative to that of the whole layer, as in the authors' database", exact{relative: true}.prune},
		{"losses of all layers compared as they are", exact{}.prune},
	},
}

// exact is one setting of ExactOBS.
type exact struct{ relative bool }

// trail is what greedy pruning of one unit to its last weight found: which weight went at each
// step, and the loss it added.
type trail struct {
	order  []int
	losses []float64
}

// follow prunes one unit greedily (eq. (3) and (4) of the paper): each step removes the weight with
// the least w_p^2 / [H^-1]_pp, adds half of that to the loss, makes up for it with the others, and
// takes row and column p out of H^-1 by one step of Gauss's elimination. It changes w and inverse,
// which is square, row by row, and of which only the lower triangle is used.
func follow(w []float64, inverse [][]float64) trail {
	n := len(w)
	names := make([]int, n) // which weight is at a place
	for i := range names {
		names[i] = i
	}
	t := trail{make([]int, 0, n), make([]float64, 0, n)}
	column := make([]float64, n)
	for ; n > 0; n-- {
		p, least := 0, 0.0
		for i := range n {
			if s := w[i] * w[i] / inverse[i][i]; i == 0 || s < least {
				p, least = i, s
			}
		}
		t.order, t.losses = append(t.order, names[p]), append(t.losses, least/2)
		last := n - 1
		swap(inverse, p, last)
		w[p], w[last] = w[last], w[p]
		names[p], names[last] = names[last], names[p]
		pivot := inverse[last][last]
		copy(column[:last], inverse[last][:last])
		floats.AddScaled(w[:last], -w[last]/pivot, column[:last])
		for i := range last {
			if c := column[i]; c != 0 {
				floats.AddScaled(inverse[i][:i+1], -c/pivot, column[:i+1])
			}
		}
	}
	return t
}

// swap exchanges rows and columns a and b > a of a symmetric matrix of which only the lower
// triangle is used, for the b+1 first rows.
func swap(m [][]float64, a, b int) {
	if a == b {
		return
	}
	for i := range a {
		m[a][i], m[b][i] = m[b][i], m[a][i]
	}
	for i := a + 1; i < b; i++ {
		m[i][a], m[b][i] = m[b][i], m[i][a]
	}
	m[a][a], m[b][b] = m[b][b], m[a][a]
}

// solve returns the best weights of a unit that keeps some inputs: those with the least squared
// error of the output. Greedy pruning ends in the same ones, up to rounding. The result is zero
// elsewhere.
func solve(h mat.Symmetric, w []float64, kept []int) ([]float64, error) {
	out := make([]float64, len(w))
	if len(kept) == 0 {
		return out, nil
	}
	left, right := mat.NewSymDense(len(kept), nil), mat.NewVecDense(len(kept), nil)
	for a, i := range kept {
		for b, j := range kept[:a+1] {
			left.SetSym(a, b, h.At(i, j))
		}
		s := 0.0
		for j, x := range w {
			s += h.At(i, j) * x
		}
		right.SetVec(a, s)
	}
	var c mat.Cholesky
	if !c.Factorize(left) {
		return nil, fmt.Errorf("the Hessian of %d kept inputs is singular", len(kept))
	}
	var x mat.VecDense
	if err := c.SolveVecTo(&x, right); err != nil {
		return nil, err
	}
	for a, i := range kept {
		out[i] = x.AtVec(a)
	}
	return out, nil
}

// live is the part of a layer's Hessian 2 E[x x^T] of inputs that are not always zero, damped where
// it is singular.
type live struct {
	inputs  []int
	hessian *mat.SymDense
	inverse *mat.SymDense
	damping float64
}

func liveOf(m moments) live {
	var l live
	for i := range m.layer.rows() {
		if m.mean.At(i, i) > 0 {
			l.inputs = append(l.inputs, i)
		}
	}
	if len(l.inputs) == 0 {
		return l
	}
	l.hessian = mat.NewSymDense(len(l.inputs), nil)
	for a, i := range l.inputs {
		for b, j := range l.inputs[:a+1] {
			l.hessian.SetSym(a, b, 2*m.mean.At(i, j))
		}
	}
	l.inverse, l.damping = invert(l.hessian)
	for i := range l.inputs {
		l.hessian.SetSym(i, i, l.hessian.At(i, i)+l.damping)
	}
	return l
}

// unit gathers the weights of a unit at live inputs.
func (l live) unit(weights []float64, units, u int) []float64 {
	w := make([]float64, len(l.inputs))
	for a, i := range l.inputs {
		w[a] = weights[i*units+u]
	}
	return w
}

// trails prunes all units of a layer, several at a time.
func (l live) trails(ctx context.Context, weights []float64, units int) ([]trail, error) {
	out := make([]trail, units)
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			inverse := make([][]float64, len(l.inputs))
			for i := range inverse {
				inverse[i] = make([]float64, i+1)
			}
			for u := range next {
				for i := range inverse {
					for j := range inverse[i] {
						inverse[i][j] = l.inverse.At(i, j)
					}
				}
				out[u] = follow(l.unit(weights, units, u), inverse)
			}
		})
	}
	for u := 0; u < units && ctx.Err() == nil; u++ {
		next <- u
	}
	close(next)
	workers.Wait()
	return out, ctx.Err()
}

func (e exact) prune(ctx context.Context, t *Task) (*recipe.Network, error) {
	all, err := t.inputs(ctx)
	if err != nil {
		return nil, err
	}
	weights, err := weightsOf(t.base.Store(), t.layers)
	if err != nil {
		return nil, err
	}
	lives, trails, losses := make([]live, len(all)), make([][]trail, len(all)), make(numbers, len(all))
	for i, m := range all {
		lives[i] = liveOf(m)
		if d := lives[i].damping; d > 0 {
			t.note("the Hessian of %s was singular: damped by %.2g", m.layer.name(), d)
		}
		if trails[i], err = lives[i].trails(ctx, weights[i], m.layer.units()); err != nil {
			return nil, fmt.Errorf("%w in layer %s: this method keeps nothing of what it has done", recipe.ErrStopped, m.layer.name())
		}
		t.say(fmt.Sprintf("%s: %d units pruned to their last weight", m.layer.name(), m.layer.units()))
		losses[i] = e.losses(m, trails[i])
	}
	kept := greatest(losses, t.q)
	dense, err := t.dense()
	if err != nil {
		return nil, err
	}
	store := model.NewStore()
	defer store.Finalize()
	if err := dense.Restore(store); err != nil {
		return nil, err
	}
	for i, m := range all {
		values, err := lives[i].rebuild(m.layer, weights[i], trails[i], kept[i])
		if err != nil {
			return nil, fmt.Errorf("rivals: layer %s: %w", m.layer.name(), err)
		}
		if err := writeFlat(store, m.layer.path, values); err != nil {
			return nil, err
		}
	}
	values, err := snapshot.Take(store)
	if err != nil {
		return nil, err
	}
	return t.work.Open(values)
}

// losses lists the losses of a layer, unit by unit and step by step. Inputs that are always zero
// cost nothing; they come first in each unit.
func (e exact) losses(m moments, trails []trail) []float64 {
	rows, total := m.layer.rows(), 0.0
	out := make([]float64, m.layer.size())
	for u, t := range trails {
		copy(out[(u+1)*rows-len(t.losses):(u+1)*rows], t.losses)
		for _, loss := range t.losses {
			total += loss
		}
	}
	if e.relative && total > 0 {
		for j := range out {
			out[j] /= total
		}
	}
	return out
}

// rebuild returns a layer's weights, of which each unit has removed as many, in the order of its
// trail, as the cut of all losses took from it. kept is in the order of losses.
func (l live) rebuild(of layer, weights []float64, trails []trail, kept []bool) ([]float64, error) {
	rows, units := of.rows(), of.units()
	out := make([]float64, len(weights))
	for u, t := range trails {
		n := 0
		for _, k := range kept[u*rows : (u+1)*rows] {
			if k {
				n++
			}
		}
		stay := t.order[max(0, len(t.order)-n):]
		values, err := solve(l.hessian, l.unit(weights, units, u), stay)
		if err != nil {
			return nil, err
		}
		isLive := make([]bool, rows)
		for a, i := range l.inputs {
			out[i*units+u], isLive[i] = values[a], true
		}
		// Where more stay than have inputs, some of the others stay as they are.
		for i, left := 0, n-len(t.order); left > 0 && i < rows; i++ {
			if !isLive[i] {
				out[i*units+u] = weights[i*units+u]
				left--
			}
		}
	}
	return out, nil
}
