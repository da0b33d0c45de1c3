package weights

// The orders of axes that kernels have, and how to get from one to another.

import (
	"fmt"
	"slices"
)

// Layout is the order of a variable's axes in the store.
type Layout uint8

// The layouts. In and out are the channels, or features, that a kernel reads and produces.
const (
	Unknown      Layout = iota // the store, or the caller, must show it
	ChannelsLast               // convolution [spatial..., in, out], GoMLX's default
	// convolution [out, in, spatial...], GoMLX's after ChannelsAxis(ChannelsFirst), and PyTorch's
	ChannelsFirst
	InputsFirst // dense layer [in, out...], GoMLX's default
	// dense layer [out..., in], GoMLX's DenseLayoutOutputsInput, and PyTorch's
	OutputsFirst
	Native // any other: the tensor has the variable's shape and GoMLX's name
)

var layoutNames = []string{"unknown", "channels last", "channels first", "inputs first", "outputs first", "native"}

func (l Layout) String() string {
	if int(l) < len(layoutNames) {
		return layoutNames[l]
	}
	return fmt.Sprintf("Layout(%d)", uint8(l))
}

// MarshalText writes a layout as String does.
func (l Layout) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (l *Layout) UnmarshalText(text []byte) error {
	i := slices.Index(layoutNames, string(text))
	if i < 0 {
		return fmt.Errorf("unknown layout %q", text)
	}
	*l = Layout(i)
	return nil
}

func (l Layout) conv() bool  { return l == ChannelsLast || l == ChannelsFirst }
func (l Layout) dense() bool { return l == InputsFirst || l == OutputsFirst }

// fits tells whether a kernel with that many axes can have the layout.
func (l Layout) fits(rank int) bool {
	return l == Native || l.conv() && rank >= 3 || l.dense() && rank >= 2
}

// outputs are the axes of a kernel's outputs, which are also the axes of its biases.
func (l Layout) outputs(dims []int) []int {
	n := len(dims)
	switch l {
	case ChannelsLast:
		return dims[n-1:]
	case ChannelsFirst:
		return dims[:1]
	case InputsFirst:
		return dims[1:]
	case OutputsFirst:
		return dims[:n-1]
	}
	return nil
}

// toTorch is the order of axes that turns the store's kernel into PyTorch's.
func (l Layout) toTorch(rank int) []int {
	var order []int
	for i := range rank {
		order = append(order, i)
	}
	switch l {
	case ChannelsLast:
		return append([]int{rank - 1, rank - 2}, order[:rank-2]...)
	case InputsFirst:
		return append(order[1:], 0)
	}
	return order
}

// torchDims is the shape of PyTorch's kernel: its dense layers have one axis of outputs.
func (l Layout) torchDims(dims []int) []int {
	out := make([]int, len(dims))
	for i, a := range l.toTorch(len(dims)) {
		out[i] = dims[a]
	}
	if n := len(out) - 1; l.dense() && n > 0 {
		size, _ := product(out[:n], int(^uint(0)>>1))
		out = []int{size, out[n]}
	}
	return out
}

// storeDims is the shape in the store of a PyTorch kernel. A dense layer gets one axis of outputs.
func (l Layout) storeDims(torch []int) []int {
	switch l {
	case ChannelsLast:
		return append(slices.Clone(torch[2:]), torch[1], torch[0])
	case InputsFirst:
		return []int{torch[1], torch[0]}
	}
	return slices.Clone(torch)
}

// export brings a kernel into PyTorch's order. image is the height, width and channels of the image
// whose flattened values a dense layer reads, nil if it reads none: in PyTorch the channel comes
// first there.
func (l Layout) export(dims []int, data []byte, image []int) ([]int, []byte) {
	to := l.torchDims(dims)
	data = permute(dims, data, l.toTorch(len(dims)))
	if image != nil {
		data = permute([]int{to[0], image[0], image[1], image[2]}, data, []int{0, 3, 1, 2})
	}
	return to, data
}

// load is the inverse of export; dims are those in the store.
func (l Layout) load(dims []int, data []byte, image []int) []byte {
	order := l.toTorch(len(dims))
	from, back := make([]int, len(order)), make([]int, len(order))
	for i, a := range order {
		from[i], back[a] = dims[a], i
	}
	if image != nil {
		out, _ := product(l.outputs(dims), int(^uint(0)>>1))
		data = permute([]int{out, image[2], image[0], image[1]}, data, []int{0, 2, 3, 1})
	}
	return permute(from, data, back)
}

// permute transposes: axis i of the result is axis order[i] of x, whose numbers may have any size.
func permute(dims []int, x []byte, order []int) []byte {
	n := 1
	for _, d := range dims {
		n *= d
	}
	if n == 0 || slices.IsSorted(order) {
		return slices.Clone(x)
	}
	size := len(x) / n
	strides := make([]int, len(dims))
	n = size
	for i := len(dims) - 1; i >= 0; i-- {
		strides[i] = n
		n *= dims[i]
	}
	y := make([]byte, len(x))
	at := make([]int, len(order))
	from := 0
	for k := 0; k < len(y); k += size {
		copy(y[k:k+size], x[from:])
		for i := len(order) - 1; i >= 0; i-- {
			a := order[i]
			at[i]++
			from += strides[a]
			if at[i] < dims[a] {
				break
			}
			from -= at[i] * strides[a]
			at[i] = 0
		}
	}
	return y
}
