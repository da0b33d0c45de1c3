package engine

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what was seen into the transcripts")

// shared is the session of all tests that do not need their own.
var shared *Engine

func TestMain(m *testing.M) {
	code := m.Run()
	if shared != nil {
		if err := shared.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func start(t testing.TB) *Engine {
	t.Helper()
	if testing.Short() {
		t.Skip("builds cells")
	}
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	s, err := New(context.Background(), Options{Grace: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ownSession is a session that the test may close and whose module it may change.
func ownSession(t testing.TB) *Engine {
	t.Helper()
	s := start(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// besideOthers is a session for a test that waits more than it computes, and that runs beside
// others.
func besideOthers(t *testing.T) *Engine {
	t.Helper()
	t.Parallel()
	return ownSession(t)
}

// newTestSession is a session in a new state: a new worker, no names, no settings, cells that count
// from 1.
func newTestSession(t testing.TB) *Engine {
	t.Helper()
	if shared == nil {
		shared = start(t)
		return shared
	}
	fresh(t, shared)
	return shared
}

// fresh restarts a session from the beginning.
func fresh(t testing.TB, s *Engine) {
	t.Helper()
	var err error
	if s.setting, err = newSetting(); err != nil {
		t.Fatal(err)
	}
	s.number, s.hidden, s.args, s.began, s.building = 0, 0, nil, nil, false
	s.show.mu.Lock()
	s.show.displayed = map[string]bool{}
	s.show.mu.Unlock()
	if err := s.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// smallStack makes a stack overflow come soon, because filling and unwinding 256 MB takes seconds.
const smallStack = "import \"runtime/debug\"\nfunc init() { debug.SetMaxStack(32 << 20) }"

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
				fresh(t, s)
				if strings.Contains(string(f.Data), "stack overflow") {
					if err := s.hiddenCell(context.Background(), smallStack); err != nil {
						t.Fatal(err)
					}
				}
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

func TestCloseDoesNotWaitForACell(t *testing.T) {
	s := besideOthers(t)
	began := make(chan bool, 1)
	s.began = func() { began <- true }
	ended := make(chan error)
	go func() { ended <- s.Execute(context.Background(), "select {}", &transcript{}) }()
	<-began
	go s.Close()
	if err := <-ended; err != errClosed {
		t.Errorf("the cell ended by %v, want %v", err, errClosed)
	}
	if err := s.Execute(context.Background(), "1", &transcript{}); err != errClosed {
		t.Errorf("a later cell ended by %v, want %v", err, errClosed)
	}
}
