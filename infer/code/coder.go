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

	size, code uint64 // of the range, and where the data is in it
	data       []byte
	past       int // bytes read behind the end

	nonzero [][]int32 // of each node, the indexes of the weights that were read
}

// A sink takes the bits while encoding. It is an interface so that a program that only decodes is
// linked without the encoder.
type sink interface {
	put(bit int, p uint32)
	node()
	category(c Category)
}

func newDecoder(data []byte) *coder {
	c := &coder{size: 1<<64 - 1, data: data}
	c.code = c.next()<<32 | c.next()
	return c
}

// next reads four bytes, the highest first. Behind the end there are zeros.
func (c *coder) next() (v uint64) {
	if d := c.data; len(d) >= 4 {
		c.data = d[4:]
		return uint64(d[0])<<24 | uint64(d[1])<<16 | uint64(d[2])<<8 | uint64(d[3])
	}
	for range 4 {
		v <<= 8
		if len(c.data) == 0 {
			c.past++
			continue
		}
		v |= uint64(c.data[0])
		c.data = c.data[1:]
	}
	return v
}

// trimmed is how many zeros at its end a stream is written without.
const trimmed = 4

// exhausted reports that more was read than there is: the file lies.
func (c *coder) exhausted() bool { return c.past > 8+4+trimmed }

// enough is the least size of a range before the next bit: it grows again by four bytes.
const enough = 1 << 32

// code1 codes one bit that is 1 with probability p/65536, p from 1 to 65535.
func (c *coder) code1(bit int, p uint32) int {
	if c.enc != nil {
		c.enc.put(bit, p)
		return bit
	}
	var one uint64
	c.size, c.code, one = decoded(c.size, c.code, p)
	c.fill()
	return int(one)
}

// decoded is the next bit, which is 1 with probability p/65536, and the range after it. It has no
// branch: most of these bits are as likely 0 as 1, and no processor foresees them.
func decoded(size, code uint64, p uint32) (sizeAfter, codeAfter, one uint64) {
	part := size >> 16 * uint64(p)
	_, one = bits.Sub64(code, part, 0)
	mask := -one // all ones for a 1
	return (size-part)&^mask | part&mask, code - part&^mask, one
}

// fill reads on where the range has become small.
func (c *coder) fill() {
	if c.size < enough {
		c.size, c.code = c.size<<32, c.code<<32|c.next()
	}
}

// A chance is an adaptive probability of a 1. Its upper 22 bits are the probability, with the first
// bit turned so that the zero value is one half; the lower 10 count how often it was used.
type chance uint32

// slowest is the number of uses after which a chance learns no slower.
const slowest = 250

// pace is 65536/(n+2): a new bit counts as much as all before it together would.
var pace [1024]uint32

func init() {
	for n := range pace {
		pace[n] = 65536 / (uint32(n) + 2)
	}
}

// expected is a chance that begins with a probability, in 1/65536, and trusts it as if it had seen
// some bits already.
func expected(p uint32) chance { return chance(max(p, 16)<<16|4) ^ 1<<31 }

// probability is that of a 1, in 1/65536.
func (a chance) probability() uint32 {
	return min(max(uint32(a^1<<31)>>16, 16), 1<<16-16)
}

func (a *chance) learn(bit int) {
	n := uint32(*a & 1023)
	p := uint32(*a^1<<31) >> 10
	mask := -uint32(bit) // all ones for a 1: a branch would be foreseen as seldom as the bit
	far := p ^ mask&(1<<22-1)
	by := uint32(uint64(far) * uint64(pace[n]) >> 16)
	p += by ^ ^mask - ^mask
	*a = chance(p<<10|min(n+1, slowest)) ^ 1<<31
}

// bit codes a bit by one chance.
func (c *coder) bit(bit int, a *chance) int {
	bit = c.code1(bit, a.probability())
	a.learn(bit)
	return bit
}

// first codes which of some bits is the first 1, each by one of the chances, and returns how many
// bits are 0 before it. It is the decoder's inner loop, which is where a file's time goes: so code1
// is written out, with the range in registers.
func (c *coder) first(chances []chance, which []uint16, at int) int {
	if c.enc != nil {
		for i, k := range which {
			if c.bit(b2i(i == at), &chances[k]) == 1 {
				return i
			}
		}
		return len(which)
	}
	size, code := c.size, c.code
	for i, k := range which {
		a := &chances[k]
		part := size >> 16 * uint64(a.probability())
		if code < part {
			a.learn(1)
			c.size, c.code = part, code
			c.fill()
			return i
		}
		a.learn(0)
		size, code = size-part, code-part
		if size < enough {
			c.size, c.code = size, code
			c.fill()
			size, code = c.size, c.code
		}
	}
	c.size, c.code = size, code
	return len(which)
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

// tree codes the lowest n bits of v, at most 8, each by what stood before it. There are 2^n chances
// or more. It is where the values of a file are decoded, so the range is in registers here too.
func (c *coder) tree(v uint32, n int, chances []chance) uint32 {
	at := uint32(1)
	if c.enc != nil {
		for k := n - 1; k >= 0; k-- {
			at = at<<1 | uint32(c.bit(int(v>>k&1), &chances[at]))
		}
		return at - 1<<n
	}
	size, code := c.size, c.code
	for range n {
		a := &chances[at]
		var one uint64
		size, code, one = decoded(size, code, a.probability())
		a.learn(int(one))
		at = at<<1 | uint32(one)
		if size < enough {
			c.size, c.code = size, code
			c.fill()
			size, code = c.size, c.code
		}
	}
	c.size, c.code = size, code
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
