// Positions: where the weights are, row by row within the live rows and columns.

package code

import "math/bits"

// A placeModel is what the coder has learned of where weights are.
type placeModel struct {
	fullness [256]chance // by how full the row and the column are
	pattern  [256]chance // by which neighbours have a weight
	column   [256]chance // by how full the column is, and by how many neighbours have a weight
	mixers   [16]mixer
}

// blockSize is the number of positions of a block. In a matrix that is nearly empty, most blocks
// are passed over by one bit.
const blockSize = 8

// share is what level takes for how many were seen. To divide takes long, and is done once for
// many.
func share(seen int) uint32 { return uint32(1 << 26 / (2*seen + 4)) }

// level is how full something is, from 0 to 15: count of those that share knows, on a scale of
// ratios.
func level(count int, share uint32) int {
	ratio := uint32(2*count+1) * share >> 15 // up to 2048
	n := bits.Len32(ratio)
	return min(max(2*n-8+int(ratio>>(max(n, 2)-2)&1), 0), 15)
}

// A row has one flag for each live column, with two more at either side, and the number of weights
// of each block.
type row struct {
	flags, blocks []uint8
}

// A placer codes the positions of one matrix.
type placer struct {
	c      *coder
	shares []uint32 // of so many columns
	empty  row
	rows   []row

	inColumn, inBlock []int // weights in each column and each block of columns, in the rows before
	total             int
	within            bool // positions are coded in blocks that have a weight

	// Of the row that is coded now.
	here, up, up2, higher row // the row, the two before it, and the one above it in the image
	inRow, all            int
	shareRows, shareBlock uint32
	later                 int // 1 behind the first few rows
}

// positions codes where the weights are within the live rows and columns, and lists them.
func (c *coder) positions(m *tensorModel, values []float32, f frame, rows, cols []int) ([]int32, error) {
	width := len(cols)
	nonzero := 0
	if c.enc != nil {
		for _, v := range values {
			nonzero += b2i(v != 0)
		}
	}
	blocked := c.flag(nonzero*12 < len(rows)*width, &m.blocked)
	p := newPlacer(c, width)
	p.within = blocked
	var at []int32
	for r, i := range rows {
		p.begin(rows, r, f.pitch)
		for k := 0; k < width; k++ {
			if blocked && k%blockSize == 0 && !p.block(&m.blocks, values, i*f.cols, cols, k) {
				k += blockSize - 1
				continue
			}
			model, sure := &m.each, false
			if blocked {
				// The last position of a block has the weight that no other has.
				model = &m.within
				sure = p.here.blocks[k/blockSize] == 0 && (k%blockSize == blockSize-1 || k == width-1)
			}
			if sure || p.position(model, values[i*f.cols+cols[k]] != 0, k) {
				p.put(k)
				at = append(at, int32(i*f.cols+cols[k]))
			}
		}
		p.end()
		if c.exhausted() {
			return nil, errShort
		}
	}
	return at, nil
}

func newPlacer(c *coder, width int) *placer {
	p := &placer{c: c, shares: make([]uint32, width+1), inColumn: make([]int, width), inBlock: make([]int, width/blockSize+1)}
	for k := range p.shares {
		p.shares[k] = share(k)
	}
	p.empty = p.row()
	p.here, p.up = p.empty, p.empty
	return p
}

func (p *placer) row() row {
	list := make([]uint8, len(p.inColumn)+4+len(p.inBlock))
	return row{list[:len(p.inColumn)+4], list[len(p.inColumn)+4:]}
}

// begin turns to row r of the live rows.
func (p *placer) begin(rows []int, r, pitch int) {
	p.up2, p.up, p.here, p.higher = p.up, p.here, p.row(), p.empty
	if r == 0 {
		p.up2, p.up = p.empty, p.empty
	}
	for k := r - 1; pitch > 0 && k >= 0 && rows[k] >= rows[r]-pitch; k-- {
		if rows[k] == rows[r]-pitch {
			p.higher = p.rows[k]
		}
	}
	p.rows = append(p.rows, p.here)
	p.inRow, p.all = 0, level(p.total, share(r*len(p.inColumn)))
	p.shareRows, p.shareBlock = share(r), share(r*blockSize)
	p.later = b2i(r > 8)
}

// end counts the row.
func (p *placer) end() {
	p.total += p.inRow
	for b, n := range p.here.blocks {
		p.inBlock[b] += int(n)
	}
}

// put notes a weight at column k.
func (p *placer) put(k int) {
	p.here.flags[k+2] = 1
	p.here.blocks[k/blockSize]++
	p.inColumn[k]++
	p.inRow++
}

// position codes whether there is a weight at column k.
func (p *placer) position(m *placeModel, has bool, k int) bool {
	j := k + 2
	here, up, higher := p.here.flags[j-2:j+1], p.up.flags[j-1:j+2], p.higher.flags[j-1:j+2]
	n, nn, h := int(up[1]), int(p.up2.flags[j]), int(higher[1])
	left, left2 := int(here[1]), int(here[0])
	side := int(up[0]) + int(up[2]) + int(higher[0]) + int(higher[2])
	col, row := level(p.inColumn[k], p.shareRows), level(p.inRow, p.shares[k])
	sum := 2*n + 2*h + nn + left
	column := &m.column[col<<4|min(sum, 7)<<1|b2i(side > 0)]
	if p.within {
		// How likely a weight is depends on whether the block has had one, and on how many
		// positions are left for the one that it has.
		state := k % blockSize
		if p.here.blocks[k/blockSize] > 0 {
			state = blockSize
		}
		fullness := &m.fullness[col<<4|state]
		pattern := &m.pattern[n|h<<1|nn<<2|left<<3|state<<4]
		return p.c.mixed3(b2i(has), fullness, pattern, column, &m.mixers[state]) == 1
	}
	fullness := &m.fullness[col<<4|row]
	pattern := &m.pattern[n|h<<1|nn<<2|left<<3|left2<<4|min(side, 3)<<5|b2i(p.all > 8)<<7]
	return p.c.mixed3(b2i(has), fullness, pattern, column, &m.mixers[min(sum, 7)<<1|p.later]) == 1
}

// block codes whether there is a weight in the block of columns that begins at k. The row's values
// begin at from.
func (p *placer) block(m *placeModel, values []float32, from int, cols []int, k int) bool {
	has := false
	if p.c.enc != nil {
		for _, o := range cols[k:min(k+blockSize, len(cols))] {
			has = has || values[from+o] != 0
		}
	}
	b := k / blockSize
	n, nn, h := int(p.up.blocks[b]), int(p.up2.blocks[b]), int(p.higher.blocks[b])
	left := 0
	if b > 0 {
		left = int(p.here.blocks[b-1])
	}
	col, row := level(p.inBlock[b], p.shareBlock), level(p.inRow, p.shares[k])
	sum := min(2*n+2*h+nn+left, 7)
	fullness := &m.fullness[col<<4|row]
	pattern := &m.pattern[min(n, 3)|min(h, 3)<<2|min(nn, 3)<<4|min(left, 3)<<6]
	column := &m.column[col<<4|sum<<1|b2i(left > 0)]
	return p.c.mixed3(b2i(has), fullness, pattern, column, &m.mixers[sum<<1|p.later]) == 1
}
