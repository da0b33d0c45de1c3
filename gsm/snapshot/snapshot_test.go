package snapshot_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gsmlab/gsm"
	"gsmlab/gsm/snapshot"
)

// network returns a store with a model and with the state that training leaves beside it.
func network(t *testing.T) *model.Store {
	t.Helper()
	store := model.NewStore()
	store.VariableWithValue("/readout/weights", [][]float32{{1, 2}, {3, 4}})
	store.VariableWithValue("/hidden/weights", [][]float64{{5, 6}})
	// What batch norm keeps belongs to the model; what training keeps does not.
	store.VariableWithValue("/norm/mean", []float32{1, 2}).SetTrainable(false)
	store.VariableWithValue("/"+optimizer.AdamDefaultScope+"/hidden/weights_1st_moment", [][]float64{{7, 8}}).SetTrainable(false)
	store.VariableWithValue(optimizer.GlobalStepVariableName, int64(3)).SetTrainable(false)
	return store
}

var modelPaths = []string{"/readout/weights", "/hidden/weights", "/norm/mean"}

// sameValues fails where the model's variables of the two stores differ.
func sameValues(t *testing.T, got, want *model.Store) {
	t.Helper()
	for _, path := range modelPaths {
		g, w := got.GetVariable(path), want.GetVariable(path)
		if g == nil || !g.MustValue().Equal(w.MustValue()) || g.Trainable != w.Trainable {
			t.Errorf("%s is %v, want %v", path, g, w)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	store := network(t)
	s, err := snapshot.Take(store)
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/init.snapshot"
	if err := s.Save(path); err != nil {
		t.Fatal(err)
	}
	loaded, err := snapshot.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	fresh := model.NewStore()
	if err := loaded.Restore(fresh); err != nil {
		t.Fatal(err)
	}
	sameValues(t, fresh, store)
	if n := fresh.NumVariables(); n != len(modelPaths) {
		t.Errorf("%d variables, want %d", n, len(modelPaths))
	}
	for i, v := range gsm.Prunable(store, nil) { // order is kept, so masks fit
		if got := gsm.Prunable(fresh, nil)[i].Path(); got != v.Path() {
			t.Errorf("layer %d is %s, want %s", i, got, v.Path())
		}
	}
	if dims, ok := loaded.Dims("/hidden/weights"); !ok || !slices.Equal(dims, []int{1, 2}) {
		t.Errorf("shape %v, %t", dims, ok)
	}
	one, err := s.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if two, err := loaded.Digest(); err != nil || one != two {
		t.Errorf("digests %s and %s, error %v", one, two, err)
	}
}

// A snapshot is a copy: later training does not change it, nor does a change of the store it came
// from.
func TestSnapshotIsACopy(t *testing.T) {
	store := network(t)
	s, err := snapshot.Take(store)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.GetVariable("/norm/mean").SetValue(tensors.FromValue([]float32{9, 9})); err != nil {
		t.Fatal(err)
	}
	if err := s.Restore(store); err != nil {
		t.Fatal(err)
	}
	sameValues(t, store, network(t))
}

func TestAnotherModel(t *testing.T) {
	s, err := snapshot.Take(network(t))
	if err != nil {
		t.Fatal(err)
	}
	other := model.NewStore()
	other.VariableWithValue("/norm/mean", []float32{1, 2, 3})
	if err := s.Restore(other); err == nil || !strings.Contains(err.Error(), "snapshot: of another model") || other.NumVariables() != 1 {
		t.Errorf("error %v, %d variables", err, other.NumVariables())
	}
	if _, err := snapshot.Take(model.NewStore()); err == nil {
		t.Error("an empty store gave a snapshot")
	}
	empty := model.NewStore()
	empty.VariableWithShape("/w", shapes.Make(dtypes.Float32, 2), graph.Zeros)
	message := `snapshot: variable "/w" has no value yet: run the model once before taking a snapshot`
	if _, err := snapshot.Take(empty); err == nil || err.Error() != message {
		t.Errorf("error %v, want %s", err, message)
	}
}
