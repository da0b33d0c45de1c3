package weights

// From a file into a store.

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Check compares the file with the variables of a network built in store: each needs a tensor of
// its shape, and no tensor may be left over.
func (f *File) Check(store *model.Store, name string) error {
	bindings, err := describe(store).bind(f.kernels)
	if err != nil {
		return err
	}
	have := map[string]entry{}
	for _, e := range f.entries {
		have[e.path] = e
	}
	for _, b := range bindings {
		e, ok := have[b.path]
		if b.counts() {
			delete(have, b.path)
			continue
		}
		if !ok {
			return f.errorf("no tensor %q, which %s has: are the weights of another network?", b.name, name)
		}
		if err := e.agrees(b, name); err != nil {
			return f.errorf("tensor %q %w", e.name, err)
		}
		delete(have, b.path)
	}
	for _, path := range slices.Sorted(maps.Keys(have)) {
		return f.errorf("tensor %q is none of %s: are the weights of another network?", have[path].name, name)
	}
	return nil
}

// agrees is an error if the entry does not belong to the variable, or is in a different order.
func (e entry) agrees(b binding, name string) error {
	switch {
	case b.layout != e.layout && b.layout != Native && e.layout != Native:
		return fmt.Errorf("was read as %v, and the variable %q of %s is %v: say so to Read, in Kernels", e.layout, b.path, name, b.layout)
	case !slices.Equal(e.dims, b.dims):
		return fmt.Errorf("has the shape of %v, %s wants %v (in the order of this program)", e.dims, name, b.dims)
	case e.dtype != b.dtype:
		return fmt.Errorf("has numbers of type %s, %s wants %s: give Read the network's Kernels.For", e.dtype, name, b.dtype)
	}
	return nil
}

// settled is the count of batches after which batch norm's averages have settled: GoMLX gives the
// first batches more weight if there were few.
const settled = 1e4

// Restore sets the store's variables and creates those that are missing. Numbers get the type of an
// existing variable. Check, once the network is built, tells whether the file has all of its
// variables and no others.
func (f *File) Restore(store *model.Store) error {
	if err := f.compare(store); err != nil {
		return err
	}
	paths := map[string]bool{}
	for _, e := range f.entries {
		paths[e.path] = true
	}
	entries := slices.Clone(f.entries)
	for _, e := range f.entries {
		scope, ok := strings.CutSuffix(e.path, "/mean")
		if counts := scope + "/avg_weight"; ok && !paths[counts] && strings.HasSuffix(scope, "/"+normScope) {
			c := entry{path: counts, name: e.name, dims: e.dims, dtype: e.dtype}
			for range len(e.data) * 8 / bits[e.dtype] {
				c.data = appendFloat(c.data, c.dtype, settled)
			}
			entries = append(entries, c)
		}
	}
	for _, e := range entries {
		if err := e.set(store); err != nil {
			return f.errorf("tensor %q: %w", e.name, err)
		}
	}
	return nil
}

// compare is an error if an existing variable has an order of axes that is unknown, or other than
// the one in which the file was read. Nothing is changed then.
func (f *File) compare(store *model.Store) error {
	net, k := describe(store), f.kernels
	if err := f.missed(net); err != nil {
		return err
	}
	for _, e := range f.entries {
		v, there := net[e.path]
		if !there {
			continue
		}
		if !slices.Equal(v.dims, e.dims) {
			return f.errorf("tensor %q: the variable %q has the shape %v, not %v", e.name, e.path, v.dims, e.dims)
		}
		if e.layout == Native || f.kernels.bound != nil {
			continue
		}
		if !e.assumed { // a note or the caller said so; only the store can contradict it
			k.Of = map[string]Layout{e.path: e.layout}
		} else {
			k.Of = f.kernels.Of
		}
		l, err := net.layout(v, k)
		if err != nil {
			return f.errorf("tensor %q: %w", e.name, err)
		}
		if l != e.layout {
			return f.errorf("tensor %q was read as %v, and the variable %q is %v: say so to Read, in Kernels", e.name, e.layout, e.path, l)
		}
	}
	return nil
}

// missed is an error if a tensor was read as a variable that does not exist, while the network has
// another variable of that name: the network would keep its initial values. This happens with
// embeddings, which look like a dense layer in the file.
func (f *File) missed(net variables) error {
	if !slices.ContainsFunc(f.entries, func(e entry) bool { return !net.has(e.path) }) {
		return nil
	}
	k := f.kernels
	if k.Conv == Unknown {
		k.Conv = ChannelsLast // names do not depend on it
	}
	if k.Dense == Unknown {
		k.Dense = InputsFirst
	}
	bindings, err := net.bind(k)
	if err != nil {
		return nil // some other network that is in the store has no names
	}
	named := map[string]string{}
	for _, b := range bindings {
		named[b.name] = b.path
	}
	for _, e := range f.entries {
		if path, ok := named[e.name]; ok && path != e.path && !net.has(e.path) {
			return f.errorf("tensor %q was read as the variable %q, and the network in the store has %q: give Read the network's Kernels.For", e.name, e.path, path)
		}
	}
	return nil
}

// set gives a variable its value.
func (e entry) set(store *model.Store) error {
	v := store.GetVariable(e.path)
	dtype := e.dtype
	if v != nil {
		if !slices.Equal(v.Shape().Dimensions, e.dims) {
			return fmt.Errorf("the variable %q has the shape %v, not %v", e.path, v.Shape().Dimensions, e.dims)
		}
		if dtype = typeName(v.DType()); dtype == "" {
			return fmt.Errorf("the variable %q is of a type that such files do not have", e.path)
		}
	}
	data, err := convert(e.data, e.dtype, dtype)
	if err != nil {
		return fmt.Errorf("the variable %q: %w", e.path, err)
	}
	value := tensors.FromShape(shapes.Make(goTypes[dtype], e.dims...))
	if err := value.MutableBytes(func(to []byte) { copy(to, data) }); err != nil {
		return err
	}
	if v != nil {
		return v.SetValue(value)
	}
	if v, err = store.CreateVariable(e.path, value); err != nil {
		return err
	}
	v.SetTrainable(e.trainable)
	return nil
}
