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

// A form is how a layer is written. Decoding fills it in.
type form struct {
	values   precision
	bias     int     // the greatest multiple of a step that a bias may be; 0 is exact
	biasStep float32 // the step, 0 where it follows from the greatest bias
	near     grid
}

// A grid says which rows of a tensor are neighbours in an image: those step rows away are beside
// each other, those pitch rows away one above the other. Without an image both are 0.
type grid struct{ step, pitch int }

// A tensorModel is what the coder has learned of tensors. It is kept from one to the next, but for
// what depends on the size of the weights.
type tensorModel struct {
	rows [8]chance // is there a weight in the row, by its neighbours
	size number

	sorted        chance
	counts, falls number
	places        [2]placeModel // without an image, and in one

	entries number
	signs   [2][signStates]chance
	floats  floatModel
}

func newTensorModel() *tensorModel {
	place := newPlaceModel()
	return &tensorModel{places: [2]placeModel{place, place}}
}

// signStates is how many states of a column and of the neighbours tell signs apart.
const signStates = 7 * 5

// A precision says how values are coded.
type precision struct {
	entries int       // of the codebook; 0 is exact
	step    float32   // of which the entries are multiples
	book    []float32 // the entries, increasing
}

// frameOf sees a tensor as a matrix with one column for each output.
func frameOf(shape []int, near grid) frame {
	cols := shape[len(shape)-1]
	return frame{graph.Elements(shape) / cols, cols, near.step, near.pitch}
}

// tensor codes the values of a tensor, most of them zero, and lists those that are not, column by
// column.
func (c *coder) tensor(m *tensorModel, values []float32, f frame, p *precision) (nonzero []int32, err error) {
	if f.pitch = c.number(f.pitch, &m.size); f.pitch > 0 {
		f.step = c.number(f.step, &m.size)
		if f.pitch > f.rows || f.step < 1 || f.step > f.pitch {
			return nil, errors.New("an image whose lines are longer than all of it")
		}
	}
	c.category(Positions)
	live, err := c.live(m, values, f)
	if err != nil {
		return nil, err
	}
	counts, err := c.counts(m, values, f, len(live))
	if err != nil {
		return nil, err
	}
	c.category(Codebook)
	if err := c.book(m, p); err != nil {
		return nil, err
	}
	return c.columns(m, values, f, live, counts, p)
}

// live codes which rows have a weight that is not zero, and lists them.
func (c *coder) live(m *tensorModel, values []float32, f frame) (rows []int32, err error) {
	has := make([]bool, f.rows)
	if c.enc != nil {
		for i, v := range values {
			if v != 0 {
				has[i/f.cols] = true
			}
		}
	}
	before := func(i int) int { return b2i(i >= 0 && has[i]) }
	other := 2
	if f.pitch > 0 {
		other = f.pitch
	}
	for i := range has {
		ctx := before(i-1)<<1 | before(i-other)<<2 | b2i(f.pitch > 0)
		if has[i] = c.flag(has[i], &m.rows[ctx]); has[i] {
			rows = append(rows, int32(i))
		}
	}
	return rows, c.ended()
}

var (
	errShort = errors.New("the data ends early")
	errCount = errors.New("more weights than there is room for")
)

// columns codes where the weights of each column are, and their values.
func (c *coder) columns(m *tensorModel, values []float32, f frame, live []int32, counts []int, p *precision) (nonzero []int32, err error) {
	image := b2i(f.pitch > 0)
	places, v := &m.places[image], newValues(m, p, image)
	d, k := newDensity(f, live), newColumn(f)
	for col, left := range counts {
		k.next()
		for w := (walk{left: left, total: d.total}); w.left > 0; w.left-- {
			c.category(Positions)
			r := c.next1(&w, places, d, k, values[col:])
			c.category(Values)
			sign, err := v.code(c, &values[r*f.cols+col], int(k.near[r].vote), k.sum)
			if err != nil {
				return nil, err
			}
			k.put(r, sign)
		}
		for _, r := range k.hits {
			d.add(int(r))
			nonzero = append(nonzero, r*int32(f.cols)+int32(col))
		}
		if c.exhausted() {
			return nil, errShort
		}
	}
	return nonzero, c.ended()
}

// book codes what the values may be: entries of a codebook, or any.
func (c *coder) book(m *tensorModel, p *precision) error {
	p.entries = c.number(p.entries, &m.entries)
	if p.entries > MaxEntries {
		return errors.New("a codebook of too many entries")
	}
	if p.entries == 0 {
		return nil
	}
	return c.codebook(m, p)
}

// A valueModel is what the coder has learned of the values of a tensor.
type valueModel struct {
	p      *precision
	signs  *[signStates]chance
	below  int // entries below zero
	bits   [2]int
	trees  [2][2 * MaxEntries]chance // of entries below zero, and above
	floats *floatModel
}

func newValues(m *tensorModel, p *precision, image int) *valueModel {
	w := &valueModel{p: p, signs: &m.signs[image], floats: &m.floats}
	for w.below < len(p.book) && p.book[w.below] < 0 {
		w.below++
	}
	w.bits = [2]int{bits.Len(uint(max(w.below-1, 0))), bits.Len(uint(max(len(p.book)-w.below-1, 0)))}
	return w
}

// code codes the value of a weight, and returns its sign. Neighbours in an image mostly have the
// same one.
func (w *valueModel) code(c *coder, v *float32, vote, sum int) (int8, error) {
	if w.p.entries == 0 {
		*v = c.float(*v, w.floats)
		if graph.NotFinite(*v) {
			return 0, errors.New("a weight that is not finite")
		}
		if *v < 0 {
			return -1, nil
		}
		return 1, nil
	}
	index := 0
	if c.enc != nil {
		index = nearest(w.p.book, *v)
	}
	above := b2i(index >= w.below)
	switch w.below {
	case 0:
		above = 1
	case len(w.p.book):
		above = 0
	default:
		state := (min(max(vote, -3), 3)+3)*5 + min(max(sum, -2), 2) + 2
		above = c.bit(above, &w.signs[state])
	}
	// From zero outwards: small weights and large ones of either sign then have like places.
	place, most := w.below-1-index, w.below
	if above == 1 {
		place, most = index-w.below, len(w.p.book)-w.below
	}
	if place = int(c.tree(uint32(place), w.bits[above], w.trees[above][:])); place >= most {
		return 0, errors.New("an entry that the codebook does not have")
	}
	if above == 1 {
		*v = w.p.book[w.below+place]
		return 1, nil
	}
	*v = w.p.book[w.below-1-place]
	return -1, nil
}

// codebook codes the entries: whole multiples, of at most 8 bits with the sign, of a step.
func (c *coder) codebook(m *tensorModel, p *precision) error {
	step, entries := p.step, p.book
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
		if graph.NotFinite(entries[k]) {
			return errors.New("a codebook with an entry that is not finite")
		}
	}
	p.book = entries
	return nil
}

// most is the largest multiple of a codebook's step, and of a bias's.
const most = 127

// stepOf is the step for values, of which the largest has so many steps. It has 7 bits behind the
// leading one, so that short codes it.
func stepOf(values []float32, steps int) float32 {
	high := float32(0)
	for _, v := range values {
		high = max(high, v, -v)
	}
	return math.Float32frombits((math.Float32bits(high/float32(steps)) + 1<<16 - 1) &^ (1<<16 - 1))
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
	exponent := c.tree(b>>23&255, 8, m.exponent[:])
	return math.Float32frombits(sign<<31 | exponent<<23 | c.raw(b&(1<<23-1), 23))
}

// short codes a float whose last 16 bits are zero.
func (c *coder) short(v float32, m *floatModel) float32 {
	b := math.Float32bits(v)
	sign := uint32(c.bit(int(b>>31), &m.sign))
	exponent := c.tree(b>>23&255, 8, m.exponent[:])
	return math.Float32frombits(sign<<31 | exponent<<23 | c.raw(b>>16&127, 7)<<16)
}

// A biasModel is the model of biases.
type biasModel struct {
	exact chance
	value number
	float floatModel
}

// bias codes the values of a bias: exact, or as whole multiples of a step. Without a step, the
// largest bias has so many.
func (c *coder) bias(m *biasModel, values []float32, steps int, step float32) error {
	c.category(Bias)
	if c.flag(steps == 0, &m.exact) {
		for i := range values {
			if values[i] = c.float(values[i], &m.float); graph.NotFinite(values[i]) {
				return errInfinite
			}
		}
		return c.ended()
	}
	if step == 0 {
		step = stepOf(values, max(steps, 1))
	}
	step = c.short(step, &m.float)
	if !(step >= 0) || math.IsInf(float64(step), 0) {
		return errors.New("a bias whose step is no number")
	}
	for i := range values {
		q := 0
		if c.enc != nil {
			q = biasSteps(values[i], step)
		}
		q = unzigzag(c.number(zigzag(q), &m.value))
		if q > most+1 || q < -most-1 {
			return errors.New("a bias out of range")
		}
		if values[i] = float32(q) * step; graph.NotFinite(values[i]) {
			return errInfinite
		}
	}
	return c.ended()
}

var errInfinite = errors.New("a bias that is not finite")

// biasSteps is a bias in whole steps.
func biasSteps(v, step float32) int {
	if step == 0 {
		return 0
	}
	return int(math.Round(float64(v / step)))
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
