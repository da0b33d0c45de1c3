// Tests of writing: resumed runs end in the same file, and a full disk is an error.

package trace

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gsmlab/internal/atomicfile"
)

// goldenLines returns the golden file with only the given lines, counted from 1.
func goldenLines(keep ...int) string {
	lines := strings.SplitAfter(golden, "\n")
	var b strings.Builder
	for _, n := range keep {
		b.WriteString(lines[n-1])
	}
	return b.String()
}

func TestAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.jsonl")
	for n := strings.IndexByte(golden, '\n'); n <= len(golden); n++ {
		if err := os.WriteFile(path, []byte(golden[:n]), 0o644); err != nil {
			t.Fatal(err)
		}
		w, err := Append(path)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if w.Header().Q != 4436 {
			t.Fatalf("header %+v", w.Header())
		}
		extra := Eval{Stage: "gsm", Step: 9, Accuracy: 1}
		writeMore(t, w, []Record{extra})
		text, _ := encode(extra)
		whole := golden[:strings.LastIndexByte(golden[:n], '\n')+1]
		if n < len(golden) && golden[n] == '\n' { // only the newline was missing
			whole = golden[:n+1]
		}
		if got, want := readString(t, path), whole+string(text)+"\n"; got != want {
			t.Fatalf("%d bytes:\n%s\nwant:\n%s", n, got, want)
		}
	}
}

func TestAppendFrom(t *testing.T) {
	tests := []struct {
		stage string
		step  int
		keep  []int // lines of the golden file
	}{
		{StageBase, 0, []int{1}},
		{StageBase, 1, []int{1, 2}},
		{StageBase, 2, []int{1, 2, 3}},
		{StageGSM, 0, []int{1, 2, 3}},
		{StageGSM, 1, []int{1, 2, 3, 4}},
		{StageGSM, 2, []int{1, 2, 3, 4, 5, 6}},
		// From the last step's checkpoint, the cut and what follows are still ahead.
		{StageGSM, 4, []int{1, 2, 3, 4, 5, 6, 7}},
		{StageTicket, 0, []int{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{StageTicket, 1, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %d", tt.stage, tt.step), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "trace.jsonl")
			if err := os.WriteFile(path, []byte(golden+`{"type":`), 0o644); err != nil {
				t.Fatal(err)
			}
			w, err := AppendFrom(path, tt.stage, tt.step)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if got, want := readString(t, path), goldenLines(tt.keep...); got != want {
				t.Errorf("file:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestAppendFromOtherStages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.jsonl")
	first, second, third := Eval{Stage: "one", Step: 9}, Eval{Stage: "two", Step: 3}, Eval{Stage: "three", Step: 1}
	writeAll(t, path, Header{}, []Record{first, second, third, Eval{Stage: "one", Step: 10}})
	w, err := AppendFrom(path, "two", 3)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	run, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(run.Evals), fmt.Sprint([]Eval{first, second, {Stage: "one", Step: 10}}); got != want {
		t.Errorf("kept %v, want %v", got, want)
	}
}

// A run that is killed and resumed at any checkpoint ends with the same file.
func TestResumeEndsWithSameFile(t *testing.T) {
	recs := testRecords()
	for at, rec := range recs {
		step, ok := rec.(Step)
		if !ok {
			continue
		}
		path := filepath.Join(t.TempDir(), "trace.jsonl")
		writeAll(t, path, testHeader(), recs)
		w, err := AppendFrom(path, step.Stage, step.Step)
		if err != nil {
			t.Fatal(err)
		}
		rest := recs[at+1:]
		if step.Step == 2 { // the magnitude of step 2 is kept
			rest = rest[1:]
		}
		writeMore(t, w, rest)
		if got := readString(t, path); got != golden {
			t.Errorf("resumed after %s %d:\n%s", step.Stage, step.Step, got)
		}
	}
}

func TestAppendKeepsUnknownFields(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.jsonl")
	text := head + `{"type":"eval","stage":"gsm","step":1,"later":"field"}` + "\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	w, err := Append(path)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if got := readString(t, path); got != text {
		t.Errorf("file %q, want %q", got, text)
	}
}

func TestAppendErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Append(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	path := filepath.Join(dir, "trace.jsonl")
	for text, want := range map[string]string{
		"":                   "no header",
		`{"type":"he`:        "last line is cut off in the header: delete the file",
		head + "{\n" + step1: ":2: unexpected end of JSON",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Append(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want ...%s", text, err, want)
		}
		if got := readString(t, path); got != text {
			t.Errorf("a failed Append changed the file to %q", got)
		}
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("files left: %v", names)
	}
}

func TestCreateErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "none", "trace.jsonl")
	if _, err := Create(path, Header{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("missing folder: %v", err)
	}
	path = filepath.Join(dir, "trace.jsonl")
	if _, err := Create(path, Header{Q: 2, Prunable: 1}); err == nil || !strings.Contains(err.Error(), "q 2 of 1") {
		t.Errorf("Q > N: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a refused header left a file")
	}
}

func TestWriteRefusesButGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.jsonl")
	w, err := Create(path, testHeader())
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range []Record{nil, testHeader(), Step{Stage: "gsm", Step: 1, Active: []int{1}}, Step{Step: 1}, &Eval{Stage: "gsm"}} {
		if err := w.Write(rec); err == nil {
			t.Errorf("%#v was written", rec)
		}
	}
	writeMore(t, w, testRecords())
	if got := readString(t, path); got != golden {
		t.Errorf("file:\n%s", got)
	}
	if err := w.Write(testRecords()[0]); !errors.Is(err, os.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
}

func TestCutStageDefaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.jsonl")
	writeAll(t, path, Header{}, []Record{Cut{Step: 1}})
	run, err := Load(path)
	if err != nil || run.Cuts[0].Stage != StageGSM {
		t.Errorf("%+v, %v", run, err)
	}
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	full, err := atomicfile.Create("/dev/full")
	if err != nil {
		t.Fatal(err)
	}
	w := newWriter("trace.jsonl", full)
	if err := w.Write(Eval{Stage: "gsm", Step: 1}); err != nil {
		t.Fatalf("a buffered write failed: %v", err)
	}
	err = w.Flush()
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "trace.jsonl") {
		t.Fatalf("flush: %v", err)
	}
	for _, again := range []error{w.Write(Eval{Stage: "gsm", Step: 2}), w.Sync(), w.Close()} {
		if again != err {
			t.Errorf("later call: %v, want %v", again, err)
		}
	}
}

func BenchmarkWriteStep(b *testing.B) {
	w, err := Create(filepath.Join(b.TempDir(), "trace.jsonl"), testHeader())
	if err != nil {
		b.Fatal(err)
	}
	step := Step{Stage: StageGSM, Step: 1, Epoch: 0.25, Loss: 0.123456, LearningRate: 0.01, Threshold: new(math.Pi * 1e-7),
		Active: []int{4000, 436}, Flips: new(int64(300)), Reactivated: new(int64(150)), Seconds: 0.003}
	for b.Loop() {
		if err := w.Write(step); err != nil {
			b.Fatal(err)
		}
	}
}
