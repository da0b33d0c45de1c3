// Tensors: a matrix of weights with many zeros. First which rows and columns have any weight, then
// where the weights are, then their values.

package code

import (
	"errors"
	"math"
	"math/bits"

	"gsmlab/infer/graph"
)

// MaxEntries is the size of the largest codebook.
const MaxEntries = 32

// A tensorModel is what the coder has learned of tensors. It is kept from one to the next.
type tensorModel struct {
	rows, cols [8]chance // is there a weight in the row, the column; by its neighbours
	size       number

	blocked chance
	each    placeModel // a position
	blocks  placeModel // a block of positions: whether it has any weight
	within  placeModel // a position in a block that has one

	entries number
	plain   [256]chance                 // of an entry, by what stood before in its code
	follow  [MaxEntries + 1][256]chance // and by the last entry in the column
	values  mixer
	floats  floatModel
}

// A precision says how values are coded.
type precision struct {
	entries int       // of the codebook; 0 is exact
	book    []float32 // the entries, increasing
}

// A shape of a tensor for coding: rows by columns, and how far above the other neighbour in an
// image is.
type frame struct {
	rows, cols, pitch int
}

// frameOf sees a tensor as a matrix with one column for each output.
func frameOf(shape []int, pitch int) frame {
	cols := shape[len(shape)-1]
	return frame{graph.Elements(shape) / cols, cols, pitch}
}

// tensor codes the values of a tensor, most of them zero.
func (c *coder) tensor(m *tensorModel, values []float32, f frame, p *precision) error {
	f.pitch = c.number(f.pitch, &m.size)
	c.category(Positions)
	liveRows, liveCols, err := c.live(m, values, f)
	if err != nil {
		return err
	}
	at, err := c.positions(m, values, f, liveRows, liveCols)
	if err != nil {
		return err
	}
	c.category(Values)
	return c.values(m, values, f, at, p)
}

// live codes which rows and columns have a weight that is not zero.
func (c *coder) live(m *tensorModel, values []float32, f frame) (rows, cols []int, err error) {
	hasRow, hasCol := make([]bool, f.rows), make([]bool, f.cols)
	if c.enc != nil {
		for i, v := range values {
			if v != 0 {
				hasRow[i/f.cols], hasCol[i%f.cols] = true, true
			}
		}
	}
	before := func(list []bool, i int) int { return b2i(i >= 0 && list[i]) }
	for i := range hasRow {
		ctx := before(hasRow, i-1)<<1 | before(hasRow, i-2)<<2
		if f.pitch > 0 {
			ctx = before(hasRow, i-1)<<1 | before(hasRow, i-f.pitch)<<2
		}
		if hasRow[i] = c.flag(hasRow[i], &m.rows[ctx|b2i(f.pitch > 0)]); hasRow[i] {
			rows = append(rows, i)
		}
	}
	for i := range hasCol {
		if hasCol[i] = c.flag(hasCol[i], &m.cols[before(hasCol, i-1)]); hasCol[i] {
			cols = append(cols, i)
		}
	}
	return rows, cols, c.ended()
}

var errShort = errors.New("the data ends early")

// values codes the values at the given places.
func (c *coder) values(m *tensorModel, values []float32, f frame, at []int32, p *precision) error {
	c.category(Codebook)
	p.entries = c.number(p.entries, &m.entries)
	if p.entries > MaxEntries {
		return errors.New("a codebook of too many entries")
	}
	if p.entries == 0 {
		c.category(Values)
		for _, i := range at {
			values[i] = c.float(values[i], &m.floats)
		}
		return nil
	}
	if err := c.codebook(m, p); err != nil {
		return err
	}
	c.category(Values)
	n := bits.Len(uint(p.entries - 1))
	last := make([]uint8, f.cols) // of each column, the last entry and 1
	for _, i := range at {
		col := int(i) % f.cols
		index := uint32(0)
		if c.enc != nil {
			index = uint32(nearest(p.book, values[i]))
		}
		node := uint32(1)
		for k := n - 1; k >= 0; k-- {
			node = node<<1 | uint32(c.mixed2(int(index>>k&1), &m.plain[node], &m.follow[last[col]][node], &m.values))
		}
		index = node - 1<<n
		if int(index) >= p.entries {
			return errors.New("an entry that the codebook does not have")
		}
		last[col] = uint8(index) + 1
		values[i] = p.book[index]
	}
	return c.ended()
}

// codebook codes the entries: whole multiples, of at most 8 bits with the sign, of a step.
func (c *coder) codebook(m *tensorModel, p *precision) error {
	step, entries := stepOf(p.book), p.book
	if c.enc == nil {
		entries = make([]float32, p.entries)
	}
	step = c.short(step, &m.floats)
	if !(step > 0) || math.IsInf(float64(step), 0) {
		return errors.New("a codebook whose step is no number")
	}
	last := -most
	for k := range entries {
		q := c.number(int(math.Round(float64(entries[k]/step)))-last, &m.size) + last
		if q > most || q == 0 || k > 0 && q == last {
			return errors.New("a codebook whose entries do not increase")
		}
		entries[k], last = float32(q)*step, q
	}
	p.book = entries
	return nil
}

// most is the largest multiple of a codebook's step, and of a bias's.
const most = 127

// stepOf is the step for values, of which the largest is at most most steps. It has 7 bits behind
// the leading one, so that short codes it.
func stepOf(values []float32) float32 {
	high := float32(0)
	for _, v := range values {
		high = max(high, v, -v)
	}
	return math.Float32frombits((math.Float32bits(high/most) + 1<<16 - 1) &^ (1<<16 - 1))
}

func nearest(book []float32, v float32) int {
	best := 0
	for k, e := range book {
		if d, b := e-v, book[best]-v; d*d < b*b {
			best = k
		}
	}
	return best
}

// A floatModel is the model of exact floats: the exponent is adaptive, the rest is as it is.
type floatModel struct {
	sign     chance
	exponent [256]chance
}

func (c *coder) float(v float32, m *floatModel) float32 {
	b := math.Float32bits(v)
	sign := uint32(c.bit(int(b>>31), &m.sign))
	exponent := c.tree(b>>23&255, 8, &m.exponent)
	return math.Float32frombits(sign<<31 | exponent<<23 | c.raw(b&(1<<23-1), 23))
}

// short codes a float whose last 16 bits are zero.
func (c *coder) short(v float32, m *floatModel) float32 {
	b := math.Float32bits(v)
	sign := uint32(c.bit(int(b>>31), &m.sign))
	exponent := c.tree(b>>23&255, 8, &m.exponent)
	return math.Float32frombits(sign<<31 | exponent<<23 | c.raw(b>>16&127, 7)<<16)
}

// A biasModel is the model of biases.
type biasModel struct {
	exact chance
	value number
	float floatModel
}

// bias codes the values of a bias: exact, or as whole multiples of a step.
func (c *coder) bias(m *biasModel, values []float32, exact bool) error {
	c.category(Bias)
	if c.flag(exact, &m.exact) {
		for i := range values {
			values[i] = c.float(values[i], &m.float)
		}
		return c.ended()
	}
	step := c.short(stepOf(values), &m.float)
	if !(step >= 0) || math.IsInf(float64(step), 0) {
		return errors.New("a bias whose step is no number")
	}
	for i := range values {
		q := 0
		if c.enc != nil && step > 0 {
			q = int(math.Round(float64(values[i] / step)))
		}
		q = unzigzag(c.number(zigzag(q), &m.value))
		if q > most+1 || q < -most-1 {
			return errors.New("a bias out of range")
		}
		values[i] = float32(q) * step
	}
	return c.ended()
}

func (c *coder) ended() error {
	if c.exhausted() {
		return errShort
	}
	return nil
}

// zigzag makes numbers of either sign whole numbers from 0.
func zigzag(v int) int {
	if v < 0 {
		return -2*v - 1
	}
	return 2 * v
}

func unzigzag(v int) int {
	if v&1 == 1 {
		return -(v + 1) / 2
	}
	return v / 2
}
