// Images in parquet files, as Hugging Face's data sets have them.

package data

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/parquet-go/parquet-go"
)

// shards is a shelf of parquet files in the layout of Hugging Face's data sets: columns image.bytes
// and label. A block is a row group. Labels are read with the images: the files' footers are all
// that is read before.
type shards struct {
	paths   []string
	groups  []rowGroup
	rows    []int // of each group
	first   []int // row of each group, and the number of all at last
	classes int

	names   []string // of the classes, where the files say them
	namedBy string   // the first file that does
	labels  []int32  // the label of each number in the files; nil where the number is the label
}

type rowGroup struct{ shard, index int }

// openShards reads the footers. The numbers in the files must stand for the same classes as those
// of other, if not nil.
func openShards(ctx context.Context, paths []string, classes int, other *shards) (*shards, error) {
	s := &shards{paths: paths, first: []int{0}, classes: classes}
	if other != nil {
		s.names, s.namedBy, s.labels = other.names, other.namedBy, other.labels
	}
	for i, path := range paths {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := withParquet(path, func(f *parquet.File) error {
			names, err := classNames(f)
			if err != nil {
				return err
			}
			if err := s.setNames(path, names); err != nil {
				return foreignFile{err}
			}
			for k, g := range f.RowGroups() {
				n := g.NumRows()
				if n < 0 || n > 1<<24 {
					return fmt.Errorf("row group %d has %d rows", k, n)
				}
				if n == 0 {
					continue
				}
				s.groups = append(s.groups, rowGroup{i, k})
				s.rows = append(s.rows, int(n))
				s.first = append(s.first, s.len()+int(n))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *shards) len() int      { return s.first[len(s.first)-1] }
func (s *shards) blocks() []int { return s.rows }

// group returns the group of row i.
func (s *shards) group(i int) int {
	g, found := slices.BinarySearch(s.first, i)
	if !found {
		g--
	}
	return g
}

func (s *shards) name(i int) string {
	g := s.group(i)
	at := i - s.first[g]
	for k := g - 1; k >= 0 && s.groups[k].shard == s.groups[g].shard; k-- {
		at += s.rows[k]
	}
	return fmt.Sprintf("%s: row %d", s.paths[s.groups[g].shard], at)
}

// open returns a cache with room for two windows, the present one and the next, whose last blocks
// may reach beyond, and for the first block after them.
func (s *shards) open(hold int) fetcher {
	largest := 0
	for _, n := range s.rows {
		largest = max(largest, n)
	}
	return &blockCache{shards: s, room: 2*hold + 3*largest, held: map[int]*block{}}
}

// blockCache keeps a block until all its images are fetched, which happens once an epoch. Without
// room it drops the blocks used longest ago: after a resumed start the images of some were fetched
// before and will not be asked for.
type blockCache struct {
	*shards
	room int // images

	mu   sync.Mutex
	held map[int]*block
	size int // images
	time int
}

type block struct {
	once sync.Once
	rows []row
	err  error
	used int // time of the last use
	left int // images not fetched yet
	// ahead: the block was loaded ahead. When it is loaded ahead again, that is for the next epoch.
	ahead bool
}

type row struct {
	content []byte
	label   int32
}

// get returns a block, now or ahead of its use.
func (c *blockCache) get(g int, ahead bool) (*block, error) {
	c.mu.Lock()
	b := c.held[g]
	if b == nil {
		for c.size+c.rows[g] > c.room && len(c.held) > 0 {
			oldest := -1
			for k, other := range c.held {
				if oldest < 0 || other.used < c.held[oldest].used {
					oldest = k
				}
			}
			c.drop(oldest)
		}
		b = &block{left: c.rows[g]}
		c.held[g] = b
		c.size += c.rows[g]
	}
	c.time++
	b.used = c.time
	switch {
	case ahead && b.ahead:
		b.left += c.rows[g]
	case ahead:
		b.ahead = true
	default:
		if b.left--; b.left == 0 {
			c.drop(g)
		}
	}
	c.mu.Unlock()
	b.once.Do(func() { b.rows, b.err = c.readGroup(g) })
	return b, b.err
}

func (c *blockCache) drop(g int) {
	delete(c.held, g)
	c.size -= c.rows[g]
}

func (c *blockCache) load(g int) error {
	_, err := c.get(g, true)
	return err
}

func (c *blockCache) fetch(i int, _ []byte) ([]byte, int32, error) {
	g := c.group(i)
	b, err := c.get(g, false)
	if err != nil {
		return nil, 0, err
	}
	r := b.rows[i-c.first[g]]
	if r.content == nil {
		return nil, 0, unreadable{errors.New("it has no content: image.bytes is null")}
	}
	return r.content, r.label, nil
}

// readGroup reads one block. A file that cannot be read is one error, not many broken images.
func (s *shards) readGroup(g int) (rows []row, err error) {
	where := s.groups[g]
	err = withParquet(s.paths[where.shard], func(f *parquet.File) error {
		groups := f.RowGroups()
		if where.index >= len(groups) || groups[where.index].NumRows() != int64(s.rows[g]) {
			return errors.New("it has changed since training began")
		}
		chunks := groups[where.index].ColumnChunks()
		rows = make([]row, s.rows[g])
		column, _ := f.Schema().Lookup("image", "bytes")
		err := eachValue(chunks[column.ColumnIndex], len(rows), func(i int, v parquet.Value) error {
			if !v.IsNull() {
				rows[i].content = slices.Clone(v.ByteArray())
			}
			return nil
		})
		if err != nil {
			return err
		}
		column, _ = f.Schema().Lookup("label")
		return eachValue(chunks[column.ColumnIndex], len(rows), func(i int, v parquet.Value) error {
			label := int64(-1)
			switch v.Kind() {
			case parquet.Int64:
				label = v.Int64()
			case parquet.Int32:
				label = int64(v.Int32())
			}
			if v.IsNull() || label < 0 || label >= int64(s.classes) {
				return fmt.Errorf("the label of row %d of row group %d is %v, want 0..%d", i, where.index, v, s.classes-1)
			}
			if s.names != nil && label >= int64(len(s.names)) {
				return fmt.Errorf("the label of row %d of row group %d is %v, and the file has %d classes", i, where.index, v, len(s.names))
			}
			rows[i].label = int32(label)
			if s.labels != nil {
				rows[i].label = s.labels[label]
			}
			return nil
		})
	})
	return rows, err
}

// eachValue calls f with the n values of a column that has one in each row.
func eachValue(chunk parquet.ColumnChunk, n int, f func(i int, v parquet.Value) error) error {
	pages := chunk.Pages()
	defer pages.Close()
	buf := make([]parquet.Value, 64)
	i := 0
	for {
		page, err := pages.ReadPage()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		for values := page.Values(); err == nil; {
			var k int
			k, err = values.ReadValues(buf)
			for _, v := range buf[:k] {
				if i == n {
					return fmt.Errorf("a row group has more values than its %d rows", n)
				}
				if err := f(i, v); err != nil {
					return err
				}
				i++
			}
		}
		parquet.Release(page)
		if err != io.EOF {
			return err
		}
	}
	if i < n {
		return fmt.Errorf("a row group has %d values for its %d rows", i, n)
	}
	return nil
}

// foreignFile is the error of a file that is whole but not what is wanted.
type foreignFile struct{ error }

// withParquet opens a file that has the columns. The library's panics over files that are not what
// they say become errors.
func withParquet(path string, use func(*parquet.File) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not a whole parquet file: %v", p)
		}
		switch {
		case errors.As(err, new(foreignFile)):
			err = fmt.Errorf("%s: %w", path, err)
		case err != nil:
			err = fmt.Errorf("%s: %w: get it anew", path, err)
		}
	}()
	file, err := os.Open(path)
	if err != nil {
		return reason(err)
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return reason(err)
	}
	if err := checkFooter(file, st.Size()); err != nil {
		return err
	}
	f, err := parquet.OpenFile(file, st.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("not a whole parquet file: %w", err)
	}
	for _, column := range [][]string{{"image", "bytes"}, {"label"}} {
		if c, ok := f.Schema().Lookup(column...); !ok || c.MaxRepetitionLevel > 0 {
			return foreignFile{fmt.Errorf("it has no column %s: want Hugging Face's layout, image.bytes and label", column)}
		}
	}
	c, _ := f.Schema().Lookup("label")
	if kind := c.Node.Type().Kind(); kind != parquet.Int32 && kind != parquet.Int64 {
		return foreignFile{fmt.Errorf("its column label holds values of type %s, want whole numbers", c.Node.Type())}
	}
	return use(f)
}

// checkFooter looks at the end of a file, so that the library does not ask for the memory that
// rubbish there stands for.
func checkFooter(file io.ReaderAt, size int64) error {
	var end [8]byte
	if n, _ := file.ReadAt(end[:], max(0, size-int64(len(end)))); n < len(end) || string(end[4:]) != "PAR1" {
		return errors.New("not a whole parquet file: its end is missing")
	}
	if n := binary.LittleEndian.Uint32(end[:]); int64(n) > size-int64(len(end)) {
		return fmt.Errorf("not a whole parquet file: its footer has %d bytes", n)
	}
	return nil
}
