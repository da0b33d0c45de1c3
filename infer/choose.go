// Which kernel computes a layer, and how many images are computed at once: by what each costs.

package infer

import "gsmlab/infer/kernel"

func (p *planner) set() *kernel.Set {
	if p.o.set != nil {
		return p.o.set
	}
	return kernel.Best
}

// denseForms chooses the kernels of a Dense layer, for one image and for several.
func (p *planner) denseForms(c *stencil, nonzero int) (one, many form) {
	switch p.o.Kernels {
	case Dense:
		return full, full
	case Compacted:
		return compacted, compacted
	}
	one, many = byColumns, byRows
	if c.outs >= 1<<16 {
		one = byRows
	}
	return one, many
}

// convForms chooses the kernels of a convolution.
func (p *planner) convForms(c *stencil, pixels int) (one, many form) {
	switch p.o.Kernels {
	case Dense:
		return full, full
	case Compacted:
		return compacted, compacted
	}
	return byRows, byRows
}

// choose sets how many images are computed at once.
func (p *planner) choose() {
	p.n.lanes = p.o.Lanes
	if p.n.lanes == 0 {
		p.n.lanes = 64
		for p.n.lanes > 8 && p.n.arena*p.n.lanes > 1<<18 {
			p.n.lanes /= 2
		}
	}
	p.n.few = 3
}
