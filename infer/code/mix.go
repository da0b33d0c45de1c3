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

// mixed codes a bit by several chances, at most inputs.
func (c *coder) mixed(bit int, list []*chance, m *mixer) int {
	var stretched [inputs]int64
	n := len(list)
	list, s, w := list[:n], stretched[:n], m.weights[:n]
	dot, start := m.constant*unit, int64(startAll/n)
	for i, a := range list {
		s[i] = a.stretched()
		dot += (w[i] + start) * s[i]
	}
	p := squash(int32(min(max(dot>>16, -2047), 2047)))
	bit = c.code1(bit, uint32(p))
	if m.rate == 0 {
		m.rate = fast
	}
	miss := (int64(bit)<<16 - int64(p)) * (m.rate >> 8)
	m.rate -= (m.rate - slow) >> 7
	m.constant += unit * miss >> 22
	for i, a := range list {
		w[i] += s[i] * miss >> 22
		a.learn(bit)
	}
	return bit
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
