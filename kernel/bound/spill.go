package bound

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gsmlab/kernel/engine"
	"gsmlab/kernel/present"
)

// spill is the file with everything that a cell prints, and beside it one for displays that are
// left out.
type spill struct {
	name string
	dir  func() (string, error)

	text, displays *os.File
	path           string
	written        int64
	full           bool
	err            error
}

// open makes a file for one kind of output.
func (s *spill) open(ending string) (*os.File, error) {
	dir, err := s.dir()
	if err != nil {
		return nil, err
	}
	return os.CreateTemp(dir, s.name+"-*"+ending) // a cell's number may be used again
}

func (s *spill) write(text string) {
	if s.err != nil || s.full {
		return
	}
	if s.text == nil {
		if s.text, s.err = s.open(".txt"); s.err != nil {
			return
		}
		s.path, s.written = s.text.Name(), 0
	}
	if s.full = s.written+int64(len(text)) > maxSpill; s.full {
		text = text[:maxSpill-s.written]
	}
	n, err := io.WriteString(s.text, text)
	s.written += int64(n)
	s.err = err
}

// display writes a display as a line of JSON, in the form of notebooks.
func (s *spill) display(d engine.Display) {
	if s.err != nil || s.full {
		return
	}
	if s.displays == nil {
		if s.displays, s.err = s.open(".jsonl"); s.err != nil {
			return
		}
	}
	line, err := json.Marshal(map[string]any{"data": present.Data(d.Data), "metadata": d.Metadata})
	if err != nil {
		s.err = err
		return
	}
	if s.full = s.written+int64(len(line)) > maxSpill; s.full {
		return
	}
	n, err := s.displays.Write(append(line, '\n'))
	s.written += int64(n)
	s.err = err
}

// where names the file, for a note while the cell runs.
func (s *spill) where() string {
	if s.err != nil {
		return fmt.Sprintf("no file (%v)", s.err)
	}
	return s.path
}

// has says what is in the files.
func (s *spill) has() string {
	if s.err != nil {
		return fmt.Sprintf("no file has them: %v", s.err)
	}
	text := "all that the cell has printed is in " + s.path
	if s.full {
		text = fmt.Sprintf("the first %s that the cell has printed are in %s", size(maxSpill), s.path)
	}
	if s.displays != nil {
		text += ", the displays are in " + s.displays.Name()
	}
	return text
}

func (s *spill) close() {
	for _, f := range []*os.File{s.text, s.displays} {
		if f != nil {
			s.err = errors.Join(s.err, f.Close())
		}
	}
	*s = spill{name: s.name, dir: s.dir}
}

const (
	folder = "gsmlab-output-"
	stale  = 7 * 24 * time.Hour
)

// Folder returns a function that makes one folder for the files of a session when it is first
// needed. The folder stays when the session has ended, because notebooks name its files. Folders
// older than a week are removed.
func Folder() func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		entries, _ := os.ReadDir(os.TempDir()) // nothing to read, nothing to remove
		for _, e := range entries {
			if info, err := e.Info(); err == nil && e.IsDir() && strings.HasPrefix(e.Name(), folder) && time.Since(info.ModTime()) > stale {
				os.RemoveAll(filepath.Join(os.TempDir(), e.Name())) // another user's folders stay
			}
		}
		return os.MkdirTemp("", folder)
	})
}
