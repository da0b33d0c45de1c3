// Package snapshot copies the variables of a model out of a store and back, in memory or as a file.
//
// A copy holds what makes up the model and nothing of its training: gsm.InModel decides. Tickets
// rewind to a copy of the initial weights; recipes put one network into many stores.
package snapshot

import (
	"cmp"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"gsmlab/gsm"
	"gsmlab/internal/atomicfile"
)

// Snapshot holds copies of a model's variables in their order, usually the initial ones. It leaves
// out the state of optimizers, trainers, metrics and the random generator, and includes batch-norm
// averages.
type Snapshot struct {
	variables []variable
}

type variable struct {
	path      string
	trainable bool
	value     *tensors.Tensor
}

// Take copies the model's variables, which must have values: build and run the model once before.
func Take(store *model.Store) (Snapshot, error) {
	var s Snapshot
	for _, v := range slices.Collect(store.IterVariables()) {
		if !gsm.InModel(store, v) {
			continue
		}
		if !v.HasValue() {
			return Snapshot{}, fmt.Errorf("snapshot: variable %q has no value yet: run the model once before taking a snapshot", v.Path())
		}
		value, err := v.Value()
		if err != nil {
			return Snapshot{}, fmt.Errorf("snapshot: reading %q: %w", v.Path(), err)
		}
		if value, err = value.LocalClone(); err != nil {
			return Snapshot{}, fmt.Errorf("snapshot: copying %q: %w", v.Path(), err)
		}
		s.variables = append(s.variables, variable{v.Path(), v.Trainable, value})
	}
	if len(s.variables) == 0 {
		return Snapshot{}, errors.New("snapshot: the store has no variable of a model: run the model once before taking a snapshot")
	}
	return s, nil
}

// Restore sets the variables of the store to those of the snapshot. It creates missing ones, in the
// order of the snapshot. A variable with a different shape is an error, and then nothing is
// changed.
func (s Snapshot) Restore(store *model.Store) error {
	for _, from := range s.variables {
		if v := store.GetVariable(from.path); v != nil && !v.Shape().Equal(from.value.Shape()) {
			return fmt.Errorf("snapshot: of another model: %q has shape %s, in the store %s", from.path, from.value.Shape(), v.Shape())
		}
	}
	for _, from := range s.variables {
		value, err := from.value.LocalClone()
		if err != nil {
			return fmt.Errorf("snapshot: copying %q: %w", from.path, err)
		}
		if v := store.GetVariable(from.path); v != nil {
			if err := v.SetValue(value); err != nil {
				return fmt.Errorf("snapshot: restoring %q: %w", from.path, err)
			}
			continue
		}
		v, err := store.CreateVariable(from.path, value)
		if err != nil {
			return fmt.Errorf("snapshot: restoring %q: %w", from.path, err)
		}
		v.SetTrainable(from.trainable)
	}
	return nil
}

// Digest identifies the snapshot's values: SHA-256, in hexadecimal digits, over the paths in
// ascending order, each with the shape and the values in memory.
func (s Snapshot) Digest() (string, error) {
	sum := sha256.New()
	for _, v := range slices.SortedFunc(slices.Values(s.variables), func(a, b variable) int { return cmp.Compare(a.path, b.path) }) {
		fmt.Fprintf(sum, "%s %s\n", v.path, v.value.Shape())
		if err := v.value.ConstBytes(func(data []byte) { sum.Write(data) }); err != nil {
			return "", fmt.Errorf("snapshot: reading %q: %w", v.path, err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Dims returns the dimensions of a variable of the snapshot.
func (s Snapshot) Dims(path string) ([]int, bool) {
	for _, v := range s.variables {
		if v.path == path {
			return v.value.Shape().Dimensions, true
		}
	}
	return nil, false
}

// A snapshot file is a gob stream: the header, then each tensor in GoMLX's own encoding.
type fileHeader struct {
	Format    string
	Paths     []string
	Trainable []bool
}

const fileFormat = "gsmlab snapshot 1"

// Save writes the snapshot to a file. An old file is replaced only when all of the new one is on
// disk.
func (s Snapshot) Save(path string) error {
	err := atomicfile.Write(path, func(w io.Writer) error { return s.encode(gob.NewEncoder(w)) })
	if err != nil {
		return fmt.Errorf("snapshot: saving to %s: %w", path, err)
	}
	return nil
}

func (s Snapshot) encode(enc *gob.Encoder) error {
	header := fileHeader{Format: fileFormat}
	for _, v := range s.variables {
		header.Paths = append(header.Paths, v.path)
		header.Trainable = append(header.Trainable, v.trainable)
	}
	if err := enc.Encode(header); err != nil {
		return err
	}
	for _, v := range s.variables {
		if err := v.value.GobSerialize(enc); err != nil {
			return err
		}
	}
	return nil
}

// Load reads a snapshot file.
func Load(path string) (Snapshot, error) {
	fail := func(err error) (Snapshot, error) {
		return Snapshot{}, fmt.Errorf("snapshot: %s: %w: the file is damaged or not a snapshot: start a new run", path, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return Snapshot{}, fmt.Errorf("snapshot: %w: it is written at the beginning of a run", err)
	}
	defer f.Close()
	dec := gob.NewDecoder(f)
	var header fileHeader
	if err := dec.Decode(&header); err != nil {
		return fail(err)
	}
	if header.Format != fileFormat || len(header.Paths) != len(header.Trainable) {
		return fail(fmt.Errorf("format %q", header.Format))
	}
	var s Snapshot
	for i, p := range header.Paths {
		value, err := decode(dec)
		if err != nil {
			return fail(fmt.Errorf("%s: %w", p, err))
		}
		s.variables = append(s.variables, variable{p, header.Trainable[i], value})
	}
	return s, nil
}

// decode reads one tensor. GoMLX trusts what it reads: it panics on an unknown dtype and takes any
// number of values for a shape.
func decode(dec *gob.Decoder) (*tensors.Tensor, error) {
	var value *tensors.Tensor
	var err error
	panicked := exceptions.TryCatch[error](func() {
		if value, err = tensors.GobDeserialize(dec); err != nil {
			return
		}
		n := -1
		err = value.ConstFlatData(func(flat any) { n = reflect.ValueOf(flat).Len() })
		if want := value.Shape().Size(); err == nil && n != want {
			err = fmt.Errorf("%d values for shape %s", n, value.Shape())
		}
	})
	return value, cmp.Or(panicked, err)
}
