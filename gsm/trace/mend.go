package trace

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// Mend takes broken lines, such as a damaged disk or an editor leaves, out of the trace at path, so
// that the trace can be continued. It keeps the original file beside it and returns its name, kept:
// path with ".damaged" at the end. A trace without a broken line is left alone: dropped is 0, and
// kept is "". If the header is broken, Mend returns ErrNoHeader and leaves the file alone.
func Mend(path string) (dropped int, kept string, err error) {
	old, err := os.Open(path)
	if err != nil {
		return 0, "", fmt.Errorf("trace: %w", err)
	}
	defer old.Close()
	if dropped, err = copyGood(io.Discard, old, path); err != nil || dropped == 0 {
		return 0, "", err
	}
	if kept, err = aside(path); err != nil {
		return 0, "", fmt.Errorf("trace: keeping %s as it is: %w", path, err)
	}
	if _, err := old.Seek(0, io.SeekStart); err != nil {
		return 0, "", fmt.Errorf("trace: %w", err)
	}
	w, err := replace(path, func(w *bufio.Writer) (Header, error) {
		_, err := copyGood(w, old, path)
		return Header{}, err
	})
	if err != nil {
		return 0, "", err
	}
	return dropped, kept, w.Close()
}

// copyGood copies the good lines and counts the others.
func copyGood(to io.Writer, from io.Reader, name string) (dropped int, err error) {
	in := bufio.NewReaderSize(from, 64<<10)
	var header *Header
	var buf []byte
	for n := 1; ; n++ {
		text, _, err := readLine(in, buf[:0])
		buf = text
		if err == io.EOF {
			if header == nil {
				return dropped, fmt.Errorf("trace: %s: %w", name, ErrNoHeader)
			}
			return dropped, nil
		}
		if errors.Is(err, errTooLong) {
			if err := skipLine(in, text); err != nil {
				return dropped, fmt.Errorf("trace: %s:%d: %w", name, n, err)
			}
			dropped++
			continue
		}
		if err != nil {
			return dropped, fmt.Errorf("trace: %s:%d: %w", name, n, err)
		}
		rec, err := parse(text, header)
		if err != nil {
			if header == nil {
				return dropped, fmt.Errorf("trace: %s:%d: %w: %w", name, n, ErrNoHeader, err)
			}
			dropped++
			continue
		}
		if h, ok := rec.(Header); ok {
			header = &h
		}
		if err := writeLine(to, text); err != nil {
			return dropped, err
		}
	}
}

// skipLine reads to the end of a line whose beginning, text, has been read.
func skipLine(in *bufio.Reader, text []byte) error {
	for len(text) == 0 || text[len(text)-1] != '\n' {
		part, err := in.ReadSlice('\n')
		switch err {
		case nil, bufio.ErrBufferFull:
			text = part
		case io.EOF:
			return nil
		default:
			return err
		}
	}
	return nil
}

// aside gives the file at path a second name: the first free one of path.damaged, path.damaged2 and
// so on.
func aside(path string) (string, error) {
	for n := 1; ; n++ {
		name := path + ".damaged"
		if n > 1 {
			name += fmt.Sprint(n)
		}
		err := os.Link(path, name)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil { // a file system without links
			err = copyFile(path, name)
		}
		return name, err
	}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// SetAside renames a trace that has no readable header, so that a new one can take its place. It
// returns the new name.
func SetAside(path string) (string, error) {
	name, err := aside(path)
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		return "", fmt.Errorf("trace: setting %s aside: %w", path, err)
	}
	return name, nil
}
