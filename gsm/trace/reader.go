// Reading traces: record by record, or a whole run with all its series.

package trace

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// MaxLine is the longest line in bytes that is read. A step of a network with
// a thousand layers takes about 20 KB.
const MaxLine = 4 << 20

var (
	// ErrTruncated says that the last line of a stream was cut off: it has no
	// newline and is not valid JSON. All records before it are good.
	ErrTruncated = errors.New("last line is cut off")
	// ErrNoHeader says that a stream is empty or does not begin with a header.
	ErrNoHeader = errors.New("no header")

	errTooLong = fmt.Errorf("line is longer than %d bytes: this is not a trace", MaxLine)
)

// Read returns the records of a stream one by one. Name is used in errors,
// which have the form "name:line: what is wrong" and end the stream.
//
// The first record is always the Header; a stream without one, also an empty
// stream, yields an error that wraps ErrNoHeader. A cut-off last line, as a
// killed run leaves it, yields a last error that wraps ErrTruncated: callers
// that accept unfinished runs test for it with errors.Is. A last line that
// lacks only its newline is a good record.
//
// Records must fit the header: per-layer counts have as many elements as the
// header has layers.
func Read(r io.Reader, name string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for line, err := range lines(r, name) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(line.rec, nil) {
				return
			}
		}
	}
}

// A line is a record together with its text, which is only valid until the next one is read.
type line struct {
	text []byte // without the newline
	rec  Record
}

// lines is Read for callers that also need the text of the lines.
func lines(r io.Reader, name string) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		in := bufio.NewReaderSize(r, 64<<10)
		var header *Header
		var buf []byte
		for n := 1; ; n++ {
			text, whole, err := readLine(in, buf[:0])
			buf = text
			if err == io.EOF {
				if header == nil {
					yield(line{}, fmt.Errorf("%s:%d: %w: the file is empty: delete it and run again", name, n, ErrNoHeader))
				}
				return
			}
			if err != nil {
				yield(line{}, fmt.Errorf("%s:%d: %w", name, n, err))
				return
			}
			rec, err := parse(text, header)
			if err != nil {
				if !whole && !json.Valid(text) {
					err = ErrTruncated
				}
				yield(line{}, fmt.Errorf("%s:%d: %w", name, n, err))
				return
			}
			if h, ok := rec.(Header); ok {
				header = &h
			}
			if !yield(line{text, rec}, nil) {
				return
			}
		}
	}
}

// parse decodes a line and checks it against the header, which is nil on the first line.
func parse(text []byte, header *Header) (Record, error) {
	rec, err := decode(text)
	if err != nil {
		return nil, err
	}
	_, isHeader := rec.(Header)
	switch {
	case header == nil && !isHeader:
		return nil, fmt.Errorf("%w: the first line is a %s: delete the file and run again", ErrNoHeader, rec.kind())
	case header != nil && isHeader:
		return nil, errors.New("second header")
	}
	if err := rec.check(header); err != nil {
		return nil, fmt.Errorf("%s: %w", rec.kind(), err)
	}
	return rec, nil
}

// readLine appends the next line without its newline to buf. Whole is false
// if the stream ended before a newline; io.EOF means that there was nothing.
func readLine(in *bufio.Reader, buf []byte) (text []byte, whole bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		buf = append(buf, part...)
		// One more for the newline.
		if len(buf) > MaxLine+1 {
			return buf, false, errTooLong
		}
		switch err {
		case nil:
			return bytes.TrimSuffix(buf, []byte("\n")), true, nil
		case bufio.ErrBufferFull:
			continue
		case io.EOF:
			if len(buf) == 0 {
				return buf, false, io.EOF
			}
			return buf, false, nil
		default:
			return buf, false, err
		}
	}
}

// Run is a whole trace in memory, in file order.
type Run struct {
	Header     Header
	Steps      []Step
	Evals      []Eval
	Magnitudes []Magnitude
	Cuts       []Cut
	Truncated  bool // the file's last line was cut off and is left out
}

// Load reads the file at path. A cut-off last line is no error, see Run.Truncated.
func Load(path string) (*Run, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	defer f.Close()
	return Collect(f, path)
}

// Collect is Load from a reader; name is used in errors.
//
// A run resumed at a checkpoint may repeat the evaluation there. Of two successive evaluations at
// one step only the later is kept.
func Collect(r io.Reader, name string) (*Run, error) {
	run := new(Run)
	for rec, err := range Read(r, name) {
		if errors.Is(err, ErrTruncated) && run.Header.Version > 0 {
			run.Truncated = true
			break
		}
		if err != nil {
			return nil, fmt.Errorf("trace: %w", err)
		}
		run.add(rec)
	}
	return run, nil
}

// add appends a record to the slice of its type.
func (run *Run) add(rec Record) {
	switch r := rec.(type) {
	case Header:
		run.Header = r
	case Step:
		run.Steps = append(run.Steps, r)
	case Eval:
		if n := len(run.Evals) - 1; n >= 0 {
			if last := run.Evals[n]; last.Stage == r.Stage && last.Step == r.Step && last.After == r.After {
				run.Evals[n] = r
				return
			}
		}
		run.Evals = append(run.Evals, r)
	case Magnitude:
		run.Magnitudes = append(run.Magnitudes, r)
	case Cut:
		run.Cuts = append(run.Cuts, r)
	}
}

// ReadHeader returns the header of the file at path without reading the rest.
func ReadHeader(path string) (Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return Header{}, fmt.Errorf("trace: %w", err)
	}
	defer f.Close()
	for rec, err := range Read(f, path) {
		if err != nil {
			return Header{}, fmt.Errorf("trace: %w", err)
		}
		return rec.(Header), nil
	}
	return Header{}, fmt.Errorf("trace: %s: %w", path, ErrNoHeader)
}
