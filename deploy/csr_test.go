package deploy

import (
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// safetensorsOf writes float32 tensors by hand, in the order of their names.
func safetensorsOf(t *testing.T, names []string, shapes [][]int, values [][]float32) []byte {
	t.Helper()
	header, data := map[string]any{"__metadata__": map[string]string{"model": "m", "gsmlab.x": "y"}}, []byte{}
	for i, name := range names {
		raw := floatBytes(values[i])
		header[name] = csrTensor{"F32", shapes[i], [2]int{len(data), len(data) + len(raw)}}
		data = append(data, raw...)
	}
	raw, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(raw))), raw, data)
}

// TestCSR: what the three parts of a kernel say together is the kernel; biases stay as they were;
// and where PyTorch is installed, torch.sparse_csr_tensor takes the parts.
func TestCSR(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 7))
	names := []string{"conv.bias", "conv.weight", "fc.weight", "empty.weight"}
	shapes := [][]int{{4}, {4, 2, 3, 3}, {5, 12}, {3, 2}}
	values := [][]float32{random(r, 0, 4).Values, random(r, 0.7, 4, 2, 3, 3).Values, random(r, 0.9, 5, 12).Values, make([]float32, 6)}
	copy(values[2][12:24], make([]float32, 12)) // an output without weights
	file, err := CSR(safetensorsOf(t, names, shapes, values))
	if err != nil {
		t.Fatal(err)
	}
	size := binary.LittleEndian.Uint64(file)
	var header map[string]csrTensor
	var meta struct {
		Metadata map[string]string `json:"__metadata__"`
	}
	if err := json.Unmarshal(file[8:8+size], &meta); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(slices.Concat([]byte("{"), withoutMetadata(file[8:8+size])), &header); err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"model": "m", "conv.shape": "4,2,3,3", "fc.shape": "5,12", "empty.shape": "3,2"}; !equalMaps(meta.Metadata, want) {
		t.Errorf("metadata %v: must be %v", meta.Metadata, want)
	}
	part := func(name string) []byte {
		at := header[name].Offsets
		return file[8+size:][at[0]:at[1]]
	}
	if !slices.Equal(part("conv.bias"), floatBytes(values[0])) {
		t.Error("the bias has changed")
	}
	for i, layer := range map[int]string{1: "conv", 2: "fc", 3: "empty"} {
		rows := shapes[i][0]
		columns := len(values[i]) / rows
		dense := make([]byte, 4*len(values[i]))
		crow, col, vals := part(layer+".crow_indices"), part(layer+".col_indices"), part(layer+".values")
		for row := range rows {
			from, to := binary.LittleEndian.Uint64(crow[8*row:]), binary.LittleEndian.Uint64(crow[8*row+8:])
			for k := from; k < to; k++ {
				copy(dense[4*(row*columns+int(binary.LittleEndian.Uint64(col[8*k:]))):], vals[4*k:4*k+4])
			}
		}
		if !slices.Equal(dense, floatBytes(values[i])) {
			t.Errorf("%s: the sparse rows are not the kernel", layer)
		}
	}
	inTorch(t, file, values)
}

// withoutMetadata is the header behind its first entry, which is the metadata: names sort so.
func withoutMetadata(header []byte) []byte {
	_, rest, _ := strings.Cut(string(header), "},")
	return []byte(rest)
}

func equalMaps(a, b map[string]string) bool {
	same := len(a) == len(b)
	for k, v := range a {
		same = same && b[k] == v
	}
	return same
}

// inTorch lets PyTorch make the kernels, where it is installed.
func inTorch(t *testing.T, file []byte, values [][]float32) {
	pythons := []string{"python3", "/usr/bin/python3"} // Debian's PyTorch is in the system's own
	at := slices.IndexFunc(pythons, func(python string) bool { return exec.Command(python, "-c", "import torch").Run() == nil })
	if at < 0 {
		t.Log("without PyTorch, which is not installed")
		return
	}
	path := filepath.Join(t.TempDir(), "csr.safetensors")
	if err := os.WriteFile(path, file, 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(pythons[at], "testdata/clients/csrcheck.py", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{}
	for _, i := range []int{1, 3, 2} { // conv, empty, fc
		sum := 0.0
		for k, v := range values[i] {
			sum += float64(v) * float64(k+1)
		}
		want = append(want, strconv.FormatFloat(sum, 'f', 3, 64))
	}
	if got := strings.Fields(string(out)); !slices.Equal(got, want) {
		t.Errorf("in PyTorch the kernels have the sums %v: must be %v", got, want)
	}
}
