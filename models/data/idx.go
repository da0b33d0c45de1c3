package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// readIDX reads an IDX file of unsigned bytes with exactly rank dimensions (MNIST's format: two
// zero bytes, the type 0x08, the rank, a big-endian uint32 for each dimension, the data) and
// requires that it ends there.
//
// A header that asks for more than limit bytes of data is refused before anything is allocated for
// it.
func readIDX(r io.Reader, rank, limit int) (dims []int, data []byte, err error) {
	head := make([]byte, 4+4*rank)
	if n, err := io.ReadFull(r, head[:4]); err != nil {
		return nil, nil, cutOff(err, n, len(head), "header")
	}
	want := uint32(0x0800 | rank)
	if got := binary.BigEndian.Uint32(head); got != want {
		return nil, nil, fmt.Errorf("not the IDX file expected: it starts with 0x%08x, want 0x%08x", got, want)
	}
	if n, err := io.ReadFull(r, head[4:]); err != nil {
		return nil, nil, cutOff(err, 4+n, len(head), "header")
	}
	total := 1
	for i := range rank {
		n := binary.BigEndian.Uint32(head[4+4*i:])
		if n == 0 || uint64(n) > uint64(limit/total) {
			// limit/total >= 1 here, so that total never overflows
			return nil, nil, fmt.Errorf("dimension %d is %d: empty, or more than the %d bytes expected", i, n, limit)
		}
		dims = append(dims, int(n))
		total *= int(n)
	}
	data = make([]byte, total)
	if n, err := io.ReadFull(r, data); err != nil {
		return nil, nil, cutOff(err, n, total, "data")
	}
	// Reading on to the end also makes gzip verify its checksum.
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n > 0:
		return nil, nil, errors.New("there are bytes after the last one")
	case err != io.EOF:
		return nil, nil, err
	}
	return dims, data, nil
}

// cutOff explains an error of io.ReadFull, which says "EOF" or "unexpected EOF" of a file that ends
// too early.
func cutOff(err error, n, want int, part string) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the file is cut off: its %s ends after %d of %d bytes", part, n, want)
	}
	return err
}
