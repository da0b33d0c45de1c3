package topk

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// field is one node of a loop's state: its name and shape, and where the state holds it.
type field struct {
	name  string
	shape shapes.Shape
	node  **graph.Node
}

// state is what a search carries from one pass to the next: a struct of nodes that lists them as
// fields, always in the same order. bits is the type of thresholds.
type state[S any] interface {
	*S
	fields(bits dtypes.DType) []field
}

// while repeats body until stop, with a state and vectors. The vectors are part of the While's
// state: GoMLX moves work on a node from outside a closure out of the closure, which would copy all
// slices to memory before the loop. while also returns the vectors, as vectors in memory.
func while[S any, P state[S]](bits dtypes.DType, s S, xs []*graph.Node,
	stop func(s S) *graph.Node, body func(s S, xs []*graph.Node) S) (S, []*graph.Node) {
	nodes := func(s S, xs []*graph.Node) []*graph.Node {
		var out []*graph.Node
		for _, f := range P(&s).fields(bits) {
			out = append(out, *f.node)
		}
		return append(out, xs...)
	}
	parameters := func(g *graph.Graph) (s S, vectors []*graph.Node) {
		for _, f := range P(&s).fields(bits) {
			*f.node = graph.Parameter(g, f.name, f.shape)
		}
		for i, x := range xs {
			vectors = append(vectors, graph.Parameter(g, fmt.Sprintf("x%d", i), x.Shape()))
		}
		return s, vectors
	}
	before := nodes(s, xs)
	g := before[0].Graph()
	condition := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		s, _ := parameters(g)
		return []*graph.Node{graph.LogicalNot(stop(s))}
	})
	step := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		s, xs := parameters(g)
		return nodes(body(s, xs), xs)
	})
	out := graph.While(condition, step, before...)
	fields := P(&s).fields(bits)
	for i, f := range fields {
		*f.node = out[i]
	}
	return s, out[len(fields):]
}
