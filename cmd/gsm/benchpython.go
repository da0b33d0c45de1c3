package main

// The engines of bench --deploy that are Python libraries: each runs in a process that waits for
// sizes of the batch, and measures there.

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"gsmlab/deploy"
	"gsmlab/infer"
	"gsmlab/infer/graph"
	"gsmlab/internal/pjrt"
)

var (
	//go:embed onnxbench.py
	onnxBench string
	//go:embed torchbench.py
	torchBench string
)

// onnxEngine runs the dense ONNX model in onnxruntime.
func onnxEngine(g *graph.Graph, images []float32) (engine, error) {
	model, err := deploy.ONNX(g, false)
	if err != nil {
		return engine{}, err
	}
	python := "python3"
	if plugins, err := pjrt.CacheDir(); err == nil { // what install.sh has made for tests
		if own := filepath.Join(filepath.Dir(plugins), "onnx-clients", "bin", "python3"); exists(own) {
			python = own
		}
	}
	return pythonEngine("onnxruntime", python, onnxBench, model, images, nil)
}

// torchEngine runs the dense network in PyTorch.
func torchEngine(g *graph.Graph, images []float32) (engine, error) {
	python, err := pythonWith("torch")
	if err != nil {
		return engine{}, err
	}
	type node struct {
		graph.Node
		Op, Act string // by name
	}
	named := struct {
		Nodes   []node
		Outputs []int
	}{Outputs: g.Outputs}
	for _, n := range g.Nodes {
		act := "None"
		if n.Act != graph.None {
			act = n.Act.String()
		}
		named.Nodes = append(named.Nodes, node{n, n.Op.String(), act})
	}
	model, err := json.Marshal(named)
	if err != nil {
		return engine{}, err
	}
	n, err := infer.Compile(g)
	if err != nil {
		return engine{}, err
	}
	want := make([]float32, len(images)/n.InputSize()*n.OutputSize())
	if err := n.Predict(want, images); err != nil {
		return engine{}, err
	}
	return pythonEngine("pytorch", python, torchBench, model, images, want)
}

// pythonWith finds a Python that has a library: the first on the path, or the system's own.
func pythonWith(library string) (string, error) {
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		// to look for it is much faster than to import it
		if exec.Command(python, "-c", "import importlib.util, sys; sys.exit(importlib.util.find_spec('"+library+"') is None)").Run() == nil {
			return python, nil
		}
	}
	return "", fmt.Errorf("no Python here has it (Debian: apt install python3-%s)", library)
}

// pythonEngine starts a program with the files of a model and of the images. If there is an answer
// that it must give for the images, it writes its own beside them.
func pythonEngine(name, python, program string, model []byte, images, want []float32) (e engine, err error) {
	e.name, e.threads = name, 1
	dir, err := os.MkdirTemp("", "gsm-bench")
	if err != nil {
		return e, err
	}
	file := filepath.Join(dir, "net")
	var raw []byte
	for _, v := range images {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	if err := errors.Join(os.WriteFile(file, model, 0o666), os.WriteFile(file+".in", raw, 0o666)); err != nil {
		return e, errors.Join(err, os.RemoveAll(dir))
	}
	var says bytes.Buffer
	command := exec.Command(python, "-c", program, file, file+".in")
	command.Stderr = &says
	to, err1 := command.StdinPipe()
	from, err2 := command.StdoutPipe()
	if err := errors.Join(err1, err2, command.Start()); err != nil {
		return e, errors.Join(err, os.RemoveAll(dir))
	}
	lines := bufio.NewScanner(from)
	e.close = func() {
		to.Close()
		_ = command.Wait() // it ends with its input
		os.RemoveAll(dir)
	}
	if !lines.Scan() || lines.Text() != "ready" {
		e.close()
		last := strings.Split(strings.TrimSpace(says.String()), "\n")
		return engine{}, fmt.Errorf("%s: %s", python, last[len(last)-1])
	}
	if err := sameAnswers(file+".in.out", want); err != nil {
		e.close()
		return engine{}, err
	}
	e.run = func(batch int) (time.Duration, error) {
		if _, err := fmt.Fprintln(to, batch); err != nil {
			return 0, err
		}
		if !lines.Scan() {
			return 0, io.ErrUnexpectedEOF
		}
		var seconds float64
		_, err := fmt.Sscan(strings.TrimSpace(lines.Text()), &seconds)
		return time.Duration(seconds * float64(time.Second)), err
	}
	return e, nil
}

// sameAnswers compares the floats in a file with those that are wanted, if any are.
func sameAnswers(file string, want []float32) error {
	if want == nil {
		return nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if len(raw) != 4*len(want) {
		return fmt.Errorf("it answers with %d bytes: there must be %d", len(raw), 4*len(want))
	}
	for i, w := range want {
		// sums of some thousand products in another order
		if got := math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])); !(math.Abs(float64(got-w)) <= 1e-3*max(1, math.Abs(float64(w)))) {
			return fmt.Errorf("its answer %d is %g: it must be %g", i, got, w)
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
