package weights

// What the caller says about the order of axes, and what the store shows of it.

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gsmlab/gsm"
)

// Kernels says in which order the axes of a network's kernels are, where the store does not show
// it.
//
// A store shows the order if there is a bias: a kernel [3, 3, 16, 32] with 32 biases has its
// outputs last. It does not if the kernel has no bias, or as many inputs as outputs. The zero value
// knows nothing more, and such a kernel is refused, because a wrong order could not be noticed
// later. GoMLX() is right for networks that use neither ChannelsFirst nor DenseLayoutOutputsInput.
type Kernels struct {
	Conv  Layout            // of all convolutions: ChannelsLast or ChannelsFirst
	Dense Layout            // of all dense layers: InputsFirst or OutputsFirst
	Of    map[string]Layout // of single variables, by path; takes precedence over Conv and Dense

	bound map[string]binding // of a known network, by the names of tensors
}

// GoMLX is the order that GoMLX's layers give their kernels by default.
func GoMLX() Kernels { return Kernels{Conv: ChannelsLast, Dense: InputsFirst} }

// For returns the kernels with everything that can be known about the network in store, such as
// which tensor belongs to an embedding or to layer norm, which the names in a file do not tell. The
// variables need no values yet. If the order of a kernel's axes is not known, that is an error.
func (k Kernels) For(store *model.Store) (Kernels, error) {
	if err := waiting(store); err != nil {
		return k, err
	}
	bindings, err := describe(store).bind(k)
	if err != nil {
		return k, err
	}
	k.bound = map[string]binding{}
	for _, b := range bindings {
		if !b.counts() { // files count batches in another way
			k.bound[b.name] = b
		}
	}
	return k, nil
}

// only returns what the caller said, at most one value.
func only(kernels []Kernels) (Kernels, error) {
	if len(kernels) > 1 {
		return Kernels{}, fmt.Errorf("weights: %d values of Kernels: give one at most", len(kernels))
	}
	var k Kernels
	if len(kernels) == 1 {
		k = kernels[0]
	}
	if k.Conv != Unknown && !k.Conv.conv() {
		return k, fmt.Errorf("weights: Kernels.Conv is %v: it must be %v or %v", k.Conv, ChannelsLast, ChannelsFirst)
	}
	if k.Dense != Unknown && !k.Dense.dense() {
		return k, fmt.Errorf("weights: Kernels.Dense is %v: it must be %v or %v", k.Dense, InputsFirst, OutputsFirst)
	}
	return k, nil
}

// variables are those of a model, by path, without those that only training needs.
type variables map[string]variable

// variable is one variable of a network.
type variable struct {
	path, dir, base string // dir + "/" + base is path
	dims            []int
	dtype           string // in the words of files; "" if they do not know it
	trainable       bool
}

// describe lists the variables of a store.
func describe(store *model.Store) variables {
	net := variables{}
	for v := range store.IterVariables() {
		if !gsm.InModel(store, v) {
			continue
		}
		i := strings.LastIndexByte(v.Path(), '/')
		net[v.Path()] = variable{
			path: v.Path(), dir: v.Path()[:i], base: v.Path()[i+1:],
			dims: v.Shape().Dimensions, dtype: typeName(v.DType()), trainable: v.Trainable,
		}
	}
	return net
}

// waiting is an error if a checkpoint was opened whose variables no graph has read yet: they are
// not in the store.
func waiting(store *model.Store) error {
	loader, ok := store.Loader().(interface {
		LoadedVariables() map[string]*tensors.Tensor
	})
	if !ok {
		return nil
	}
	for _, path := range slices.Sorted(maps.Keys(loader.LoadedVariables())) {
		_, path, _ := strings.Cut(path, "/") // checkpoints have a prefix before the path
		path = "/" + path
		if !stateAt(path) {
			return fmt.Errorf("weights: the checkpoint has a variable %q that is not in the store yet: open it with Immediate", path)
		}
	}
	return nil
}

// stateAt is gsm.IsState for a variable that does not exist yet.
func stateAt(path string) bool {
	v, err := model.NewStore().CreateVariable(path, tensors.FromScalar(float32(0)))
	return err == nil && gsm.IsState(v)
}

func (net variables) has(path string) bool {
	_, ok := net[path]
	return ok
}

// layout finds the order of a kernel's axes, from its biases, from the scopes that GoMLX's layers
// make, and from what the caller says.
func (net variables) layout(v variable, k Kernels) (Layout, error) {
	rank := len(v.dims)
	said := k.Of[v.path]
	if said != Unknown && !said.fits(rank) {
		return Unknown, fmt.Errorf("%q cannot be %v: its shape is %v", v.path, said, v.dims)
	}
	if said == Native || rank < 2 && said == Unknown {
		return Native, nil
	}
	possible, ensemble := net.possible(v)
	if said == Unknown && ensemble {
		return Native, nil
	}
	if said != Unknown {
		possible = []Layout{said}
	}
	shown := possible
	bias, biased := net[v.dir+"/biases"]
	if biased {
		shown = slices.DeleteFunc(slices.Clone(possible), func(l Layout) bool {
			return l != Native && !slices.Equal(l.outputs(v.dims), bias.dims)
		})
	}
	for _, l := range shown {
		if (l == k.Conv || l == k.Dense) && !slices.Contains(shown, Native) {
			return l, nil
		}
	}
	general := len(shown) == 1 && (shown[0].conv() && k.Conv != Unknown || shown[0].dense() && k.Dense != Unknown)
	switch {
	case len(shown) == 0:
		return Unknown, fmt.Errorf("%q has the shape %v and its biases %v, which no kernel of the layout %v has: say its layout in Kernels.Of (%v keeps it as it is)",
			v.path, v.dims, bias.dims, join(possible), Native)
	case general && said == Unknown:
		return Unknown, fmt.Errorf("%q with the shape %v and biases %v is %v, against what Kernels say of all: say its layout in Kernels.Of",
			v.path, v.dims, bias.dims, join(shown))
	case len(shown) > 1:
		return Unknown, fmt.Errorf("%q of shape %v may be %v, and the store does not show which: say it in Kernels (GoMLX() for layers built by GoMLX's defaults; %v in Of keeps it as it is)",
			v.path, v.dims, join(shown), Native)
	}
	return shown[0], nil
}

func join(layouts []Layout) string {
	var names []string
	for _, l := range layouts {
		names = append(names, l.String())
	}
	return strings.Join(names, " or ")
}

// possible lists the layouts that GoMLX's layers give a kernel in such a scope. ensemble says that
// it belongs to one of fnn's ensembles, whose members each have a kernel.
func (net variables) possible(v variable) (layouts []Layout, ensemble bool) {
	rank := len(v.dims)
	i := strings.LastIndexByte(v.dir, '/')
	parent, scope := v.dir[:max(i, 0)], v.dir[i+1:]
	switch {
	case strings.HasPrefix(scope, "vnn_") && rank == 2:
		return []Layout{InputsFirst}, false
	case rank == 2:
		return []Layout{InputsFirst, OutputsFirst}, false
	case strings.HasPrefix(scope, "fnn_hidden_layer_"): // has one axis of outputs
		return nil, true
	case scope == "fnn_output_layer":
		if hidden, ok := net[parent+"/fnn_hidden_layer_0/weights"]; ok {
			return []Layout{InputsFirst, OutputsFirst}, len(hidden.dims) > 2
		}
		if bias, ok := net[v.dir+"/biases"]; ok && len(bias.dims) > 0 && bias.dims[0] != v.dims[0] {
			return []Layout{InputsFirst, OutputsFirst}, false
		}
		return []Layout{InputsFirst, OutputsFirst, Native}, false // or an ensemble
	}
	return []Layout{ChannelsLast, ChannelsFirst}, false
}
