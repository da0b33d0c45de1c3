package snapshot_test

import (
	"bytes"
	"encoding/gob"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm/snapshot"
)

// snapshotFile returns the bytes of a small snapshot.
func snapshotFile(tb testing.TB) []byte {
	store := model.NewStore()
	store.VariableWithValue("/a/kernel", tensors.FromFlatDataAndDimensions([]float32{1, 2, 3, float32(math.Inf(1)), 0, -1}, 2, 3))
	store.VariableWithValue("/a/bias", []float64{4, 5, 6})
	s, err := snapshot.Take(store)
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "s")
	if err := s.Save(path); err != nil {
		tb.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func load(tb testing.TB, data []byte) (snapshot.Snapshot, error) {
	path := filepath.Join(tb.TempDir(), "s")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return snapshot.Load(path)
}

func TestLoadCutOff(t *testing.T) {
	data := snapshotFile(t)
	for n := range data {
		if _, err := load(t, data[:n]); err == nil {
			t.Errorf("%d of %d bytes were taken for a snapshot", n, len(data))
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%d bytes: the error has more than one line: %v", n, err)
		}
	}
	_, err := snapshot.Load(filepath.Join(t.TempDir(), "none"))
	if err == nil || !strings.HasPrefix(err.Error(), "snapshot: open ") {
		t.Errorf("error %v", err)
	}
}

// A tensor whose values do not fill its shape must not get into a store.
func TestLoadWrongSize(t *testing.T) {
	var b bytes.Buffer
	enc := gob.NewEncoder(&b)
	header := struct {
		Format    string
		Paths     []string
		Trainable []bool
	}{"gsmlab snapshot 1", []string{"/w"}, []bool{true}}
	shape := tensors.FromFlatDataAndDimensions([]float32{1, 2, 3, 4}, 4).Shape()
	if err := enc.Encode(header); err != nil {
		t.Fatal(err)
	}
	if err := shape.GobSerialize(enc); err != nil {
		t.Fatal(err)
	}
	if err := enc.Encode([]float32{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, b.Bytes()); err == nil || !strings.Contains(err.Error(), "/w: 3 values for shape") {
		t.Errorf("error %v", err)
	}
}

func TestSaveNowhere(t *testing.T) {
	store := model.NewStore()
	store.VariableWithValue("/w", []float32{1})
	s, err := snapshot.Take(store)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Save(filepath.Join(t.TempDir(), "no", "such", "folder")); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}

// FuzzLoad: whatever a file holds, Load does not panic, and what it returns can be restored.
func FuzzLoad(f *testing.F) {
	data := snapshotFile(f)
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte("GSMMASK1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := load(t, data)
		if err != nil {
			return
		}
		if err := s.Restore(model.NewStore()); err != nil && !strings.HasPrefix(err.Error(), "snapshot: ") {
			t.Errorf("error %v", err)
		}
	})
}
