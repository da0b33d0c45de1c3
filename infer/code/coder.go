// The coder: an adaptive binary range coder, in both directions. What is coded is written once, as
// code that takes each number and returns it: while encoding it returns what it was given, while
// decoding what it read. So the two directions cannot drift apart.
//
// All arithmetic is in whole numbers, so that each processor decodes the same.

package code

import "math/bits"

// A coder reads bits, or hands them to a sink.
type coder struct {
	enc sink // nil while decoding

	low, high, code uint32
	data            []byte
	past            int // bytes read behind the end
}

// A sink takes the bits while encoding. It is an interface so that a program that only decodes is
// linked without the encoder.
type sink interface {
	put(bit int, p uint32)
	node()
	category(c Category)
}

func newDecoder(data []byte) *coder {
	c := &coder{high: 1<<32 - 1, data: data}
	for range 4 {
		c.code = c.code<<8 | uint32(c.next())
	}
	return c
}

func (c *coder) next() byte {
	if len(c.data) == 0 {
		c.past++
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return b
}

// exhausted reports that more was read than there is: the file lies.
func (c *coder) exhausted() bool { return c.past > 4 }

// middle splits a range by the probability of a 1, in 1/65536.
func middle(low, high, p uint32) uint32 {
	size := high - low
	return low + size>>16*p + size&0xffff*p>>16
}

// code1 codes one bit that is 1 with probability p/65536, p from 1 to 65535.
func (c *coder) code1(bit int, p uint32) int {
	if c.enc != nil {
		c.enc.put(bit, p)
		return bit
	}
	low, high := c.low, c.high
	mid := middle(low, high, p)
	bit = 0
	if c.code <= mid {
		bit, high = 1, mid
	} else {
		low = mid + 1
	}
	for (low^high)>>24 == 0 {
		low <<= 8
		high = high<<8 | 255
		c.code = c.code<<8 | uint32(c.next())
	}
	c.low, c.high = low, high
	return bit
}

// A chance is an adaptive probability of a 1. Its upper 22 bits are the probability, with the first
// bit turned so that the zero value is one half; the lower 10 count how often it was used.
type chance uint32

// slowest is the number of uses after which a chance learns no slower.
const slowest = 120

// pace is 65536/(n+2): a new bit counts as much as all before it together would.
var pace [slowest + 1]int32

func init() {
	for n := range pace {
		pace[n] = int32(65536 / (n + 2))
	}
}

// probability is that of a 1, in 1/65536.
func (a chance) probability() uint32 {
	return min(max(uint32(a^1<<31)>>16, 16), 1<<16-16)
}

func (a *chance) learn(bit int) {
	n := uint32(*a & 1023)
	p := int64(uint32(*a^1<<31) >> 10)
	p += (int64(-bit&(1<<22-1)) - p) * int64(pace[min(n, slowest)]) >> 16
	if n < slowest {
		n++
	}
	*a = chance(uint32(p)<<10|n) ^ 1<<31
}

// bit codes a bit by one chance.
func (c *coder) bit(bit int, a *chance) int {
	bit = c.code1(bit, a.probability())
	a.learn(bit)
	return bit
}

// flag codes a bool.
func (c *coder) flag(v bool, a *chance) bool {
	bit := 0
	if v {
		bit = 1
	}
	return c.bit(bit, a) == 1
}

// raw codes the lowest n bits of v, each as likely 0 as 1.
func (c *coder) raw(v uint32, n int) uint32 {
	out := uint32(0)
	for k := n - 1; k >= 0; k-- {
		out = out<<1 | uint32(c.code1(int(v>>k&1), 1<<15))
	}
	return out
}

// tree codes the lowest n bits of v, at most 8, each by what stood before it.
func (c *coder) tree(v uint32, n int, chances *[256]chance) uint32 {
	at := uint32(1)
	for k := n - 1; k >= 0; k-- {
		at = at<<1 | uint32(c.bit(int(v>>k&1), &chances[at]))
	}
	return at - 1<<n
}

// A number is the model of whole numbers from 0 to 2^31-2: small ones are short.
type number struct {
	length [32]chance
	first  [32][2]chance // the two bits behind the leading one
}

// number codes a whole number, at least 0.
func (c *coder) number(v int, m *number) int {
	x := uint32(v) + 1
	length := bits.Len32(x)
	n := 1
	for n < 31 && c.bit(b2i(n < length), &m.length[n]) == 1 {
		n++
	}
	out := uint32(1)
	for k := n - 2; k >= 0; k-- {
		bit := int(x >> k & 1)
		if d := n - 2 - k; d < 2 {
			bit = c.bit(bit, &m.first[n][d])
		} else {
			bit = c.code1(bit, 1<<15)
		}
		out = out<<1 | uint32(bit)
	}
	return int(out) - 1
}

func b2i(v bool) int {
	if v {
		return 1
	}
	return 0
}

// category says what the next bits are for.
func (c *coder) category(k Category) {
	if c.enc != nil {
		c.enc.category(k)
	}
}
