// The buffers of a call, and the loop over blocks of images.

package infer

import "gsmlab/infer/kernel"

// slack is room behind the buffers: kernels read whole vectors, and may read past the last value.
const slack = 256

// A scratch is the memory of one call at a time.
type scratch struct {
	arena []float32
	list  []float32 // the values that are not zero, of a layer's input
	offs  []int32   // and where their weights are
	ptr   [2]int32  // from the first of them to the last
}

// A step computes one buffer from others.
type step interface {
	run(s *scratch, lanes int)
}

func (s *scratch) at(r ref, lanes int) []float32 {
	return s.arena[r.off*lanes : (r.off+r.size)*lanes]
}

// from is what at is, with all that comes behind the buffer.
func (s *scratch) from(r ref, lanes int) []float32 {
	return s.arena[r.off*lanes:]
}

func (n *Network) acquire() *scratch {
	n.mu.Lock()
	defer n.mu.Unlock()
	if k := len(n.free); k > 0 {
		s := n.free[k-1]
		n.free = n.free[:k-1]
		return s
	}
	return &scratch{}
}

func (n *Network) release(s *scratch) {
	n.mu.Lock()
	n.free = append(n.free, s)
	n.mu.Unlock()
}

func (n *Network) predict(s *scratch, dst, src []float32, images int) {
	for images > 0 {
		count, lanes := 1, 1
		if images >= n.few && n.lanes > 1 {
			count = min(images, n.lanes)
			lanes = kernel.Up(count)
		}
		n.block(s, dst[:count*n.out], src[:count*n.in], count, lanes)
		dst, src, images = dst[count*n.out:], src[count*n.in:], images-count
	}
}

// block computes as many images as fit into the lanes at once.
func (n *Network) block(s *scratch, dst, src []float32, images, lanes int) {
	if want := n.arena*lanes + slack; len(s.arena) < want {
		s.arena = make([]float32, want)
	}
	at := 0
	for i := range n.inputs {
		p := &n.inputs[i]
		load(n.set, s.at(p.at, lanes), src[at:], n.in, p, images, lanes)
		at += p.size
	}
	for _, st := range n.steps {
		st.run(s, lanes)
	}
	at = 0
	for i := range n.outputs {
		p := &n.outputs[i]
		store(dst[at:], s.at(p.at, lanes), n.out, p, images, lanes)
		at += p.size
	}
}

// load puts an input's values of each image into its lane. Lanes without an image get those of any.
func load(set *kernel.Set, buf, src []float32, stride int, p *port, images, lanes int) {
	if lanes == 1 {
		if p.pos == nil {
			copy(buf, src[:p.size])
			return
		}
		for i, at := range p.pos {
			buf[at] = src[i]
		}
		return
	}
	if p.pos == nil {
		set.Spread(buf, src, p.size, stride, images, lanes)
		return
	}
	for k := range lanes {
		image := src[min(k, images-1)*stride:]
		for i, at := range p.pos {
			buf[int(at)*lanes+k] = image[i]
		}
	}
}

// store takes an output's values of each image out of its lane.
func store(dst, buf []float32, stride int, p *port, images, lanes int) {
	if lanes == 1 && p.pos == nil {
		copy(dst[:p.size], buf)
		return
	}
	for k := range images {
		image := dst[k*stride:]
		for i := range p.size {
			at := i
			if p.pos != nil {
				at = int(p.pos[i])
			}
			image[i] = buf[at*lanes+k]
		}
	}
}
