package recipe

import (
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
)

type snap struct {
	paths []string
	vals  []*tensors.Tensor
}

func takeSnap(store *model.Store) (*snap, error) {
	s := &snap{}
	for v := range store.IterVariables() {
		if v.Trainable && !gsm.IsState(v) {
			t, err := v.MustValue().LocalClone()
			if err != nil {
				return nil, err
			}
			s.paths = append(s.paths, v.Path())
			s.vals = append(s.vals, t)
		}
	}
	return s, nil
}

func (s *snap) Restore(store *model.Store) error {
	for i, p := range s.paths {
		t, err := s.vals[i].LocalClone()
		if err != nil {
			return err
		}
		if _, err := store.CreateVariable(p, t); err != nil {
			return err
		}
	}
	return nil
}
func (s *snap) Save(path string) error { return nil }
