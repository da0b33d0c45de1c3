// Writing traces: from the start, or after what an earlier run left.

package trace

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"gsmlab/internal/atomicfile"
)

// Writer writes a trace. It buffers: what Sync has not written is lost when
// the process is killed. Call Sync before saving a checkpoint, so that the
// trace is never behind it, and Close at the end.
//
// The first error, such as a full disk, is kept and returned by every later
// call. A Writer may be used by one goroutine at a time.
type Writer struct {
	path   string
	file   *atomicfile.File
	buf    *bufio.Writer
	header Header
	err    error
}

// Create starts a new trace at path with the given header, replacing a file
// that is there. The header is on disk when Create returns, so a trace file
// without a header is never seen.
func Create(path string, h Header) (*Writer, error) {
	if h.Version == 0 {
		h.Version = Version
	}
	if h.Layers == nil {
		h.Layers = []Layer{}
	}
	if err := h.check(nil); err != nil {
		return nil, fmt.Errorf("trace: %s: header: %w", path, err)
	}
	return replace(path, func(w *bufio.Writer) (Header, error) {
		text, err := encode(h)
		if err != nil {
			return h, err
		}
		return h, writeLine(w, text)
	})
}

// Append continues the trace at path. A cut-off last line, as a killed run
// leaves it, is removed. It is an error if the file does not exist
// (fs.ErrNotExist), has no header (ErrNoHeader) or has a broken line.
func Append(path string) (*Writer, error) {
	return appendIf(path, func(Record) bool { return true })
}

// AppendFrom continues the trace at path from a checkpoint taken after step
// steps of a stage. Besides a cut-off last line it removes what the resumed
// run will record again: records of that stage beyond step, a cut of that
// stage and what was evaluated after it, and all records of later stages.
//
// Stages come in the order base, gsm, ticket; other names come in the order
// of their first record in the file. Errors are those of Append.
func AppendFrom(path, stage string, step int) (*Writer, error) {
	order := newStageOrder(stage)
	return appendIf(path, func(rec Record) bool {
		switch r := rec.(type) {
		case Step:
			return order.keep(r.Stage, r.Step, step)
		case Eval:
			// A cut comes after all steps of its stage, so it is still ahead.
			return order.keep(r.Stage, r.Step, step) && !(r.Stage == stage && r.After != "")
		case Magnitude:
			return order.keep(r.Stage, r.Step, step)
		case Cut:
			return order.keep(r.Stage, r.Step, step) && r.Stage != stage
		}
		return true
	})
}

// stageOrder tells which stages come after a given one.
type stageOrder struct {
	stage string
	seen  bool            // the stage has had a record
	early map[string]bool // stages whose first record was before that
}

func newStageOrder(stage string) *stageOrder {
	return &stageOrder{stage: stage, early: make(map[string]bool)}
}

// keep says whether a record of a stage at a step happened no later than step
// last of order.stage. It must see the records in file order.
func (o *stageOrder) keep(stage string, step, last int) bool {
	if stage == o.stage {
		o.seen = true
		return step <= last
	}
	ranks := map[string]int{StageBase: 1, StageGSM: 2, StageTicket: 3}
	if a, b := ranks[stage], ranks[o.stage]; a > 0 && b > 0 {
		return a < b
	}
	if !o.seen {
		o.early[stage] = true
	}
	return o.early[stage]
}

// appendIf copies the lines whose records are to be kept into a new file in
// place of the old one, and returns a writer at its end. Lines are copied as
// they are, so that fields which this version does not know survive.
func appendIf(path string, keep func(Record) bool) (*Writer, error) {
	old, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	defer old.Close()
	return replace(path, func(w *bufio.Writer) (h Header, err error) {
		for line, err := range lines(old, path) {
			if errors.Is(err, ErrTruncated) && h.Version > 0 {
				break
			}
			if errors.Is(err, ErrTruncated) {
				return h, fmt.Errorf("%w in the header: delete the file and run again", err)
			}
			if err != nil {
				return h, err
			}
			if got, ok := line.rec.(Header); ok {
				h = got
			}
			if !keep(line.rec) {
				continue
			}
			if err := writeLine(w, line.text); err != nil {
				return h, err
			}
		}
		return h, nil
	})
}

// replace makes a file next to path, lets fill write its beginning, and puts it in the place of
// path. The returned writer continues after that beginning.
func replace(path string, fill func(*bufio.Writer) (Header, error)) (_ *Writer, err error) {
	file, err := atomicfile.Create(path)
	if err != nil {
		return nil, fmt.Errorf("trace: %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			file.Discard()
		}
	}()
	w := newWriter(path, file)
	if w.header, err = fill(w.buf); err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	if err = w.Flush(); err != nil {
		return nil, err
	}
	if err = file.Commit(); err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	return w, nil
}

func newWriter(path string, file *atomicfile.File) *Writer {
	return &Writer{path: path, file: file, buf: bufio.NewWriterSize(file, 64<<10)}
}

// Header returns the header of the file.
func (w *Writer) Header() Header { return w.header }

// Write appends a record, which must not be a Header and must fit the file's
// header: per-layer counts have one element for each layer. A record that
// does not fit is refused and leaves the writer usable.
func (w *Writer) Write(rec Record) error {
	if w.err != nil {
		return w.err
	}
	if c, ok := rec.(Cut); ok && c.Stage == "" {
		c.Stage = StageGSM
		rec = c
	}
	if _, ok := rec.(Header); ok || rec == nil {
		return fmt.Errorf("trace: %s: %T cannot be written: the header is written by Create", w.path, rec)
	}
	if err := rec.check(&w.header); err != nil {
		return fmt.Errorf("trace: %s: %s: %w", w.path, rec.kind(), err)
	}
	text, err := encode(rec)
	if err != nil {
		return err
	}
	return w.keep(writeLine(w.buf, text))
}

// Flush hands the buffered records to the operating system.
func (w *Writer) Flush() error {
	if w.err != nil {
		return w.err
	}
	return w.keep(w.buf.Flush())
}

// Sync flushes and waits until the records are on disk.
func (w *Writer) Sync() error {
	if err := w.Flush(); err != nil {
		return err
	}
	return w.keep(w.file.Sync())
}

// Close syncs and closes the file. Closing twice is an error.
func (w *Writer) Close() error {
	err := w.Sync()
	if cerr := w.file.Close(); err == nil && cerr != nil {
		err = w.keep(cerr)
	}
	w.keep(os.ErrClosed)
	return err
}

// keep remembers the first error of the file.
func (w *Writer) keep(err error) error {
	if err == nil || w.err != nil {
		return w.err
	}
	w.err = fmt.Errorf("trace: %s: %w: later records are not saved", w.path, err)
	return w.err
}

func writeLine(w io.Writer, text []byte) error {
	if _, err := w.Write(text); err != nil {
		return err
	}
	_, err := w.Write([]byte{'\n'})
	return err
}
