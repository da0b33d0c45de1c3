// Tests of reading: the golden file, files that are cut off or damaged, long lines.

package trace

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func testHeader() Header {
	return Header{
		Version: 1, Model: "lenet300", Preset: "quick", Backend: "go", Seed: 7, Compression: 60, Q: 4436,
		Prunable: 266200, BudgetS: 9.4, BatchSize: 256, StepsPerEpoch: 235, Every: 1,
		Layers:         []Layer{{"fc1/weights", []int{784, 300}, 235200}, {"fc2/weights", []int{300, 100}, 30000}},
		Stages:         []StagePlan{{StageBase, 2}, {StageGSM, 4}},
		HistogramEdges: []float64{-4, -2},
		Command:        "gsm prune lenet300 --compress 60",
	}
}

// testRecords has every type, measured zeros, unmeasured fields and floats that JSON lacks.
func testRecords() []Record {
	return []Record{
		Step{Stage: StageBase, Step: 1, Epoch: 0.5, Loss: 2.3, LearningRate: 0.03, Seconds: 0.002},
		Eval{Stage: StageBase, Step: 2, Accuracy: 0.98, Loss: 0.06},
		Step{Stage: StageGSM, Step: 1, Epoch: 0.25, Loss: 0.1, LearningRate: 0.01, Threshold: new(0.0),
			Active: []int{4000, 436}, Flips: new(int64(0)), Reactivated: new(int64(0))},
		Step{Stage: StageGSM, Step: 2, Epoch: math.Inf(1), Loss: math.NaN(), LearningRate: math.Inf(-1),
			Threshold: new(1e-9), Active: []int{4001, 435}, Nonzero: []int{235200, 30000}, Flips: new(int64(12)), Reactivated: new(int64(6))},
		Magnitude{Stage: StageGSM, Step: 2, Threshold: 0.01, Kept: []int{4002, 434}, MassBelow: 0.25, Histogram: []int{1, 2, 3}},
		Eval{Stage: StageGSM, Step: 4, Accuracy: 0.9821, Loss: 0.05},
		Cut{Stage: StageGSM, Step: 4, Threshold: 0.013, Kept: []int{4003, 433}, Q: 4436, AccuracyBefore: 0.9821, AccuracyAfter: 0.982},
		Eval{Stage: StageGSM, Step: 4, Accuracy: 0.982, Loss: 0.05, After: AfterCut},
		Step{Stage: StageTicket, Step: 1, Epoch: 0.5, Loss: 2.3, LearningRate: 0.03, Nonzero: []int{4003, 433}},
	}
}

// golden is what testRecords looks like in a file. It is written out by hand
// so that a change of the format cannot go unnoticed.
const golden = `{"type":"header","version":1,"model":"lenet300","preset":"quick","backend":"go","seed":7,"compression":60,"q":4436,"prunable":266200,"budget_s":9.4,"batch_size":256,"steps_per_epoch":235,"every":1,"layers":[{"name":"fc1/weights","shape":[784,300],"prunable":235200},{"name":"fc2/weights","shape":[300,100],"prunable":30000}],"stages":[{"name":"base","steps":2},{"name":"gsm","steps":4}],"histogram_edges":[-4,-2],"command":"gsm prune lenet300 --compress 60"}
{"type":"step","stage":"base","step":1,"epoch":0.5,"loss":2.3,"learning_rate":0.03,"seconds":0.002}
{"type":"eval","stage":"base","step":2,"accuracy":0.98,"loss":0.06}
{"type":"step","stage":"gsm","step":1,"epoch":0.25,"loss":0.1,"learning_rate":0.01,"threshold":0,"active":[4000,436],"flips":0,"reactivated":0}
{"type":"step","stage":"gsm","step":2,"epoch":"+Inf","loss":"NaN","learning_rate":"-Inf","threshold":1e-9,"active":[4001,435],"nonzero":[235200,30000],"flips":12,"reactivated":6}
{"type":"magnitude","stage":"gsm","step":2,"threshold":0.01,"kept":[4002,434],"mass_below":0.25,"histogram":[1,2,3]}
{"type":"eval","stage":"gsm","step":4,"accuracy":0.9821,"loss":0.05}
{"type":"cut","stage":"gsm","step":4,"threshold":0.013,"kept":[4003,433],"q":4436,"accuracy_before":0.9821,"accuracy_after":0.982}
{"type":"eval","stage":"gsm","step":4,"accuracy":0.982,"loss":0.05,"after":"cut"}
{"type":"step","stage":"ticket","step":1,"epoch":0.5,"loss":2.3,"learning_rate":0.03,"nonzero":[4003,433]}
`

func writeAll(t *testing.T, path string, h Header, recs []Record) {
	t.Helper()
	w, err := Create(path, h)
	if err != nil {
		t.Fatal(err)
	}
	writeMore(t, w, recs)
}

func writeMore(t *testing.T, w *Writer, recs []Record) {
	t.Helper()
	for _, rec := range recs {
		if err := w.Write(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func readString(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sameRecord is reflect.DeepEqual with NaN equal to NaN, by way of the text.
func sameRecord(t *testing.T, a, b Record) bool {
	t.Helper()
	x, err := encode(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := encode(b)
	if err != nil {
		t.Fatal(err)
	}
	return reflect.TypeOf(a) == reflect.TypeOf(b) && string(x) == string(y)
}

func TestGoldenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.jsonl")
	writeAll(t, path, testHeader(), testRecords())
	if got := readString(t, path); got != golden {
		t.Errorf("file differs:\n%s\nwant:\n%s", got, golden)
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(names) != 1 {
		t.Errorf("files left in the folder: %v", names)
	}
}

func TestReadGolden(t *testing.T) {
	want := append([]Record{testHeader()}, testRecords()...)
	i := 0
	for rec, err := range Read(strings.NewReader(golden), "x") {
		if err != nil {
			t.Fatal(err)
		}
		if i >= len(want) || !sameRecord(t, rec, want[i]) {
			t.Fatalf("record %d is %#v", i, rec)
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%d records, want %d", i, len(want))
	}
}

func TestMeasuredZeroAndUnmeasured(t *testing.T) {
	run, err := Collect(strings.NewReader(golden), "x")
	if err != nil {
		t.Fatal(err)
	}
	base, first, second := run.Steps[0], run.Steps[1], run.Steps[2]
	if base.Threshold != nil || base.Flips != nil || base.Reactivated != nil || base.Active != nil {
		t.Errorf("unmeasured fields of the base step came back: %+v", base)
	}
	if first.Threshold == nil || *first.Threshold != 0 || first.Flips == nil || *first.Flips != 0 {
		t.Errorf("measured zeros were lost: %+v", first)
	}
	if !math.IsNaN(second.Loss) || !math.IsInf(second.Epoch, 1) || !math.IsInf(second.LearningRate, -1) {
		t.Errorf("NaN and infinities were lost: %+v", second)
	}
	if len(run.Steps) != 4 || len(run.Evals) != 3 || len(run.Magnitudes) != 1 || len(run.Cuts) != 1 || run.Truncated {
		t.Errorf("run is %+v", run)
	}
}

const head = `{"type":"header","version":1,"layers":[{"name":"a","shape":[2],"prunable":2}],"prunable":2,"q":1,"histogram_edges":[0]}` + "\n"
const step1 = `{"type":"step","stage":"gsm","step":1,"loss":1}` + "\n"

func TestReadErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", "x:1: no header: the file is empty"},
		{"no header", step1, "x:1: no header: the first line is a step"},
		{"second header", head + head, "x:2: second header"},
		{"new version", `{"type":"header","version":9}` + "\n", "x:1: header: version 9 is newer"},
		{"no version", `{"type":"header"}` + "\n", "x:1: header: version 0"},
		{"broken middle", head + step1[:20] + "\n" + step1, "x:2: unexpected end of JSON"},
		{"broken last with newline", head + step1 + "{\n", "x:3: unexpected end of JSON"},
		{"blank line", head + "\n" + step1, "x:2: unexpected end of JSON"},
		{"two on a line", head + step1[:len(step1)-1] + step1, "x:2: invalid character"},
		{"unknown type", head + `{"type":"lunch"}` + "\n", `x:2: unknown type "lunch"`},
		{"unknown type, no newline", head + `{"type":"lunch"}`, `x:2: unknown type "lunch"`},
		{"no type", head + `{"step":1}` + "\n", `x:2: no "type" field`},
		{"not an object", head + "[1]\n", "x:2: json: cannot unmarshal array"},
		{"counts", head + `{"type":"step","stage":"gsm","step":1,"active":[1,2]}` + "\n", "x:2: step: active has 2 counts, the header has 1 layers"},
		{"negative count", head + `{"type":"cut","stage":"gsm","step":1,"kept":[-1]}` + "\n", "x:2: cut: kept[0] is -1"},
		{"bins", head + `{"type":"magnitude","stage":"gsm","step":1,"histogram":[1]}` + "\n", "x:2: magnitude: histogram has 1 bins, the header's edges make 2"},
		{"negative step", head + `{"type":"step","stage":"gsm","step":-1}` + "\n", "x:2: step: step -1"},
		{"no stage", head + `{"type":"eval","step":1}` + "\n", "x:2: eval: stage is empty"},
		{"null loss", head + `{"type":"eval","stage":"gsm","step":1,"loss":null}` + "\n", "x:2: null is not a number"},
		{"number as string", head + `{"type":"eval","stage":"gsm","step":1,"loss":"1"}` + "\n", `x:2: "1" is not a number`},
		{"too big", head + `{"type":"eval","stage":"gsm","step":1,"loss":1e999}` + "\n", "x:2: 1e999 is not a number"},
		{"edges", `{"type":"header","version":1,"histogram_edges":[1,"NaN"]}` + "\n", "x:1: header: histogram edge 1 is NaN"},
		{"long line", head + strings.Repeat(" ", MaxLine+1) + "\n", "x:2: line is longer than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got error
			for _, err := range Read(strings.NewReader(tt.text), "x") {
				if got != nil {
					t.Fatalf("the stream went on after %v", got)
				}
				got = err
			}
			if got == nil || !strings.HasPrefix(got.Error(), tt.want) {
				t.Fatalf("error %v, want %s...", got, tt.want)
			}
			if errors.Is(got, ErrTruncated) {
				t.Errorf("%v is taken for a cut-off line", got)
			}
			if _, err := Collect(strings.NewReader(tt.text), "x"); err == nil || !strings.Contains(err.Error(), got.Error()) {
				t.Errorf("Collect: %v, want %v", err, got)
			}
		})
	}
}

func TestLongestLine(t *testing.T) {
	text := head + strings.Repeat(" ", MaxLine-len(step1)+1) + step1
	run, err := Collect(strings.NewReader(text), "x")
	if err != nil || len(run.Steps) != 1 {
		t.Errorf("a line of MaxLine bytes: %v", err)
	}
}

// A file cut at any byte is read up to the last whole line.
func TestCutOffAnywhere(t *testing.T) {
	headerEnd := strings.IndexByte(golden, '\n')
	for n := range len(golden) {
		text := golden[:n]
		run, err := Collect(strings.NewReader(text), "x")
		if n < headerEnd {
			if err == nil || !strings.Contains(err.Error(), "x:1: ") {
				t.Fatalf("%d bytes: error %v, want one at x:1", n, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		whole := strings.Count(text, "\n")
		partial := !strings.HasSuffix(text, "\n")
		if partial && golden[n] == '\n' { // only the newline is missing
			whole, partial = whole+1, false
		}
		got := 1 + len(run.Steps) + len(run.Evals) + len(run.Magnitudes) + len(run.Cuts)
		if got != whole || run.Truncated != partial {
			t.Fatalf("%d bytes: %d records, truncated %v; want %d, %v", n, got, run.Truncated, whole, partial)
		}
	}
}

func TestReadYieldsErrTruncated(t *testing.T) {
	var last error
	n := 0
	for _, err := range Read(strings.NewReader(head+step1+`{"type":"st`), "x") {
		last = err
		n++
	}
	if n != 3 || !errors.Is(last, ErrTruncated) || last.Error() != "x:3: last line is cut off" {
		t.Errorf("%d records, error %v", n, last)
	}
}

func TestLoadMissing(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestReadHeader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.jsonl")
	writeAll(t, path, testHeader(), nil)
	h, err := ReadHeader(path)
	if err != nil || !reflect.DeepEqual(h, testHeader()) {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestAddHistogram(t *testing.T) {
	edges := []float64{-2, -1, 0}
	counts := make([]int, 4)
	weights := []float32{0, 0.001, -0.001, 0.02, -0.5, 1, -7, float32(math.NaN()), float32(math.Inf(-1))}
	if err := AddHistogram(counts, edges, weights); err != nil {
		t.Fatal(err)
	}
	if want := []int{3, 1, 1, 4}; !reflect.DeepEqual(counts, want) {
		t.Errorf("counts %v, want %v", counts, want)
	}
	if err := AddHistogram(counts, edges[:1], weights); err == nil {
		t.Error("4 bins for one edge: no error")
	}
	if err := (Header{Version: 1, HistogramEdges: DefaultEdges()}).check(nil); err != nil {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(golden))
	f.Add([]byte(golden[:len(golden)-9]))
	f.Add([]byte(head + `{"type":"step","stage":"gsm","step":1,"active":null,"threshold":null}`))
	f.Add([]byte(head + "{}\n" + step1))
	f.Add([]byte("\x00\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		ended := false
		for rec, err := range Read(strings.NewReader(string(text)), "x") {
			if ended {
				t.Fatal("the stream goes on after an error")
			}
			if err != nil {
				if !strings.HasPrefix(err.Error(), "x:") {
					t.Fatalf("error without position: %v", err)
				}
				ended = true
				continue
			}
			// What was read can be written and is then read as the same.
			line, err := encode(rec)
			if err != nil {
				t.Fatal(err)
			}
			again, err := decode(line)
			if err != nil || !sameRecord(t, rec, again) {
				t.Fatalf("%s is read as %#v: %v", line, again, err)
			}
		}
	})
}
