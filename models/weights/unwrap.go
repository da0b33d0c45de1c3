package weights

// What other people's training leaves around a network's names and values: wrappers of modules,
// masks of pruning, weights computed from others, counts.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// wrappers are parts of names that stand for a wrapped module wherever they occur.
var wrappers = []string{"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}

// unwrap gives the tensors their names in the bare network, and resolves what pruning made of them.
// bound is the network that the caller knows, or nil.
func unwrap(list []tensor, c *content, bound map[string]binding) (map[string]tensor, error) {
	bare, origin := map[string]tensor{}, map[string]string{}
	for _, t := range list {
		name := t.name
		if _, known := bound[name]; !known {
			parts := slices.DeleteFunc(strings.Split(name, "."), func(s string) bool { return slices.Contains(wrappers, s) })
			name = strings.Join(parts, ".")
		}
		if other, double := origin[name]; double {
			return nil, fmt.Errorf("the tensors %q and %q are both %q without what wraps the network: delete one", other, t.name, name)
		}
		origin[name] = t.name
		bare[name] = t
	}
	bare, err := unprefix(bare, bound)
	if err != nil {
		return nil, err
	}
	for name, t := range bare {
		t.name = name
		bare[name] = t
	}
	tied(bare, c)
	if err := computed(bare, bound); err != nil {
		return nil, err
	}
	if err := pruned(bare, bound); err != nil {
		return nil, err
	}
	for name, t := range bare {
		_, kind := cutLast(name)
		if _, known := bound[name]; !known && (kind == "num_batches_tracked" || kind == "n_averaged") && isInt(t.dtype) && len(t.data)*8 == bits[t.dtype] {
			delete(bare, name)
		}
	}
	return bare, nil
}

// unprefix removes what all names begin with: "module.", and whatever else must go to give the
// names of the network that the caller knows.
func unprefix(bare map[string]tensor, bound map[string]binding) (map[string]tensor, error) {
	for _, name := range slices.Sorted(maps.Keys(bare)) {
		if _, both := bare["module."+name]; both && bound["module."+name].name == "" {
			return nil, fmt.Errorf("the tensors %q and %q are one of two networks each: leave one network in the file", "module."+name, name)
		}
	}
	matches := func(names map[string]tensor) (n int) {
		for name := range bound {
			if _, ok := names[name]; ok {
				n++
			}
		}
		return n
	}
	best, found := bare, matches(bare)
	if bound != nil {
		for next := strip(bare, ""); next != nil; next = strip(next, "") {
			if n := matches(next); n > found {
				best, found = next, n
			}
		}
		if found > 0 && found == len(bound) {
			return best, nil
		}
	}
	if inner := strip(best, "module."); inner != nil {
		return inner, nil
	}
	with, without := "", ""
	for _, name := range slices.Sorted(maps.Keys(best)) {
		switch {
		case strings.HasPrefix(name, "module."):
			with = name
		case !strings.HasSuffix(name, "n_averaged"):
			without = name
		}
	}
	if with != "" && without != "" {
		return nil, fmt.Errorf("the name of the tensor %q begins with %q and that of %q does not: are they two networks? Leave one in the file", with, "module.", without)
	}
	return best, nil
}

// strip removes the prefix from all names, or their common first part if prefix is "". It returns
// nil if they lack it. The count of averaged networks is not under the prefix.
func strip(names map[string]tensor, prefix string) map[string]tensor {
	out := map[string]tensor{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if name == "n_averaged" {
			continue
		}
		if prefix == "" {
			first, _, more := strings.Cut(name, ".")
			if !more {
				return nil
			}
			prefix = first + "."
		}
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || rest == "" {
			return nil
		}
		out[rest] = names[name]
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// tied adds the tensors that a file leaves out because another one has the same numbers. The file's
// metadata says so, under the missing name.
func tied(bare map[string]tensor, c *content) {
	for missing, kept := range c.meta {
		t, ok := bare[kept]
		if _, there := bare[missing]; ok && !there && strings.Contains(missing, ".") {
			t.name = missing
			bare[missing] = t
		}
	}
}

// computed refuses weights that PyTorch computes from tensors in the file.
func computed(bare map[string]tensor, bound map[string]binding) error {
	for _, name := range slices.Sorted(maps.Keys(bare)) {
		if _, known := bound[name]; known {
			continue
		}
		has := func(name string) bool { _, ok := bare[name]; return ok }
		stem, g := strings.CutSuffix(name, "_g")
		orig, isOrig := strings.CutSuffix(name, "_orig")
		switch {
		case strings.Contains("."+name, ".parametrizations."):
			return fmt.Errorf("tensor %q: a parametrized weight, whose value the file does not have: save the network after torch.nn.utils.parametrize.remove_parametrizations", name)
		case g && has(stem+"_v"):
			return fmt.Errorf("tensor %q: a weight in weight normalization, in two parts: save the network after torch.nn.utils.remove_weight_norm", name)
		case isOrig && has(orig+"_u"):
			return fmt.Errorf("tensor %q: a weight in spectral normalization: save the network after torch.nn.utils.remove_spectral_norm", name)
		}
	}
	return nil
}

// pruned multiplies the weights of torch.nn.utils.prune by their masks, and drops the masks beside
// finished weights.
func pruned(bare map[string]tensor, bound map[string]binding) error {
	for _, name := range slices.Sorted(maps.Keys(bare)) {
		if _, known := bound[name]; known {
			continue
		}
		if stem, ok := strings.CutSuffix(name, "_orig"); ok {
			mask, masked := bare[stem+"_mask"]
			if _, double := bare[stem]; double {
				return fmt.Errorf("the tensors %q and %q are one weight, before and after pruning: delete one", stem, name)
			}
			if !masked {
				return fmt.Errorf("tensor %q: a pruned weight without its mask %q", name, stem+"_mask")
			}
			t, err := masking(bare[name], mask)
			if err != nil {
				return fmt.Errorf("tensor %q: %w", stem+"_mask", err)
			}
			t.name = stem
			bare[stem] = t
			delete(bare, name)
			delete(bare, stem+"_mask")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(bare)) {
		stem, ok := strings.CutSuffix(name, "_mask")
		if _, known := bound[name]; known || !ok {
			continue
		}
		if weight, there := bare[stem]; there {
			if !slices.Equal(weight.dims, bare[name].dims) {
				return fmt.Errorf("tensor %q: a mask of shape %v for a weight of shape %v", name, bare[name].dims, weight.dims)
			}
			delete(bare, name)
		} else if strings.HasSuffix(stem, "weight") || strings.HasSuffix(stem, "bias") {
			return fmt.Errorf("tensor %q: a mask without its weight: the file has neither %q nor %q", name, stem, stem+"_orig")
		}
	}
	return nil
}

// masking is the product of a weight and its mask of zeros and ones.
func masking(t, mask tensor) (tensor, error) {
	if !slices.Equal(t.dims, mask.dims) {
		return t, fmt.Errorf("a mask of shape %v for a weight of shape %v", mask.dims, t.dims)
	}
	if !isFloat(t.dtype) {
		return t, fmt.Errorf("a mask for numbers of type %s: float64, float32, float16 and bfloat16 are read", t.dtype)
	}
	if _, known := goTypes[mask.dtype]; !known {
		return t, fmt.Errorf("a mask of type %s", mask.dtype)
	}
	if err := finite(t.dtype, t.data); err != nil {
		return t, fmt.Errorf("its weight: %w", err)
	}
	size, wide := bits[t.dtype]/8, bits[mask.dtype]/8
	out := slices.Clone(t.data)
	for i := range len(out) / size {
		one, err := maskBit(mask.dtype, mask.data[i*wide:(i+1)*wide])
		if err != nil {
			return t, fmt.Errorf("value %d %w", i, err)
		}
		if !one {
			clear(out[i*size : (i+1)*size])
		}
	}
	t.data = out
	return t, nil
}

// maskBit reads one value of a mask.
func maskBit(dtype string, raw []byte) (bool, error) {
	if isFloat(dtype) {
		switch x := at(dtype, raw, 0); x {
		case 0, 1:
			return x == 1, nil
		default:
			return false, fmt.Errorf("is %g, neither 0 nor 1", x)
		}
	}
	if raw[0] > 1 || slices.ContainsFunc(raw[1:], func(b byte) bool { return b != 0 }) {
		return false, fmt.Errorf("is neither 0 nor 1")
	}
	return raw[0] == 1, nil
}
