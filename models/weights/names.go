package weights

// The names that PyTorch gives to the variables of GoMLX's layers.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Parts of the paths of variables, as GoMLX's layers choose them.
const (
	normScope      = "batch_normalization"
	layerNormScope = "layer_normalization"
	denseScope     = "dense"
)

// binding says what PyTorch calls a variable, and in which order its axes are here.
type binding struct {
	variable
	name   string
	module string // PyTorch's module, "" for a variable that keeps GoMLX's name there
	layout Layout
}

// counts tells whether the variable is the count of batches that the averages of batch norm stand
// for.
func (b binding) counts() bool { return b.module != "" && b.base == "avg_weight" }

// The families of layers whose variables have names in PyTorch, by our names of the variables.
var families = map[string]map[string]string{
	"kernel":    {"weights": "weight", "biases": "bias"},
	normScope:   {"scale": "weight", "offset": "bias", "mean": "running_mean", "variance": "running_var", "avg_weight": "num_batches_tracked"},
	"layerNorm": {"gain": "weight", "offset": "bias"},
	"embedding": {"embeddings": "weight"},
}

// family finds the kind of layer to which a variable belongs, or "" if PyTorch has no name for it.
func (net variables) family(v variable, layouts map[string]Layout) string {
	rank := len(v.dims)
	switch v.base {
	case "weights":
		if layouts[v.path] != Native {
			return "kernel"
		}
	case "biases":
		if l, ok := layouts[v.dir+"/weights"]; ok && l != Native || !ok && rank == 1 {
			return "kernel"
		}
	case "embeddings":
		if rank == 2 {
			return "embedding"
		}
	case "gain", "offset", "scale", "mean", "variance", "avg_weight":
		norm := strings.HasSuffix(v.dir, "/"+normScope) || net.has(v.dir+"/mean") && net.has(v.dir+"/variance") && net.has(v.dir+"/avg_weight")
		if norm && v.base != "gain" && rank == 1 {
			return normScope
		}
		if families["layerNorm"][v.base] != "" && strings.HasSuffix(v.dir, "/"+layerNormScope) {
			return "layerNorm"
		}
	}
	return ""
}

// layer is a group of variables that share a PyTorch module.
type layer struct{ dir, family string }

// module is the layer's path, without the scope that its kind of layer makes.
func (l layer) module(short bool) string {
	dir := l.dir
	if short {
		scope := map[string]string{"kernel": denseScope, normScope: normScope, "layerNorm": layerNormScope}[l.family]
		dir = strings.TrimSuffix(dir, "/"+scope)
	}
	return strings.TrimPrefix(dir, "/")
}

// bind names every variable and finds the order of its axes, sorted by path.
func (net variables) bind(k Kernels) ([]binding, error) {
	layouts := map[string]Layout{}
	for _, path := range slices.Sorted(maps.Keys(k.Of)) {
		if k.Of[path] != Unknown && !net.has(path) {
			return nil, fmt.Errorf("weights: Kernels.Of speaks of %q, which the store has not", path)
		}
	}
	paths := slices.Sorted(maps.Keys(net))
	for _, path := range paths {
		if v := net[path]; v.base == "weights" || k.Of[path] != Unknown {
			l, err := net.layout(v, k)
			if err != nil {
				return nil, fmt.Errorf("weights: %w", err)
			}
			layouts[path] = l
		}
	}
	layers := map[string]layer{}
	for _, path := range paths {
		if f := net.family(net[path], layouts); f != "" {
			layers[path] = layer{net[path].dir, f}
		}
	}
	modules := settle(slices.Collect(maps.Values(layers)))
	bindings := make([]binding, 0, len(net))
	taken := map[string]string{}
	for _, path := range paths {
		v := net[path]
		b := binding{variable: v, name: nativeName(path), layout: layouts[path]}
		l, named := layers[path]
		if module, ok := modules[l]; named && ok {
			b.module = strings.ReplaceAll(module, "/", ".")
			b.name = strings.TrimPrefix(b.module+"."+families[l.family][v.base], ".")
			if b.module == "" {
				b.module = "." // the root
			}
		}
		if b.layout == Unknown {
			b.layout = Native
		}
		if other, double := taken[b.name]; double {
			return nil, fmt.Errorf("weights: the variables %q and %q would both be the tensor %q: rename a scope of one", other, path, b.name)
		}
		if taken[b.name] = path; b.name == metaKey {
			return nil, fmt.Errorf("weights: the variable %q would be the tensor %q, a name that the format keeps for itself: put it in a scope", path, b.name)
		}
		bindings = append(bindings, b)
	}
	return bindings, nil
}

// settle gives each layer a separate module. If two layers would have the same module without the
// scopes that GoMLX's layers make, such as /a/weights and /a/dense/weights, those scopes stay in
// the name: a and a.dense. A layer that still shares its scope with a kernel has no module: its
// tensors have GoMLX's names.
func settle(layers []layer) map[layer]string {
	modules := map[layer]string{}
	for _, l := range layers {
		modules[l] = l.module(true)
	}
	for {
		claims := map[string][]layer{}
		for l, module := range modules {
			claims[module] = append(claims[module], l)
		}
		changed := false
		for _, claim := range claims {
			if len(claim) == 1 {
				continue
			}
			long := slices.ContainsFunc(claim, func(l layer) bool { return modules[l] != l.module(false) })
			for _, l := range claim {
				switch {
				case modules[l] != l.module(false):
					modules[l], changed = l.module(false), true
				case !long && l.family != "kernel":
					delete(modules, l)
					changed = true
				}
			}
		}
		if !changed {
			return modules
		}
	}
}

// nativeName is the name of a tensor that keeps GoMLX's name.
func nativeName(path string) string { return strings.ReplaceAll(path[1:], "/", ".") }
