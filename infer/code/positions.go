// Positions: where the weights are, output by output. How many weights each output has comes first;
// how likely the next input is to have one of them follows from how many it has had in the outputs
// before, and from its neighbours in the image. So one adaptive chance is enough for a position.

package code

import (
	"math/bits"
	"slices"
)

// A frame is the shape of a tensor for coding. In an image, the neighbour of a row is step rows
// away, and the one in the next line pitch rows; without an image pitch is 0.
type frame struct {
	rows, cols, step, pitch int
}

const (
	levels   = 40 // of how likely a weight is
	patterns = 8  // of neighbours that have one
)

// A placeModel is what the coder has learned of where weights are: chances by how likely a weight
// is and how many neighbours have one.
type placeModel [levels * patterns]chance

// gains are how much likelier neighbours make a weight, in quarters.
var gains = [patterns]uint32{3, 5, 8, 10, 12, 16, 20, 24}

// newPlaceModel expects what the levels say.
func newPlaceModel() (m placeModel) {
	for k := range m {
		level, pattern := k/patterns, k%patterns
		middle := uint64(5+2*(level&1)) << (level / 2) >> 3 // of the ratios of a level, in 1/65536
		m[k] = expected(uint32(min(middle*uint64(gains[pattern])/4, 52_000)))
	}
	return m
}

// levelOf is how likely a weight is, on a scale of ratios: two levels for each power of two.
func levelOf(expected uint64) int {
	n := bits.Len64(expected | 2)
	return min(2*n-2+int(expected>>((n-2)&63)&1), levels-1) // &63 spares the processor a test
}

// A density is how many weights the rows have had, each counted for its neighbours too.
type density struct {
	f       frame
	weights []uint32 // 0 for rows that have no weight at all
	total   uint64   // of the weights
	live    []int32
}

// Rows begin with a weight of 1 or 2; a weight in the row adds own, one in a neighbour less.
const own = 4

func newDensity(f frame, live []int32) *density {
	d := &density{f: f, weights: make([]uint32, f.rows), live: live}
	start := uint32(2)
	if f.pitch > 0 {
		start = 1
	}
	for _, r := range live {
		d.weights[r] = start
	}
	d.total = uint64(start) * uint64(len(live))
	return d
}

// add counts a weight in row r.
func (d *density) add(r int) {
	d.grow(r, own)
	if d.f.pitch == 0 {
		// Units stand in the order of how many weights they have, so that neighbours are alike.
		for _, n := range [...]int{r - 2, r - 1, r + 1, r + 2} {
			d.grow(n, own/2)
		}
		return
	}
	p, s := d.f.pitch, d.f.step
	for _, n := range [...]int{r - p - s, r - p, r - p + s, r - s, r + s, r + p - s, r + p, r + p + s} {
		d.grow(n, own/4)
	}
}

// grow adds to the weight of a row, if there is such a row and it has weights.
func (d *density) grow(r int, by uint32) {
	if uint(r) < uint(len(d.weights)) && d.weights[r] > 0 {
		d.weights[r] += by
		d.total += uint64(by)
	}
}

// A column is the output that is coded now. What its weights say of the rows after them is noted
// with each weight, because there are many more rows than weights.
type column struct {
	f    frame
	near []neighbours // of each row
	sum  int          // of the signs so far
	hits []int32      // the rows that have a weight
}

// neighbours are what the neighbours of a row say that are coded already.
type neighbours struct {
	pattern uint8 // how many have a weight: beside and above count twice
	vote    int8  // of what signs
}

func newColumn(f frame) *column {
	return &column{f: f, near: make([]neighbours, f.rows)}
}

// next forgets the column before.
func (k *column) next() {
	if k.f.pitch > 0 {
		clear(k.near)
	}
	k.hits, k.sum = k.hits[:0], 0
}

// after are the rows that have r as a neighbour, the nearest ones first. At the side of a line they
// may be in the next one, which happens seldom.
func (k *column) after(r int) [6]int {
	p, s := k.f.pitch, k.f.step
	return [...]int{r + s, r + p, r + p - s, r + p + s, r + 2*s, r + 2*p}
}

// put notes the sign of the weight in row r.
func (k *column) put(r int, sign int8) {
	k.sum += int(sign)
	k.hits = append(k.hits, int32(r))
	if k.f.pitch == 0 {
		return
	}
	for i, n := range k.after(r) {
		if uint(n) < uint(len(k.near)) {
			at, counts := &k.near[n], int8(1)
			if i < 2 {
				counts = 2
			}
			at.pattern = min(at.pattern+uint8(counts), patterns-1)
			at.vote += counts * sign
		}
	}
}

// A walk goes down a column, from one weight to the next.
type walk struct {
	at, left int    // the next of the live rows, and how many weights are still to come
	total    uint64 // weight of the rows from there on
}

// refresh is how many rows later the share of the weights that are left is divided anew.
const refresh = 8

// next1 codes where the next weight of a column is, and returns its row. The values are those of
// the column and of what follows. Rows are taken some at a time: first how likely each is to have
// the weight, which depends on no other row, then which has it.
func (c *coder) next1(w *walk, places *placeModel, d *density, k *column, values []float32) int {
	near := k.near
	weights := d.weights[:len(near)]
	end := len(d.live) - w.left // all of the rest have one
	for w.at < end {
		rows := d.live[w.at:min(w.at+refresh, end)]
		share := uint64(w.left) << 16 / w.total
		var contexts [refresh]uint16
		var after [refresh]uint64 // the total behind each row
		for i, r := range rows {
			weight := uint64(weights[r])
			w.total -= weight
			after[i%refresh] = w.total
			contexts[i%refresh] = uint16(levelOf(weight*share)*patterns) + uint16(near[r].pattern)
		}
		hit := len(rows)
		if c.enc != nil {
			hit = slices.IndexFunc(rows, func(r int32) bool { return values[int(r)*d.f.cols] != 0 })
		}
		hit = c.first(places[:], contexts[:len(rows)], hit)
		w.at += hit
		if hit < len(rows) {
			w.at++
			w.total = after[hit%refresh]
			return int(rows[hit])
		}
	}
	w.at++
	return int(d.live[end])
}

// counts codes how many weights each column has. A file whose units are sorted needs little room.
func (c *coder) counts(m *tensorModel, values []float32, f frame, rows int) ([]int, error) {
	counts := make([]int, f.cols)
	sorted := true
	if c.enc != nil {
		for i, v := range values {
			counts[i%f.cols] += b2i(v != 0)
		}
		for k := 1; k < len(counts); k++ {
			sorted = sorted && counts[k] <= counts[k-1]
		}
	}
	sorted = c.flag(sorted, &m.sorted)
	last := rows
	for k, n := range counts {
		if sorted && k > 0 {
			n = last - c.number(last-n, &m.falls)
		} else {
			n = c.number(n, &m.counts)
		}
		if n < 0 || n > rows {
			return nil, errCount
		}
		counts[k], last = n, n
		if k&1023 == 0 && c.exhausted() {
			return nil, errShort
		}
	}
	return counts, c.ended()
}
