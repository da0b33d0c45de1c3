package data

// plane is one component of an image, which may have fewer samples than the image has pixels.
type plane struct {
	pixels                []uint8
	stride, width, height int
	x, y                  int // pixels for each sample, in each direction
}

func (p *plane) line(y int) []uint8 { return p.pixels[y*p.stride : y*p.stride+p.width] }

// row returns a row of the image: out, filled, or where there is a sample for each pixel the
// samples themselves.
//
// Where there is one sample for two pixels, a pixel is 3/4 of its sample and 1/4 of the next nearer
// one, in each such direction, as in libjpeg's "fancy upsampling". Roundings alternate, up and
// down, so as not to make it lighter or darker. At the edges, and in all other ratios, samples are
// repeated, and so they are where the width is of one or two samples.
func (p *plane) row(y int, out []uint8) []uint8 {
	near := p.line(y / p.y)
	switch {
	case p.x == 1 && p.y == 1:
		return near
	case p.x == 2 && p.y == 1 && p.width > 2:
		out = out[:2*len(near)]
		doubled(out, near)
	case p.x == 2 && p.y == 2 && p.width > 2:
		out = out[:2*len(near)]
		doubledTwice(out, near, p.line(p.beside(y)))
	case p.x == 1 && p.y == 2:
		out = out[:len(near)]
		far, half := p.line(p.beside(y)), 1+y%2
		for i, v := range near {
			out[i] = uint8((3*int(v) + int(far[i]) + half) >> 2)
		}
	default:
		out = out[:p.x*len(near)]
		for i := range out {
			out[i] = near[i/p.x]
		}
	}
	return out
}

// beside returns the other line of samples that row y lies next to.
func (p *plane) beside(y int) int {
	if y%2 == 0 {
		return max(0, y/2-1)
	}
	return min(p.height-1, y/2+1)
}

// doubled interpolates a line.
func doubled(out, in []uint8) {
	last := len(in) - 1
	before, at := int(in[0]), int(in[0])
	for i := range last {
		after := int(in[i+1])
		o := out[2*i : 2*i+2 : 2*i+2]
		o[0], o[1] = uint8((3*at+before+1)>>2), uint8((3*at+after+2)>>2)
		before, at = at, after
	}
	out[2*last], out[2*last+1] = uint8((3*at+before+1)>>2), uint8(at)
	out[0] = in[0]
}

// doubledTwice interpolates between two lines and then in the line, and rounds once.
func doubledTwice(out, near, far []uint8) {
	last := len(near) - 1
	far = far[:len(near)]
	at := 3*int(near[0]) + int(far[0])
	before := at
	for i := range last {
		after := 3*int(near[i+1]) + int(far[i+1])
		o := out[2*i : 2*i+2 : 2*i+2]
		o[0], o[1] = uint8((3*at+before+8)>>4), uint8((3*at+after+7)>>4)
		before, at = at, after
	}
	out[2*last], out[2*last+1] = uint8((3*at+before+8)>>4), uint8((4*at+7)>>4)
}

// The shares of chroma in colours, of 1<<16: JFIF's 1.402, 1.772, 0.71414 and 0.34414.
const (
	redOfCr, blueOfCb    = 91881, 116130
	greenOfCr, greenOfCb = 46802, 22554
	halfShare            = 1 << 15
)

func ycc(y, cb, cr uint8) (r, g, b uint8) {
	l, u, v := int32(y), int32(cb)-128, int32(cr)-128
	return toByte(l + (redOfCr*v+halfShare)>>16),
		toByte(l + (halfShare-greenOfCb*u-greenOfCr*v)>>16),
		toByte(l + (blueOfCb*u+halfShare)>>16)
}

// toByte limits v to 0..255.
func toByte(v int32) uint8 {
	if uint32(v) > 255 {
		v = ^(v >> 31)
	}
	return uint8(v)
}

func yccRow(out []uint8, in [4][]uint8) {
	cb, cr := in[1][:len(in[0])], in[2][:len(in[0])]
	for i, y := range in[0] {
		o := out[3*i : 3*i+3 : 3*i+3]
		o[0], o[1], o[2] = ycc(y, cb[i], cr[i])
	}
}

func rgbRow(out []uint8, in [4][]uint8) {
	for i, r := range in[0] {
		out[3*i], out[3*i+1], out[3*i+2] = r, in[1][i], in[2][i]
	}
}

func greyRow(out []uint8, in [4][]uint8) {
	for i, v := range in[0] {
		out[3*i], out[3*i+1], out[3*i+2] = v, v, v
	}
}

// cmykRow is for files like Adobe's, which store what is left of the light: 255 is no ink.
func cmykRow(out []uint8, in [4][]uint8) {
	for i, k := range in[3] {
		out[3*i], out[3*i+1], out[3*i+2] = inked(in[0][i], k), inked(in[1][i], k), inked(in[2][i], k)
	}
}

// ycckRow is cmykRow for inks stored as luma and chroma: these are of the inverted inks.
func ycckRow(out []uint8, in [4][]uint8) {
	for i, k := range in[3] {
		r, g, b := ycc(in[0][i], in[1][i], in[2][i])
		out[3*i], out[3*i+1], out[3*i+2] = inked(255-r, k), inked(255-g, k), inked(255-b, k)
	}
}

// inked returns what a colour leaves of the light, where light and black leave those shares; in
// Pillow's roundings.
func inked(light, black uint8) uint8 {
	t := uint32(255-light)*uint32(black) + 128
	return black - uint8((t+t>>8)>>8)
}
