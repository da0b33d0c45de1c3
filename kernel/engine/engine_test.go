package engine

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what was seen into the transcripts")

// transcript collects what a session shows.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (t *transcript) add(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.WriteString(s)
}
func (t *transcript) Stdout(s string)                                     { t.add(s) }
func (t *transcript) Stderr(s string)                                     { t.add(s) }
func (t *transcript) Result(b Bundle)                                     { t.add("= " + b.Text() + "\n") }
func (t *transcript) Display(d Display)                                   { t.add("[display]\n") }
func (t *transcript) Clear(bool)                                          {}
func (t *transcript) Page(b Bundle)                                       { t.add(b.Text() + "\n") }
func (t *transcript) Input(context.Context, string, bool) (string, error) { return "", ErrNoInput }
func (t *transcript) Note(s string)                                       { t.add("note: " + s + "\n") }
func (t *transcript) String() string                                      { t.mu.Lock(); defer t.mu.Unlock(); return t.text.String() }

func newTestSession(t testing.TB) *session {
	t.Helper()
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	s, err := newSession(context.Background(), Options{Grace: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// cells splits a transcript: lines "> " start a cell, ". " go on with it, others are what it shows.
func cells(text string) (codes []string) {
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "> "):
			codes = append(codes, line[2:])
		case strings.HasPrefix(line, ". ") && len(codes) > 0:
			codes[len(codes)-1] += line[2:]
		}
	}
	return codes
}

// replay runs the cells of a transcript and returns the transcript as it came out. `%interrupt 100ms`
// interrupts the next cell after that time.
func replay(s *session, text string) string {
	var out strings.Builder
	var after time.Duration
	for _, code := range cells(text) {
		out.WriteString("> " + strings.TrimSuffix(strings.ReplaceAll(code, "\n", "\n. "), ". "))
		if rest, ok := strings.CutPrefix(code, "%interrupt "); ok {
			after, _ = time.ParseDuration(strings.TrimSpace(rest))
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		if after > 0 {
			wait := after
			s.began = func() { time.AfterFunc(wait, cancel) }
			after = 0
		}
		var seen transcript
		err := s.Execute(ctx, code, &seen)
		cancel()
		s.began = nil
		shown := seen.String()
		var cell *CellError
		if errors.As(err, &cell) && cell.Kind == "crash" { // the runtime's dump is of no interest here
			shown = ""
		}
		out.WriteString(shown)
		if err != nil {
			if shown != "" && !strings.HasSuffix(shown, "\n") {
				out.WriteString("\n")
			}
			fmt.Fprintf(&out, "! %s\n", strings.ReplaceAll(err.Error(), "\n", "\n! "))
			if cell != nil && len(cell.Trace) > 0 {
				fmt.Fprintf(&out, "  at %s\n", strings.Join(cell.Trace, " "))
			}
		}
	}
	return out.String()
}

func TestTranscripts(t *testing.T) {
	s := newTestSession(t)
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, path := range files {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range a.Files {
			t.Run(filepath.Base(path)+"/"+f.Name, func(t *testing.T) {
				if err := s.Restart(context.Background()); err != nil {
					t.Fatal(err)
				}
				s.number = 0
				s.tools.forgetCells()
				got := replay(s, string(f.Data))
				if *update {
					a.Files[i].Data = []byte(got)
				} else if got != string(f.Data) {
					t.Errorf("got:\n%s\nwant:\n%s", got, f.Data)
				}
			})
		}
		if *update {
			if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
