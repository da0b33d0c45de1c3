// Package keep lets the worker save tensors and model stores of GoMLX in the files of GoMLX itself.
// The engine loads it into the worker before it saves or loads variables that hold them.
package keep

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"

	"gsmlab/kernel/engine/rt"
)

func init() {
	rt.AddCodec(reflect.TypeFor[*tensors.Tensor](), rt.Codec{
		Save: func(v any, path string) error { return v.(*tensors.Tensor).Save(path) },
		Load: func(_ any, path string) (any, error) { return tensors.Load(path) },
	})
	rt.AddCodec(reflect.TypeFor[*model.Store](), rt.Codec{
		Save: func(v any, path string) error { return saveStore(v.(*model.Store), path) },
		Load: func(old any, path string) (any, error) {
			store, _ := old.(*model.Store)
			return loadStore(store, path)
		},
	})
}

// variable is what GoMLX's checkpoints do not hold: the order, and what is trained.
type variable struct {
	Path      string
	Trainable bool
}

const orderFile = "order.json"

func saveStore(store *model.Store, path string) error {
	before := store.Loader()
	config := checkpoint.Build(store).Dir(path)
	var order []variable
	size := int64(0)
	for v := range store.IterVariables() {
		if !v.HasValue() {
			config.ExcludeVars(v)
			continue
		}
		order = append(order, variable{v.Path(), v.Trainable})
		size = max(size, v.Shape().ByteSize())
	}
	for path, value := range store.IterParams() {
		if _, err := json.Marshal(value); err != nil {
			return fmt.Errorf("its parameter %s is a %T, which cannot be saved", path, value)
		}
	}
	if size > 0 && size < 1<<30 { // GoMLX reads others only from compressed files
		config.WithCompression(checkpoint.BinUncompressed)
	}
	h, err := config.Done()
	store.SetLoader(before) // the handler is for this one save
	if err != nil {
		return err
	}
	if err := h.Save(); err != nil {
		return err
	}
	data, err := json.Marshal(order)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(path, orderFile), data, 0o600)
}

// loadStore sets the variables of a store, so that trainers and executors that have it see them, or
// makes a new one.
func loadStore(store *model.Store, path string) (*model.Store, error) {
	data, err := os.ReadFile(filepath.Join(path, orderFile))
	if err != nil {
		return nil, err
	}
	var order []variable
	if err := json.Unmarshal(data, &order); err != nil {
		return nil, err
	}
	saved := model.NewStore()
	if _, err := checkpoint.Load(saved).Dir(path).Done(); err != nil {
		return nil, err
	}
	for _, v := range order {
		from := saved.GetVariable(v.Path) // loads it
		if from == nil {
			return nil, fmt.Errorf("the variable %s is missing", v.Path)
		}
		from.Trainable = v.Trainable
	}
	saved.SetLoader(nil)
	if store == nil {
		return saved, nil
	}
	for _, v := range order {
		if have := store.GetVariable(v.Path); have != nil && !have.Shape().Equal(saved.GetVariable(v.Path).Shape()) {
			return nil, fmt.Errorf("the variable %s of the store has the shape %s, and had %s when it was saved", v.Path, have.Shape(), saved.GetVariable(v.Path).Shape())
		}
	}
	for _, v := range order {
		from := saved.GetVariable(v.Path)
		value, err := from.Value()
		if err != nil {
			return nil, err
		}
		to := store.GetVariable(v.Path)
		if to == nil {
			to, err = store.CreateVariable(v.Path, value)
		} else {
			err = to.SetValue(value)
		}
		if err != nil {
			return nil, err
		}
		to.Trainable = v.Trainable
	}
	for path, value := range saved.IterParams() {
		store.SetParam(path, value)
	}
	return store, nil
}
