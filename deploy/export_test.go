// What deploy writes for others gives the same outputs there: in ONNX's runtime, as a Go package,
// and on a page in a browser.

package deploy

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	net "gsmlab/infer/graph"
	"gsmlab/internal/jupyterclients"
)

func floatBytes(x []float32) []byte {
	var raw []byte
	for _, v := range x {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return raw
}

func floatsIn(t *testing.T, file string) []float32 {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, len(raw)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return x
}

// TestONNX: ONNX's checker accepts each network, as recorded and as optimized, and its runtime
// computes what ours does.
func TestONNX(t *testing.T) {
	python := jupyterclients.ONNX(t)
	dir := t.TempDir()
	want := map[string][]float32{}
	put := func(name string, g *net.Graph, x *tensors.Tensor, compact bool) {
		model, err := ONNX(g, compact)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		file := filepath.Join(dir, strings.NewReplacer(" ", "_", ",", "", ":", "").Replace(name))
		for suffix, raw := range map[string][]byte{".onnx": model, ".in": floatBytes(flat32(x))} {
			if err := os.WriteFile(file+suffix, raw, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want[file] = predicted(t, g, x)
	}
	for _, c := range append(zoo(), parts()...) {
		if strings.HasPrefix(c.name, "resnet") || strings.HasPrefix(c.name, "densenet") {
			continue // operations that the parts have, only more of them
		}
		g, err := Record(initialized(t, c.f, c.input), c.f, c.input)
		if err != nil {
			t.Fatal(err)
		}
		small, err := Optimize(g)
		if err != nil {
			t.Fatal(err)
		}
		x := inputs(3, c.input, 11)
		put(c.name+" recorded", g, x, false)
		put(c.name+" optimized", small, x, true)
	}
	r := rand.New(rand.NewPCG(3, 3))
	pruned, err := Optimize(convNet(r, 0.97))
	if err != nil {
		t.Fatal(err)
	}
	put("pruned", pruned, inputs(3, floatInput(10, 10, 2), 12), true)
	out, err := exec.Command(python, "testdata/clients/onnxcheck.py", dir).CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	for file, w := range want {
		t.Run(filepath.Base(file), func(t *testing.T) { near(t, floatsIn(t, file+".out"), w) })
	}
}

// digits is a small LeNet of 12x12 images, pruned: two convolutions, pools and two dense layers.
func digits() *net.Graph {
	r := rand.New(rand.NewPCG(6, 6))
	return &net.Graph{Outputs: []int{6}, Nodes: []net.Node{
		{Op: net.Input, Shape: []int{12, 12, 1}},
		{Op: net.Conv2D, In: []int{0}, Shape: []int{12, 12, 4}, Weights: random(r, 0.6, 3, 3, 1, 4), Bias: random(r, 0, 4).Values, Act: net.Relu, Pads: [4]int{1, 1, 1, 1}},
		{Op: net.MaxPool, In: []int{1}, Shape: []int{6, 6, 4}, Window: [2]int{2, 2}, Stride: [2]int{2, 2}},
		{Op: net.Conv2D, In: []int{2}, Shape: []int{2, 2, 5}, Weights: random(r, 0.7, 3, 3, 4, 5), Stride: [2]int{2, 2}, Act: net.Relu},
		{Op: net.Reshape, In: []int{3}, Shape: []int{20}},
		{Op: net.Dense, In: []int{4}, Shape: []int{8}, Weights: random(r, 0.5, 20, 8), Bias: random(r, 0, 8).Values, Act: net.Relu},
		{Op: net.Dense, In: []int{5}, Shape: []int{10}, Weights: random(r, 0.5, 8, 10), Bias: random(r, 0, 10).Values},
	}}
}

// TestGoPackage: the package builds for several targets without any module, and computes what our
// runtime does.
func TestGoPackage(t *testing.T) {
	files, err := GoPackage(digits(), "digits")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, raw := range files {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	x := inputs(1, floatInput(12, 12, 1), 5)
	program := fmt.Sprintf("package main\n\nimport \"digits\"\n\nfunc main() {\n\tfor _, v := range digits.Predict(%#v) {\n\t\tprintln(v)\n\t}\n}\n", flat32(x))
	if err := os.Mkdir(filepath.Join(dir, "main"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main", "main.go"), []byte(program), 0o666); err != nil {
		t.Fatal(err)
	}
	run := func(args, env []string) string {
		command := exec.Command("go", args...)
		command.Dir, command.Env = dir, append(os.Environ(), append(env, "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")...)
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("go %v, %v: %v\n%s", args, env, err, out)
		}
		return string(out)
	}
	for _, env := range [][]string{{"GOOS=js", "GOARCH=wasm"}, {"GOOS=wasip1", "GOARCH=wasm"}, {"GOOS=linux", "GOARCH=arm64"}} {
		run([]string{"build", "-o", os.DevNull, "./main"}, env)
	}
	run([]string{"vet", "."}, nil)
	var got []float32
	for line := range strings.Lines(run([]string{"run", "./main"}, nil)) {
		var v float32
		if _, err := fmt.Sscan(line, &v); err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	near(t, got, predicted(t, digits(), x))
	if _, err := GoPackage(digits(), "no name"); err == nil {
		t.Error("a name that is none is taken")
	}
	tanh := digits()
	tanh.Nodes[5].Act = net.Tanh
	if _, err := GoPackage(tanh, "digits"); err == nil || !strings.Contains(err.Error(), "its activation is Tanh") {
		t.Errorf("an activation that the loop does not have: %v", err)
	}
}

// TestPage: in a browser, from a file and without a network, the page computes what our runtime
// does, and answers what is drawn.
func TestPage(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium: apt install chromium")
	}
	page, err := Page(digits(), 123)
	if err != nil {
		t.Fatal(err)
	}
	x := inputs(1, floatInput(12, 12, 1), 5)
	numbers, err := json.Marshal(flat32(x))
	if err != nil {
		t.Fatal(err)
	}
	if regexp.MustCompile(`(src|href)=|https?:`).Match(page) {
		t.Error("the page refers to something outside")
	}
	// what it computes goes into the document, which the browser then prints
	script := fmt.Sprintf("<script>const b = network.run(Float32Array.from(%s)); document.body.dataset.scores = Array.from(b[b.length-1]).join(' ')</script></html>", numbers)
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, bytes.Replace(page, []byte("</html>"), []byte(script), 1), 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(), "--virtual-time-budget=2000",
		"--dump-dom", "file://"+file+"#3,2;8,2;5,10").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`data-scores="([^"]*)"`).FindSubmatch(out)
	if found == nil {
		t.Fatalf("the page did not run:\n%s", out[:min(2000, len(out))])
	}
	var got []float32
	for part := range strings.FieldsSeq(string(found[1])) {
		var v float32
		if _, err := fmt.Sscan(part, &v); err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	near(t, got, predicted(t, digits(), x))
	if !regexp.MustCompile(`data-answer="[0-9]"`).Match(out) || !bytes.Contains(out, []byte("123 bytes as a file")) {
		t.Error("it does not answer what is drawn, or does not say the size of the file")
	}
}
