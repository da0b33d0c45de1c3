// Which kernel computes a layer, and how many images are computed at once: by what each costs.

package infer

import "gsmlab/infer/kernel"

// costs are times of one multiplication by each kernel, in units of the slowest, measured on AMD
// EPYCs of 2021 and, for AVX-512, of 2022 by TestTable and its like. Only their ratios matter, and
// near the break-even the choice matters little.
type costs struct {
	dot    float64 // one image, output by output: a weight
	column float64 // one image, input by input: a weight of an input that is not zero
	wide   float64 // one image, dense: a weight of an input that is not zero
	tap    float64 // and what such an input costs by itself
	row    float64 // several images or pixels, sparse: a weight
	panel  float64 // several images or pixels, dense: a weight

	// filled is the share of a convolution's weights up to which the sparse kernel pays. A plane is
	// nearer to the processor than the lanes of a large layer, so that it is more than panel/row.
	// With AVX-512 the sparse kernel waits for vectors that lie across two cache lines: measured on
	// a Xeon of 2023, by ResNet-56's three sizes of images.
	filled float64
}

var measured = map[string]costs{
	"portable": {dot: 1, column: 1.6, wide: 0.5, tap: 4, row: 1, panel: 1, filled: 0.8},
	"avx2":     {dot: 0.45, column: 1.5, wide: 0.15, tap: 1, row: 0.06, panel: 0.025, filled: 0.75},
	"avx512":   {dot: 0.55, column: 1.5, wide: 0.1, tap: 1, row: 0.04, panel: 0.015, filled: 0.45},
}

// active is the share of a layer's inputs that are not zero, as far as one knows before: after Relu
// and in images of digits about a half or less.
const active = 0.5

func (p *planner) set() *kernel.Set {
	if p.o.set != nil {
		return p.o.set
	}
	return kernel.Best
}

// denseForms chooses the kernels of a Dense layer, for one image and for several. Places in the
// input are below size.
func (p *planner) denseForms(c *stencil, nonzero, live, size int) (one, many form) {
	const most = 1 << 16 // kernels for one image count in 16 bits
	byDots, byInputs := size <= most, c.outs < most
	switch p.o.Kernels {
	case Dense:
		return full, full
	case Compacted:
		return compacted, compacted
	case Sparse:
		switch {
		case byDots:
			return byRows, byRows
		case byInputs:
			return byColumns, byRows
		}
		return compacted, byRows
	}
	cost := measured[p.set().Name]
	weights, taps := float64(nonzero), float64(live)
	all := taps * float64(kernel.Up(c.outs))
	one, least := compacted, active*(all*cost.wide+taps*cost.tap)
	if t := weights*cost.dot + float64(c.outs); byDots && t < least {
		one, least = byRows, t
	}
	if byInputs && active*(weights+1.5*taps)*cost.column < least {
		one = byColumns
	}
	many = byRows
	if all*cost.panel < weights*cost.row {
		many = compacted
	}
	return one, many
}

// convForms chooses the kernels of a convolution. For one image the pixels are what lanes are for
// several.
func (p *planner) convForms(c *stencil, nonzero, live int) (one, many form) {
	switch p.o.Kernels {
	case Dense:
		return full, full
	case Compacted:
		return compacted, compacted
	case Sparse:
		return byRows, byRows
	}
	if float64(nonzero) > measured[p.set().Name].filled*float64(live*c.outs) {
		return compacted, compacted
	}
	return byRows, byRows
}

// choose sets how many images are computed at once: as many as leave the values in the cache, and
// one where that is hardly more.
func (p *planner) choose() {
	const cache = 1 << 18 // values
	p.n.lanes = p.o.Lanes
	if p.n.lanes == 0 {
		p.n.lanes = 64
		for p.n.lanes > 8 && p.n.arena*p.n.lanes > cache {
			p.n.lanes /= 2
		}
		if p.n.arena*p.n.lanes > cache {
			p.n.lanes = 1
		}
	}
	p.n.few = 3
}
