// Package weights reads and writes safetensors files with the names and layouts of PyTorch, so that
// trained networks come in and pruned ones go out.
//
//	here                                            there
//	/layer1/0/conv1/weights   [H, W, in, out]       layer1.0.conv1.weight [out, in, H, W]
//	/linear/dense/weights     [in, out]             linear.weight         [out, in]
//	/linear/dense/biases, /conv1/biases             linear.bias, conv1.bias
//	/bn1/batch_normalization/scale, offset          bn1.weight, bn1.bias
//	/bn1/batch_normalization/mean, variance         bn1.running_mean, bn1.running_var
//	/bn1/batch_normalization/avg_weight             bn1.num_batches_tracked
//	/ln/layer_normalization/gain, offset            ln.weight, ln.bias
//	/emb/embeddings           [vocabulary, size]    emb.weight
//	/fc/dense/weights beside /fc/weights            fc.dense.weight beside fc.weight
//	any other, /lstm/inputsW                        lstm.inputsW, as it is here
//
// Convolutions of 1 and 3 dimensions, kernels with the channels first and transposed dense layers
// have PyTorch's layout too: Kernels says how that is known. A file that Write made says which
// variables its tensors were, and Read gives them back as they were.
package weights

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// File is a network read from a safetensors file.
type File struct {
	path    string
	entries []entry
	kernels Kernels
}

// entry is one variable of the network.
type entry struct {
	path      string // here
	name      string // there
	trainable bool
	layout    Layout
	assumed   bool // nobody specified this layout
	dims      []int
	dtype     string
	data      []byte
}

// Suffix ends the names of such files.
const Suffix = ".safetensors"

// maxBytes limits what is read: a ResNet-50 has 102 MB.
const maxBytes = 4 << 30

// Read reads a safetensors file with PyTorch's names, or all the files that an index
// (model.safetensors.index.json) lists.
//
// Numbers may be float64, float32, float16 or bfloat16; they become float32, or the variable's type
// where Kernels.For or Write knew the variable. What wraps a network is taken away: "module." of
// data-parallel training where all names have it, "_orig_mod." of torch.compile, and what else all
// names have in front of those that Kernels.For knows. "weight_orig" and "weight_mask" of
// torch.nn.utils.prune become their product. num_batches_tracked, n_averaged and the masks that
// Write adds are left out.
//
// flat names dense layers that read a flattened image [H, W, C] (see models.Model): their rows have
// another order in PyTorch, where the channel comes first. Kernels, of which there may be one
// value, says what the variables are; without it, kernels get the order of GoMLX().
func Read(path string, flat map[string][]int, kernels ...Kernels) (*File, error) {
	k, err := only(kernels)
	if err != nil {
		return nil, err
	}
	c, err := load(path)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, kernels: k}
	r := reader{k: k, flat: flat}
	if err := r.read(c); err != nil {
		return nil, f.errorf("%w", err)
	}
	if f.entries = r.entries; len(f.entries) == 0 {
		return nil, f.errorf("it has no tensors")
	}
	return f, nil
}

func (f *File) errorf(format string, args ...any) error { return inFile(f.path, format, args...) }

func inFile(path, format string, args ...any) error {
	return fmt.Errorf("weights: %s: %w", path, fmt.Errorf(format, args...))
}

// load reads the content of one file or of all the files of an index.
func load(path string) (*content, error) {
	if strings.HasSuffix(path, indexSuffix) {
		return loadShards(path)
	}
	if first, others := shardOf(path); others {
		return nil, inFile(path, "it is one part of a network: name the index of its parts, which often is %s", first)
	}
	return loadOne(path)
}

func loadOne(path string) (*content, error) {
	raw, err := readFile(path, maxBytes)
	if err != nil {
		return nil, err
	}
	c, err := parse(raw)
	if err != nil {
		return nil, inFile(path, "%w: the file is damaged or no safetensors file", err)
	}
	return c, nil
}

func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	if info.IsDir() || info.Size() > limit {
		return nil, inFile(path, "not a safetensors file: name the .safetensors file itself")
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	return raw, nil
}

// reader makes entries of tensors.
type reader struct {
	k       Kernels
	flat    map[string][]int
	tensors map[string]tensor // with PyTorch's names, without wrappers
	notes   map[string]note   // of Write
	entries []entry
}

func (r *reader) read(c *content) (err error) {
	if r.notes, err = notesOf(c); err != nil {
		return err
	}
	var foreign []tensor
	for _, t := range c.tensors {
		if stem, mask := strings.CutSuffix(t.name, "_mask"); mask {
			_, own := r.notes[t.name]
			if _, masked := r.notes[stem]; masked && !own {
				continue // Write adds it beside a weight
			}
		}
		n, own := r.notes[t.name]
		if _, known := r.k.bound[t.name]; !own || known {
			foreign = append(foreign, t)
			continue
		}
		e, err := r.restored(t, n)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", t.name, err)
		}
		r.entries = append(r.entries, e)
	}
	if r.tensors, err = unwrap(foreign, c, r.k.bound); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.tensors)) {
		e, err := r.entry(r.tensors[name])
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		r.entries = append(r.entries, e)
	}
	slices.SortFunc(r.entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	paths := map[string]string{}
	for _, e := range r.entries {
		if other, double := paths[e.path]; double {
			return fmt.Errorf("the tensors %q and %q are both the variable %q", other, e.name, e.path)
		}
		paths[e.path] = e.name
	}
	return nil
}

// cutLast splits "layer1.0.conv1.weight" into module and kind.
func cutLast(name string) (module, kind string) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

// entry finds the variable of a tensor for which Write left no note.
func (r *reader) entry(t tensor) (entry, error) {
	if b, known := r.k.bound[t.name]; known {
		return r.boundTo(t, b)
	}
	e, err := r.byName(t)
	if err != nil {
		return e, err
	}
	if _, known := bits[t.dtype]; !known || !isFloat(t.dtype) {
		return e, fmt.Errorf("numbers of type %s: float64, float32, float16 and bfloat16 are read", t.dtype)
	}
	data, err := convert(t.data, t.dtype, "F32")
	if err != nil {
		return e, err
	}
	return r.laidOut(e, data, t.dims)
}

// laidOut brings the tensor's numbers into the order of the variable. e has the shape, or none for
// the usual shape.
func (r *reader) laidOut(e entry, data []byte, torch []int) (entry, error) {
	image, err := r.image(e.name, e.layout)
	if err != nil {
		return e, err
	}
	if image != nil {
		if err := checkImage(image, torch[1]); err != nil {
			return e, err
		}
	}
	if e.dims == nil {
		e.dims = e.layout.storeDims(torch)
	}
	e.data = e.layout.load(e.dims, data, image)
	return e, nil
}

// byName decides by the last part of the tensor's name, its shape and its neighbours.
func (r *reader) byName(t tensor) (entry, error) {
	e := entry{name: t.name, trainable: true, dtype: "F32", layout: Native}
	module, kind := cutLast(t.name)
	prefix, scope := "", "/"
	if module != "" {
		prefix, scope = module+".", "/"+strings.ReplaceAll(module, ".", "/")+"/"
	}
	_, isNorm := r.tensors[prefix+"running_mean"]
	weight, rank := r.tensors[prefix+"weight"].dims, len(t.dims)
	bias, biased := r.tensors[prefix+"bias"]
	switch {
	case isNorm:
		here, known := map[string]string{"weight": "scale", "bias": "offset", "running_mean": "mean", "running_var": "variance"}[kind]
		if !known || rank != 1 {
			return e, fmt.Errorf("not a value of batch norm")
		}
		e.path, e.trainable = scope+normScope+"/"+here, kind == "weight" || kind == "bias"
	case kind == "bias" && rank == 1 && len(weight) == 2:
		e.path = scope + denseScope + "/biases"
	case kind == "bias" && rank == 1 && len(weight) >= 3:
		e.path = scope + "biases"
	case kind == "weight" && rank == 2:
		e.path, e.layout, e.assumed = scope+denseScope+"/weights", InputsFirst, r.k.Dense == Unknown
		if !e.assumed {
			e.layout = r.k.Dense
		}
	case kind == "weight" && (rank == 4 || rank >= 3 && (biased || r.k.Conv != Unknown)):
		e.path, e.layout, e.assumed = scope+"weights", ChannelsLast, r.k.Conv == Unknown
		if !e.assumed {
			e.layout = r.k.Conv
		}
	default:
		return e, r.unknown(t, kind)
	}
	if kind == "weight" && !isNorm && biased && !slices.Equal(bias.dims, t.dims[:1]) {
		return e, fmt.Errorf("its shape is %v, and its biases have %v: only kernels whose first axis is that of the biases are read, no transposed convolutions", t.dims, bias.dims)
	}
	if said := r.k.Of[e.path]; said != Unknown && rank >= 2 {
		if !said.fits(rank) {
			return e, fmt.Errorf("%q cannot be %v: its shape is %v there", e.path, said, t.dims)
		}
		e.layout, e.assumed = said, false
	}
	return e, nil
}

// recurrent matches the names of tensors in PyTorch's recurrent layers.
var recurrent = regexp.MustCompile(`^(weight|bias)_(ih|hh|hr)(_l[0-9]+(_reverse)?)?$`)

// unknown says why there is no variable for a tensor here.
func (r *reader) unknown(t tensor, kind string) error {
	switch {
	case recurrent.MatchString(kind):
		return fmt.Errorf("neither kernel, bias nor batch norm, but of PyTorch's RNN, LSTM or GRU, whose gates and biases GoMLX's lstm lays out in another way: they are not converted")
	case strings.HasPrefix(kind, "in_proj_"):
		return fmt.Errorf("neither kernel, bias nor batch norm, but of PyTorch's MultiheadAttention, which keeps queries, keys and values in one tensor: split it into the tensors query, key and value of GoMLX's attention first")
	case (kind == "weight" || kind == "bias") && len(t.dims) == 1:
		return fmt.Errorf("neither kernel, bias nor batch norm (shape %v): if it is of layer norm, give Read the network's Kernels.For", t.dims)
	case kind == "weight" && len(t.dims) >= 3:
		return fmt.Errorf("neither kernel, bias nor batch norm, as far as its shape %v shows: say what convolutions are in Kernels.Conv", t.dims)
	case isFloat(t.dtype) || bits[t.dtype] == 0:
		return fmt.Errorf("neither kernel, bias nor batch norm (shape %v)", t.dims)
	}
	return fmt.Errorf("neither kernel, bias nor batch norm (shape %v), and its numbers are of type %s", t.dims, t.dtype)
}
