package deploy

// Activations that are spelled out become one operation, and then part of their layer.
//
// A spelling is recognized by what it computes, not by how it is spelled: the elementwise nodes
// between a value and a result are evaluated at many points.

import (
	"math"
	"slices"

	net "gsmlab/infer/graph"
)

// maxCone is how many nodes an activation may be spelled with.
const maxCone = 16

// recognizeActivations replaces the first spelling that it finds.
func recognizeActivations(g *net.Graph) bool {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Type != net.Float || !n.Op.Binary() && n.Op != net.Select {
			continue
		}
		if x, op, alpha, ok := recognize(g, i); ok {
			g.Nodes[i] = net.Node{Op: op, Name: n.Name, In: []int{x}, Shape: n.Shape, Alpha: alpha}
			return true
		}
	}
	return false
}

// recognize finds a node that node i is an activation of.
func recognize(g *net.Graph, i int) (x int, op net.Op, alpha float32, ok bool) {
	cone := []int{i}
	for len(cone) <= maxCone {
		// the nodes that the cone reads
		var edge []int
		for _, k := range cone {
			for _, j := range g.Nodes[k].In {
				if _, constant := number(&g.Nodes[j]); !constant && !slices.Contains(cone, j) && !slices.Contains(edge, j) {
					edge = append(edge, j)
				}
			}
		}
		if len(edge) == 0 {
			return 0, 0, 0, false
		}
		if len(edge) == 1 && slices.Equal(g.Nodes[edge[0]].Shape, g.Nodes[i].Shape) && g.Nodes[edge[0]].Type == net.Float {
			if op, alpha, ok := name(g, cone, edge[0]); ok {
				return edge[0], op, alpha, true
			}
		}
		last := slices.Max(edge)
		n := &g.Nodes[last]
		if !(n.Op.Unary() || n.Op.Binary() || n.Op == net.Select) || n.Op == net.Convert || !slices.Equal(n.Shape, g.Nodes[i].Shape) {
			return 0, 0, 0, false
		}
		cone = append(cone, last)
	}
	return 0, 0, 0, false
}

// known are the activations that have no parameter.
var known = []net.Op{net.Relu, net.Sigmoid, net.Tanh, net.Swish, net.Gelu, net.GeluTanh}

// name finds the activation that the nodes of a cone compute from x.
func name(g *net.Graph, cone []int, x int) (op net.Op, alpha float32, ok bool) {
	cone = slices.Sorted(slices.Values(cone))
	points := probes(g, cone)
	values := make([]float64, len(points))
	for k, p := range points {
		if values[k], ok = evaluate(g, cone, x, p); !ok {
			return 0, 0, false
		}
	}
	matches := func(op net.Op, alpha float32) bool {
		for k, p := range points {
			want, _ := scalar(op, alpha, p)
			if !(math.Abs(values[k]-want) <= 1e-6*max(1, math.Abs(want))) {
				return false
			}
		}
		return true
	}
	for _, op := range known {
		if matches(op, 0) {
			return op, 0, true
		}
	}
	below, _ := evaluate(g, cone, x, -1)
	for op, at := range map[net.Op]float64{net.LeakyRelu: -1, net.Elu: math.Expm1(-1)} {
		if alpha := float32(below / at); alpha != 1 && matches(op, alpha) {
			return op, alpha, true
		}
	}
	return 0, 0, false
}

// probes are points where activations differ, and those near the cone's own constants, where a
// function may bend.
func probes(g *net.Graph, cone []int) []float64 {
	points := []float64{0}
	for e := -12; e <= 24; e++ {
		points = append(points, math.Pow(2, float64(e)/2)/3)
	}
	points = append(points, 1e5, 1e7)
	for _, i := range cone {
		for _, j := range g.Nodes[i].In {
			if v, ok := number(&g.Nodes[j]); ok {
				points = append(points, math.Abs(float64(v)), 1.01*math.Abs(float64(v)), 0.99*math.Abs(float64(v)))
			}
		}
	}
	for _, p := range slices.Clone(points) {
		points = append(points, -p)
	}
	return slices.DeleteFunc(points, func(p float64) bool { return math.IsInf(p, 0) })
}

// evaluate computes the last node of a cone where x has the value at.
func evaluate(g *net.Graph, cone []int, x int, at float64) (float64, bool) {
	values := map[int]float64{x: at}
	var y float64
	for _, i := range cone {
		n := &g.Nodes[i]
		in := make([]float64, len(n.In))
		for k, j := range n.In {
			if v, ok := values[j]; ok {
				in[k] = v
			} else if c, ok := number(&g.Nodes[j]); ok {
				in[k] = float64(c)
			} else {
				return 0, false
			}
		}
		var ok bool
		if y, ok = scalar(n.Op, n.Alpha, in...); !ok {
			return 0, false
		}
		values[i] = y
	}
	return y, true
}

// fuseActivations makes an activation part of the layer that alone feeds it.
func fuseActivations(g *net.Graph) bool {
	count, changed := readers(g), false
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if !n.Op.Unary() || n.Op == net.Not || n.Op == net.Convert || n.Type != net.Float {
			continue
		}
		layer := &g.Nodes[n.In[0]]
		if !isLayer(layer) || layer.Act != net.None || count[n.In[0]] != 1 {
			continue
		}
		layer.Act, layer.Alpha = n.Op, n.Alpha
		redirect(g, i, n.In[0])
		changed = true
	}
	return changed
}

// rises reports an activation that never falls, so that it may be applied before a maximum.
func rises(op net.Op, alpha float32) bool {
	switch op {
	case net.Relu, net.Sigmoid, net.Tanh, net.Exp, net.Expm1:
		return true
	case net.LeakyRelu, net.Elu:
		return alpha >= 0
	}
	return false
}

// delayPools applies an activation before the maximum of a window and not after it, where it then
// belongs to a layer.
func delayPools(g *net.Graph) bool {
	count := readers(g)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if !rises(n.Op, n.Alpha) || g.Nodes[n.In[0]].Op != net.MaxPool || count[n.In[0]] != 1 {
			continue
		}
		p := g.Nodes[n.In[0]]
		layer := p.In[0]
		if l := &g.Nodes[layer]; !isLayer(l) || l.Act != net.None || count[layer] != 1 {
			continue
		}
		act := add(g, net.Node{Op: n.Op, Alpha: n.Alpha, Name: n.Name, In: []int{layer}, Shape: g.Nodes[layer].Shape})
		p.In = []int{act}
		g.Nodes[i] = p
		return true
	}
	return false
}

// delayReshapes moves a reshape behind an activation, which then meets its layer.
func delayReshapes(g *net.Graph) bool {
	count := readers(g)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if !n.Op.Unary() || n.Type != net.Float || g.Nodes[n.In[0]].Op != net.Reshape || count[n.In[0]] != 1 {
			continue
		}
		r := g.Nodes[n.In[0]]
		if r.Type != net.Float {
			continue
		}
		act := add(g, net.Node{Op: n.Op, Alpha: n.Alpha, Name: n.Name, In: slices.Clone(r.In), Shape: g.Nodes[r.In[0]].Shape})
		r.In = []int{act}
		g.Nodes[i] = r
		return true
	}
	return false
}
