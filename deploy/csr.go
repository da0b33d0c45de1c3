package deploy

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// csrTensor is an entry in the header of a safetensors file.
type csrTensor struct {
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
}

// CSR makes the kernels of a safetensors file sparse, with the names that torch.sparse_csr_tensor
// gives their parts: of layer.weight they are layer.crow_indices, layer.col_indices and
// layer.values. A row is an output; a kernel with more than two axes is flattened behind the first.
// The shape of each kernel is in the file's metadata, as layer.shape. Other tensors stay as they
// are. The file must be one of package weights.
func CSR(file []byte) ([]byte, error) {
	if len(file) < 8 || binary.LittleEndian.Uint64(file) > uint64(len(file)-8) {
		return nil, fmt.Errorf("deploy: this is no safetensors file")
	}
	size := int(binary.LittleEndian.Uint64(file))
	var header map[string]json.RawMessage
	if err := json.Unmarshal(file[8:8+size], &header); err != nil {
		return nil, fmt.Errorf("deploy: the header of the safetensors file: %w", err)
	}
	meta := map[string]string{}
	if raw, ok := header["__metadata__"]; ok {
		if err := json.Unmarshal(raw, &meta); err != nil {
			return nil, fmt.Errorf("deploy: the metadata of the safetensors file: %w", err)
		}
		delete(header, "__metadata__")
	}
	w := csrWriter{header: map[string]any{}}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		var t csrTensor
		if err := json.Unmarshal(header[name], &t); err != nil {
			return nil, fmt.Errorf("deploy: tensor %q: %w", name, err)
		}
		data := file[8+size:]
		if t.Offsets[0] < 0 || t.Offsets[0] > t.Offsets[1] || t.Offsets[1] > len(data) {
			return nil, fmt.Errorf("deploy: tensor %q lies outside of the file", name)
		}
		data = data[t.Offsets[0]:t.Offsets[1]]
		layer, isWeight := strings.CutSuffix(name, ".weight")
		if !isWeight || len(t.Shape) < 2 || t.DType != "F32" || net32(t.Shape) != len(data)/4 {
			w.add(name, t.DType, t.Shape, data)
			continue
		}
		w.sparse(layer, t.Shape, data)
		meta[layer+".shape"] = strings.Trim(strings.ReplaceAll(fmt.Sprint(t.Shape), " ", ","), "[]")
	}
	// what only the dense file's reader needs
	maps.DeleteFunc(meta, func(key, _ string) bool { return strings.HasPrefix(key, "gsmlab") })
	w.header["__metadata__"] = meta
	return w.finish()
}

func net32(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// csrWriter collects tensors.
type csrWriter struct {
	header map[string]any
	data   []byte
}

func (w *csrWriter) add(name, dtype string, shape []int, data []byte) {
	w.header[name] = csrTensor{dtype, shape, [2]int{len(w.data), len(w.data) + len(data)}}
	w.data = append(w.data, data...)
}

// sparse adds the three parts of a kernel.
func (w *csrWriter) sparse(layer string, shape []int, data []byte) {
	columns := net32(shape[1:])
	crow := binary.LittleEndian.AppendUint64(nil, 0)
	var col, values []byte
	n := 0
	for k := range len(data) / 4 {
		if v := data[4*k : 4*k+4]; math.Float32frombits(binary.LittleEndian.Uint32(v)) != 0 {
			col = binary.LittleEndian.AppendUint64(col, uint64(k%columns))
			values = append(values, v...)
			n++
		}
		if (k+1)%columns == 0 {
			crow = binary.LittleEndian.AppendUint64(crow, uint64(n))
		}
	}
	w.add(layer+".crow_indices", "I64", []int{shape[0] + 1}, crow)
	w.add(layer+".col_indices", "I64", []int{n}, col)
	w.add(layer+".values", "F32", []int{n}, values)
}

func (w *csrWriter) finish() ([]byte, error) {
	raw, err := json.Marshal(w.header)
	if err != nil {
		return nil, fmt.Errorf("deploy: %w", err)
	}
	for len(raw)%8 != 0 { // numbers are aligned
		raw = append(raw, ' ')
	}
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(raw)))
	return slices.Concat(out, raw, w.data), nil
}
