// Scaling images, bit for bit as Pillow does it, and the crops made of it.

package data

import (
	"math"
	"math/rand/v2"
	"sync"
)

// RandomResizedCrop is the usual augmentation of ImageNet: a random part of the image, of 8 to 100
// % of its area and with sides of 3:4 to 4:3, is scaled to the size of the set's images, and half
// of them are mirrored. Where ten random parts do not fit into the image, as in a very long one, it
// is the largest part in its middle with such sides.
func RandomResizedCrop() Augment {
	return func(dst, src Picture, rng *rand.Rand) {
		scale(dst, src, randomPart(src, rng), dst.Height, dst.Width, 0, 0)
		if below(rng, 2) == 1 {
			mirror(dst)
		}
	}
}

// box is a part of a picture.
type box struct{ top, left, height, width int }

func randomPart(src Picture, rng *rand.Rand) box {
	const least, most = 3. / 4, 4. / 3
	area := float64(src.Height) * float64(src.Width)
	for range 10 {
		target := area * (0.08 + 0.92*unit(rng))
		ratio := math.Exp(math.Log(least) + (math.Log(most)-math.Log(least))*unit(rng))
		w, h := int(math.RoundToEven(math.Sqrt(target*ratio))), int(math.RoundToEven(math.Sqrt(target/ratio)))
		if w >= 1 && h >= 1 && w <= src.Width && h <= src.Height {
			return box{int(below(rng, uint64(src.Height-h+1))), int(below(rng, uint64(src.Width-w+1))), h, w}
		}
	}
	w, h := src.Width, src.Height
	switch ratio := float64(w) / float64(h); {
	case ratio < least:
		h = min(h, int(math.RoundToEven(float64(w)/least)))
	case ratio > most:
		w = min(w, int(math.RoundToEven(float64(h)*most)))
	}
	return box{(src.Height - h) / 2, (src.Width - w) / 2, h, w}
}

// centreCrop is how images are evaluated: the shorter side is scaled to side, then the middle is
// cut out.
func centreCrop(side int) Augment {
	return func(dst, src Picture, _ *rand.Rand) {
		h, w := side, side
		if src.Height > src.Width {
			h = side * src.Height / src.Width
		} else {
			w = side * src.Width / src.Height
		}
		// Halves are rounded to even, as PyTorch does.
		top := int(math.RoundToEven(float64(h-dst.Height) / 2))
		left := int(math.RoundToEven(float64(w-dst.Width) / 2))
		scale(dst, src, box{0, 0, src.Height, src.Width}, h, w, top, left)
	}
}

// scale puts into dst the window at (top, left) of what part of src becomes when it is scaled to
// height x width.
//
// It is bilinear, over as many pixels as one of the result covers (antialiasing), in two passes of
// whole numbers; the results are those of Pillow's Image.resize, which published accuracies are
// measured with. (Where one side grows and the other shrinks, Pillow takes the passes in the other
// order, and values may differ by one.) That, half the time and no allocation are why
// golang.org/x/image/draw is not used here: scaling would take as long as decoding there, and leave
// 2.4 MB of garbage for each image.
func scale(dst, src Picture, part box, height, width, top, left int) {
	r := scalers.Get().(*scaler)
	r.scale(dst, src, part, height, width, top, left)
	scalers.Put(r)
}

func (r *scaler) scale(dst, src Picture, part box, height, width, top, left int) {
	r.x.set(part.width, width, left, dst.Width)
	r.y.set(part.height, height, top, dst.Height)
	n := dst.Channels
	// rows of part that matter
	first, last := r.y.from[0], r.y.from[dst.Height-1]+r.y.count[dst.Height-1]
	stride := dst.Width * n
	if need := (last - first) * stride; cap(r.rows) < need {
		r.rows = make([]uint8, need)
	}
	for y := first; y < last; y++ {
		begin := ((part.top+y)*src.Width + part.left) * n
		r.x.row(r.rows[(y-first)*stride:(y-first+1)*stride], src.Pixels[begin:begin+part.width*n], n)
	}
	for y := range dst.Height {
		out := dst.Pixels[y*stride : (y+1)*stride]
		weights := r.y.of(y)
		in := r.rows[(r.y.from[y]-first)*stride:]
		for x := range out {
			sum := int32(half)
			for k, w := range weights {
				sum += w * int32(in[k*stride+x])
			}
			out[x] = clip(sum)
		}
	}
}

// Weights are whole numbers, of which one has weightBits binary places.
const (
	weightBits = 22
	half       = 1 << (weightBits - 1)
)

func clip(sum int32) uint8 { return uint8(max(0, min(255, sum>>weightBits))) }

// scalers keep their memory from image to image.
var scalers = sync.Pool{New: func() any { return new(scaler) }}

type scaler struct {
	x, y axis
	rows []uint8 // scaled in x only
}

// axis says for each place of the result which places of the source it is the weighted mean of.
type axis struct {
	from, count []int
	weights     []int32 // most for each place
	most        int
	exact       []float64
}

func (a *axis) of(i int) []int32 { return a.weights[i*a.most : i*a.most+a.count[i]] }

// set is for the places first, first+1, ... (n of them) of in places scaled to out.
func (a *axis) set(in, out, first, n int) {
	ratio := float64(in) / float64(out)
	reach := max(ratio, 1) // of the triangle to each side
	a.most = int(math.Ceil(reach))*2 + 1
	if cap(a.from) < n {
		a.from, a.count = make([]int, n), make([]int, n)
	}
	a.from, a.count = a.from[:n], a.count[:n]
	if cap(a.weights) < n*a.most {
		a.weights = make([]int32, n*a.most)
	}
	a.weights = a.weights[:n*a.most]
	if cap(a.exact) < a.most {
		a.exact = make([]float64, a.most)
	}
	for i := range n {
		centre := (float64(first+i) + 0.5) * ratio
		from := max(0, int(centre-reach+0.5))
		count := min(in, int(centre+reach+0.5)) - from
		exact, total := a.exact[:count], 0.0
		for k := range exact {
			exact[k] = max(0, 1-math.Abs((float64(from+k)-centre+0.5)/reach))
			total += exact[k]
		}
		for k, w := range exact {
			a.weights[i*a.most+k] = int32(w/total*(1<<weightBits) + 0.5)
		}
		a.from[i], a.count[i] = from, count
	}
}

// row scales one row.
func (a *axis) row(dst, src []uint8, channels int) {
	if channels != 3 {
		for i := range a.from {
			for c := range channels {
				sum := int32(half)
				for k, w := range a.of(i) {
					sum += w * int32(src[(a.from[i]+k)*channels+c])
				}
				dst[i*channels+c] = clip(sum)
			}
		}
		return
	}
	for i, from := range a.from {
		r, g, b := int32(half), int32(half), int32(half)
		weights := a.of(i)
		in := src[3*from : 3*(from+len(weights))]
		for _, w := range weights {
			r += w * int32(in[0])
			g += w * int32(in[1])
			b += w * int32(in[2])
			in = in[3:]
		}
		dst[3*i], dst[3*i+1], dst[3*i+2] = clip(r), clip(g), clip(b)
	}
}
