// The Python libraries that bench measures: each runs in a process that is asked line by line, and
// measures there.

package main

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
	"runtime"
	"strconv"
	"strings"
	"time"

	"gsmlab/deploy"
	"gsmlab/infer"
	"gsmlab/infer/graph"
	"gsmlab/internal/pjrt"
	"gsmlab/models"
	"gsmlab/models/recipe/bench"
)

var (
	//go:embed onnxbench.py
	onnxBench string
	//go:embed torchbench.py
	torchBench string
	//go:embed traintorch.py
	trainTorch string
)

// onnxEngine runs the dense ONNX model in onnxruntime.
func onnxEngine(g *graph.Graph, images []float32) (engine, error) {
	model, err := deploy.ONNX(g, false)
	if err != nil {
		return engine{}, err
	}
	python := "python3"
	if plugins, err := pjrt.CacheDir(); err == nil { // what install.sh has made for tests
		own := filepath.Join(filepath.Dir(plugins), "onnx-clients", "bin", "python3")
		if _, err := os.Stat(own); err == nil {
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

// torchTraining is PyTorch's training of a network, on as many processors as there are.
type torchTraining struct{ pythonProgram }

func startTorch(c bench.Case, batch int) (bench.Peer, error) {
	m, err := models.Lookup(c.Model)
	if err != nil {
		return nil, err
	}
	interpreter, err := pythonWith("torch")
	if err != nil {
		return nil, err
	}
	p, said, err := startPython(interpreter, trainTorch, c.Model, fmt.Sprint(c.Compression), strconv.Itoa(batch), strconv.Itoa(runtime.NumCPU()))
	if err != nil {
		return nil, err
	}
	if want := fmt.Sprintf("ready %d", m.Prunable); said != want {
		p.close()
		return nil, fmt.Errorf("%s: it says %q: it must say %q, or it is another network", interpreter, said, want)
	}
	return torchTraining{p}, nil
}

// Step is a step of SGD or of GSM, in milliseconds.
func (t torchTraining) Step(gsm bool) (float64, error) {
	how := "sgd"
	if gsm {
		how = "gsm"
	}
	took, err := t.time(how)
	return took.Seconds() * 1e3, err
}

func (t torchTraining) Close() { t.close() }

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
	p, said, err := startPython(python, program, file, file+".in")
	if err == nil && said != "ready" {
		p.close()
		err = fmt.Errorf("%s: it says %q, not ready", python, said)
	}
	if err != nil {
		return e, errors.Join(err, os.RemoveAll(dir))
	}
	e.close = func() {
		p.close()
		os.RemoveAll(dir)
	}
	if err := sameAnswers(file+".in.out", want); err != nil {
		e.close()
		return engine{}, err
	}
	e.run = func(batch int) (time.Duration, error) { return p.time(strconv.Itoa(batch)) }
	return e, nil
}

// pythonProgram answers lines with seconds.
type pythonProgram struct {
	interpreter string
	to          io.WriteCloser
	lines       *bufio.Scanner
	wait        func() error
	says        *bytes.Buffer // what it says of errors; to be read when it has ended
}

// startPython starts a program and returns what it says first.
func startPython(interpreter, program string, args ...string) (p pythonProgram, said string, err error) {
	command := exec.Command(interpreter, append([]string{"-c", program}, args...)...)
	p = pythonProgram{interpreter: interpreter, says: new(bytes.Buffer), wait: command.Wait}
	command.Stderr = p.says
	var from io.Reader
	var err1, err2 error
	p.to, err1 = command.StdinPipe()
	from, err2 = command.StdoutPipe()
	if err := errors.Join(err1, err2, command.Start()); err != nil {
		return p, "", err
	}
	p.lines = bufio.NewScanner(from)
	if !p.lines.Scan() {
		return p, "", p.ended()
	}
	return p, p.lines.Text(), nil
}

// time asks for something and returns how long that took.
func (p pythonProgram) time(line string) (time.Duration, error) {
	if _, err := fmt.Fprintln(p.to, line); err != nil {
		return 0, p.ended()
	}
	if !p.lines.Scan() {
		return 0, p.ended()
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(p.lines.Text()), 64)
	return time.Duration(seconds * float64(time.Second)), err
}

// ended is why a program ended: the last line of its error.
func (p pythonProgram) ended() error {
	p.close()
	said := strings.TrimSpace(p.says.String())
	return fmt.Errorf("%s: it ended: %s", p.interpreter, said[strings.LastIndexByte(said, '\n')+1:])
}

func (p pythonProgram) close() {
	p.to.Close()
	_ = p.wait() // it ends with its input
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
