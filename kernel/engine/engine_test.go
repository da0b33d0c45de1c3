package engine

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what was seen into the transcripts")

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

func TestCloseDoesNotWaitForACell(t *testing.T) {
	s := newTestSession(t)
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
