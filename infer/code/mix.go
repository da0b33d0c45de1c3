// Mixing: a bit's probability from several chances at once, each of another context, weighted by
// how well they have done. It is the logistic mixing of the PAQ compressors, in whole numbers.

package code

// inputs is the largest number of chances that are mixed.
const inputs = 3

// A mixer has the weights of the inputs and of a constant, in 1/65536.
type mixer struct {
	weights  [inputs]int64
	constant int64
	rate     int64
}

// squashes are 65536/(1+exp(-x)) for x from -8 to 8, 1/4 apart.
var squashes = [...]int32{
	22, 28, 36, 47, 60, 77, 98, 126, 162, 208, 267, 342,
	439, 562, 720, 922, 1179, 1506, 1921, 2446, 3108, 3938, 4971, 6249,
	7812, 9702, 11955, 14595, 17625, 21025, 24743, 28693, 32768, 36843, 40793, 44511,
	47911, 50941, 53581, 55834, 57724, 59287, 60565, 61598, 62428, 63090, 63615, 64030,
	64357, 64614, 64816, 64974, 65097, 65194, 65269, 65328, 65374, 65410, 65438, 65459,
	65476, 65489, 65500, 65508, 65514,
}

// squash is 65536/(1+exp(-x/256)).
func squash(x int32) int32 {
	if x > 2047 {
		x = 2047
	}
	if x < -2047 {
		x = -2047
	}
	at, rest := (x+2048)>>6, (x+2048)&63
	return (squashes[at]*(64-rest) + squashes[at+1]*rest) >> 6
}

// stretches is the inverse of squash, for probabilities in 1/4096.
var stretches [4096]int16

func init() {
	at := 0
	for x := int32(-2047); x <= 2047; x++ {
		for to := int(squash(x) >> 4); at <= to; at++ {
			stretches[at] = int16(x)
		}
	}
	for ; at < len(stretches); at++ {
		stretches[at] = 2047
	}
}

// mixed3 codes a bit by three chances. It is written out, because it is where a file's time goes.
func (c *coder) mixed3(bit int, a0, a1, a2 *chance, m *mixer) int {
	const start = startAll / 3
	w := &m.weights
	s0, s1, s2 := a0.stretched(), a1.stretched(), a2.stretched()
	dot := m.constant*unit + (w[0]+start)*s0 + (w[1]+start)*s1 + (w[2]+start)*s2
	p := squash(int32(min(max(dot>>16, -2047), 2047)))
	bit = c.code1(bit, uint32(p))
	miss := m.learn(bit, p)
	w[0] += s0 * miss >> 22
	w[1] += s1 * miss >> 22
	w[2] += s2 * miss >> 22
	a0.learn(bit)
	a1.learn(bit)
	a2.learn(bit)
	return bit
}

// mixed2 is mixed3 for two chances.
func (c *coder) mixed2(bit int, a0, a1 *chance, m *mixer) int {
	const start = startAll / 2
	w := &m.weights
	s0, s1 := a0.stretched(), a1.stretched()
	p := squash(int32(min(max((m.constant*unit+(w[0]+start)*s0+(w[1]+start)*s1)>>16, -2047), 2047)))
	bit = c.code1(bit, uint32(p))
	miss := m.learn(bit, p)
	w[0] += s0 * miss >> 22
	w[1] += s1 * miss >> 22
	a0.learn(bit)
	a1.learn(bit)
	return bit
}

// learn changes the constant's weight after a bit, and returns by how much the others change.
func (m *mixer) learn(bit int, p int32) int64 {
	if m.rate == 0 {
		m.rate = fast
	}
	miss := (int64(bit)<<16 - int64(p)) * (m.rate >> 8)
	m.rate -= (m.rate - slow) >> 7
	m.constant += unit * miss >> 22
	return miss
}

// stretched is ln(p/(1-p)) of a chance, in 1/256.
func (a chance) stretched() int64 { return int64(stretches[a.probability()>>4]) }

// unit is the constant input.
const unit = 256

// startAll is the weight of all inputs of a new mixer together.
const startAll = 65536

// A mixer learns fast at first, and slowly after some hundreds of bits. In 1/256.
const (
	fast = 24 << 8
	slow = 16 << 8
)
