// A naive evaluator, node by node as the comments of package graph say, in float64: what the
// runtime is tested against.

package infer

import (
	"math"

	"gsmlab/infer/graph"
)

// naive computes the outputs of a graph for one image, one after another.
func naive(g *graph.Graph, src []float32) []float32 {
	values := make([][]float64, len(g.Nodes))
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op == graph.Input {
			size := graph.Elements(n.Shape)
			values[i] = wide64(src[:size])
			src = src[size:]
			continue
		}
		values[i] = naiveNode(g, n, values)
		for k, v := range values[i] {
			values[i][k] = float64(float32(v))
		}
	}
	var out []float32
	for _, o := range g.Outputs {
		for _, v := range values[o] {
			out = append(out, float32(v))
		}
	}
	return out
}

func wide64(list []float32) []float64 {
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = float64(v)
	}
	return out
}

func unaryOf(n *graph.Node, op graph.Op, x float64) float64 {
	switch op {
	case graph.None:
		return x
	case graph.Convert:
		return function(converts[n.Type], x, 0)
	}
	return function(op, x, float64(n.Alpha))
}

func naiveNode(g *graph.Graph, n *graph.Node, values [][]float64) []float64 {
	out := make([]float64, graph.Elements(n.Shape))
	var x []float64
	var in []int
	if len(n.In) > 0 {
		x, in = values[n.In[0]], g.Nodes[n.In[0]].Shape
	}
	switch op := n.Op; {
	case op == graph.Const:
		return wide64(n.Values)
	case op == graph.Reshape:
		return append([]float64(nil), x...)
	case op == graph.Dense:
		ins, outs := n.Weights.Shape[0], n.Weights.Shape[1]
		for i := range out {
			sum := 0.0
			if n.Bias != nil {
				sum = float64(n.Bias[i%outs])
			}
			for k := range ins {
				sum += x[i/outs*ins+k] * float64(n.Weights.Values[k*outs+i%outs])
			}
			out[i] = unaryOf(n, n.Act, sum)
		}
	case op == graph.Conv2D || op.Pool():
		naiveWindow(n, in, x, out)
	case op.Unary():
		for i := range out {
			out[i] = unaryOf(n, op, x[i])
		}
	case op == graph.Embed:
		rows, width := n.Weights.Shape[0], n.Weights.Shape[1]
		for i := range out {
			out[i] = float64(n.Weights.Values[min(max(int(x[i/width]), 0), rows-1)*width+i%width])
		}
	case op == graph.MatMul:
		y := values[n.In[1]]
		m, k, c := in[len(in)-2], in[len(in)-1], n.Shape[len(n.Shape)-1]
		for i := range out {
			t, r, col := i/(m*c), i/c%m, i%c
			for j := range k {
				at := t*k*c + j*c + col
				if n.TransposeB {
					at = t*k*c + col*k + j
				}
				out[i] += x[(t*m+r)*k+j] * y[at]
			}
		}
	case op.Binary() || op == graph.Select:
		for i := range out {
			var v []float64
			for _, j := range n.In {
				v = append(v, values[j][naiveBroadcast(i, n.Shape, g.Nodes[j].Shape)])
			}
			switch {
			case op == graph.Select && v[0] != 0:
				out[i] = v[1]
			case op == graph.Select:
				out[i] = v[2]
			case op == graph.Div && n.Type == graph.Int:
				out[i] = math.Trunc(v[0] / v[1])
			default:
				out[i] = float64(scalar(op, float32(v[0]), float32(v[1])))
			}
		}
	case op.Reduction() || op == graph.Softmax || op == graph.LogSoftmax:
		naiveReduce(n, in, x, out)
	default:
		naiveMove(g, n, values, out)
	}
	return out
}

func coordinates(i int, shape []int) []int {
	c := make([]int, len(shape))
	for k := len(shape) - 1; k >= 0; k-- {
		c[k] = i % shape[k]
		i /= shape[k]
	}
	return c
}

func flat(c, shape []int) int {
	at := 0
	for k, d := range shape {
		at = at*d + c[k]
	}
	return at
}

func naiveBroadcast(i int, out, shape []int) int {
	c := coordinates(i, out)[len(out)-len(shape):]
	for k, d := range shape {
		if d == 1 {
			c[k] = 0
		}
	}
	return flat(c, shape)
}

func naiveWindow(n *graph.Node, in []int, x, out []float64) {
	window := n.Window
	if n.Op == graph.Conv2D {
		window = [2]int{n.Weights.Shape[0], n.Weights.Shape[1]}
	}
	stride, dilation, groups := ones(n.Stride), ones(n.Dilation), max(n.Groups, 1)
	for i := range out {
		at := coordinates(i, n.Shape)
		sum, high, count := 0.0, math.Inf(-1), 0.0
		if n.Bias != nil {
			sum = float64(n.Bias[at[2]])
		}
		for ky := range window[0] {
			for kx := range window[1] {
				y := at[0]*stride[0] + ky*dilation[0] - n.Pads[0]
				xx := at[1]*stride[1] + kx*dilation[1] - n.Pads[2]
				if y < 0 || xx < 0 || y >= in[0] || xx >= in[1] {
					continue
				}
				if n.Op != graph.Conv2D {
					v := x[flat([]int{y, xx, at[2]}, in)]
					sum, high, count = sum+v, math.Max(high, v), count+1
					continue
				}
				cin, cout := n.Weights.Shape[2], n.Weights.Shape[3]
				for c := range cin {
					from := at[2]/(cout/groups)*cin + c
					sum += x[flat([]int{y, xx, from}, in)] * float64(n.Weights.Values[((ky*window[1]+kx)*cin+c)*cout+at[2]])
				}
			}
		}
		switch n.Op {
		case graph.MaxPool:
			out[i] = high
		case graph.MeanPool:
			out[i] = sum / count
		default:
			out[i] = unaryOf(n, n.Act, sum)
		}
	}
}

func naiveReduce(n *graph.Node, in []int, x, out []float64) {
	groups := map[int][]float64{}
	kept := append([]int(nil), in...)
	for _, a := range n.Axes {
		kept[a] = 1
	}
	group := func(i int) int { return naiveBroadcast(i, in, kept) }
	for i, v := range x {
		groups[group(i)] = append(groups[group(i)], v)
	}
	total := map[int][4]float64{} // sum, max, min, sum of exp(v-max)
	for g, list := range groups {
		t := [4]float64{0, math.Inf(-1), math.Inf(1)}
		for _, v := range list {
			t[0], t[1], t[2] = t[0]+v, math.Max(t[1], v), math.Min(t[2], v)
		}
		for _, v := range list {
			t[3] += math.Exp(v - t[1])
		}
		total[g] = t
	}
	for i := range out {
		switch n.Op {
		case graph.ReduceSum:
			out[i] = total[i][0]
		case graph.ReduceMean:
			out[i] = total[i][0] / float64(len(groups[i]))
		case graph.ReduceMax:
			out[i] = total[i][1]
		case graph.ReduceMin:
			out[i] = total[i][2]
		case graph.Softmax:
			out[i] = math.Exp(x[i]-total[group(i)][1]) / total[group(i)][3]
		case graph.LogSoftmax:
			out[i] = x[i] - total[group(i)][1] - math.Log(total[group(i)][3])
		}
	}
}

func naiveMove(g *graph.Graph, n *graph.Node, values [][]float64, out []float64) {
	for i := range out {
		c := coordinates(i, n.Shape)
		node, fill := n.In[0], false
		from := make([]int, len(g.Nodes[node].Shape))
		switch n.Op {
		case graph.Broadcast:
			out[i] = values[node][naiveBroadcast(i, n.Shape, g.Nodes[node].Shape)]
			continue
		case graph.Transpose:
			for k, a := range n.Axes {
				from[a] = c[k]
			}
		case graph.Slice:
			for k := range c {
				step := 1
				if n.Step != nil {
					step = n.Step[k]
				}
				from[k] = n.Start[k] + c[k]*step
			}
		case graph.Pad:
			for k := range c {
				from[k] = c[k] - n.Low[k]
				fill = fill || from[k] < 0 || from[k] >= g.Nodes[node].Shape[k]
			}
		case graph.Concat:
			a := n.Axes[0]
			for _, j := range n.In {
				if size := g.Nodes[j].Shape[a]; c[a] >= size {
					c[a] -= size
					continue
				}
				node = j
				break
			}
			from = c
		}
		if out[i] = float64(n.Fill); !fill {
			out[i] = values[node][flat(from, g.Nodes[node].Shape)]
		}
	}
}
