// Tests of cells in one session: transcripts, interrupts, input, the demo, widgets.

package shell

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"gsmlab/kernel/engine"
)

var update = flag.Bool("update", false, "write what was seen into the transcripts")

// recorder is Outputs as text. Input answers with the entries of answers.
type recorder struct {
	mu      sync.Mutex
	text    strings.Builder
	answers []string
}

func (r *recorder) add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.text, format, args...)
}
func (r *recorder) Stdout(s string)          { r.add("%s", s) }
func (r *recorder) Stderr(s string)          { r.add("%s", s) }
func (r *recorder) Result(b engine.Bundle)   { r.add("= %s\n", b.Text()) }
func (r *recorder) Display(d engine.Display) { r.add("[display]\n") }
func (r *recorder) Clear(bool)               {}
func (r *recorder) Page(b engine.Bundle)     { r.add("%s", b.Text()) }
func (r *recorder) Note(s string)            { r.add("note: %s\n", s) }
func (r *recorder) Progress(string)          {}
func (r *recorder) Input(context.Context, string, bool) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.answers) == 0 {
		return "", engine.ErrNoInput
	}
	answer := r.answers[0]
	r.answers = r.answers[1:]
	return answer, nil
}
func (r *recorder) String() string { r.mu.Lock(); defer r.mu.Unlock(); return r.text.String() }

var session = sync.OnceValues(func() (*Shell, error) { return New(context.Background(), Options{}) })

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if engine.Supported() == nil && !testing.Short() {
		if s, err := session(); err == nil {
			s.Close()
		}
	}
	os.Exit(code)
}

// fresh returns the tests' session without names, in its own folder.
func fresh(t *testing.T) *Shell {
	t.Helper()
	if err := engine.Supported(); err != nil {
		t.Skip(err)
	}
	if testing.Short() {
		t.Skip("builds cells")
	}
	s, err := session()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.eng.Chdir(dir); err != nil {
		t.Fatal(err)
	}
	s.count, s.args, s.before = 0, nil, ""
	s.eng.Args(nil)
	return s
}

// times are left out of transcripts.
var times = regexp.MustCompile(`[0-9.]+(ns|µs|ms|m?s)\b|celltest[0-9]+`)

func (s *Shell) transcribe(code string) string {
	var out recorder
	err := s.Execute(context.Background(), code, &out)
	shown := strings.ReplaceAll(out.String(), s.eng.Dir(), "DIR")
	if shown != "" && !strings.HasSuffix(shown, "\n") {
		shown += "\\\n"
	}
	if err != nil {
		shown += "! " + strings.ReplaceAll(strings.ReplaceAll(err.Error(), s.eng.Dir(), "DIR"), "\n", "\n! ") + "\n"
	}
	if strings.Contains(code, "%t") {
		// the cell may be in a cache
		shown = times.ReplaceAllString(strings.ReplaceAll(shown, " (built before)", ""), "TIME")
	}
	return shown
}

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, path := range files {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range a.Files {
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar")+"/"+f.Name, func(t *testing.T) {
				s := fresh(t)
				var got strings.Builder
				for _, code := range cells(string(f.Data)) {
					got.WriteString("> " + strings.TrimSuffix(strings.ReplaceAll(code, "\n", "\n. "), ". "))
					got.WriteString(s.transcribe(code))
				}
				if *update {
					a.Files[i].Data = []byte(got.String())
				} else if got.String() != string(f.Data) {
					t.Errorf("got:\n%s\nwant:\n%s", &got, f.Data)
				}
			})
		}
		if *update {
			if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// cells splits a transcript. Lines with "> " start a cell, lines with ". " continue it, and others
// are its output.
func cells(text string) (codes []string) {
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "> "):
			codes = append(codes, line[2:])
		case strings.HasPrefix(line, ". ") && len(codes) > 0:
			codes[len(codes)-1] += line[2:]
		}
	}
	return codes
}

func TestEveryCommandIsExplained(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Commands() {
		for _, name := range append([]string{c.Name}, c.also...) {
			if c.Help == "" || seen[name] {
				t.Errorf("%%%s: no help, or twice in the table", name)
			}
			seen[name] = true
		}
	}
}

func TestCellsAreInterrupted(t *testing.T) {
	s := fresh(t)
	for _, line := range []string{"!echo started; sleep 60; echo not here", "!trap '' INT; echo started; while :; do sleep 0.1; done", "%%script sh\necho started; sleep 60",
		"fmt.Println(\"started\")\nfor {\n}\n!echo not here"} {
		var out recorder
		begun := make(chan struct{})
		go func() {
			for !strings.Contains(out.String(), "started") {
				time.Sleep(5 * time.Millisecond)
			}
			close(begun)
			s.Interrupt()
		}()
		err := s.Execute(context.Background(), line, &out)
		var cell *engine.CellError
		if !errors.As(err, &cell) || cell.Kind != engine.KindInterrupt || out.String() != "started\n" {
			t.Errorf("%s: %v, %q", line, err, out.String())
		}
		<-begun
	}
}

// TestTimeoutsSayWhere: %timeout interrupts Go, also that of a file, and the error says where it
// was and how far it came. A time that is too short meets the cell while it is built.
func TestTimeoutsSayWhere(t *testing.T) {
	s := fresh(t)
	if err := os.WriteFile(filepath.Join(s.eng.Dir(), "spin.go"), []byte("package main\n\nfunc main() {\n\tfor { spins++ }\n}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Execute(context.Background(), "spins := 0", &recorder{}); err != nil {
		t.Fatal(err)
	}
	for text, note := range map[string]string{"x := 5\nfor { spins++ }": "", "%load spin.go": "note: %load: spin.go was stopped at line 4\n"} {
		var out recorder
		var cell *engine.CellError
		for wait := 100 * time.Millisecond; cell == nil || cell.Place.Cell == 0 || note != "" && out.String() == ""; wait *= 2 {
			err := s.Execute(context.Background(), fmt.Sprintf("%%timeout %v\n%s", wait, text), &out)
			if !errors.As(err, &cell) || cell.Kind != engine.KindInterrupt || wait > time.Minute {
				t.Fatalf("%s: %v", text, err)
			}
		}
		line := 3
		if note != "" {
			line = 2
		}
		if want := (engine.Place{Cell: s.count, Line: line}); cell.Place != want || out.String() != note {
			t.Errorf("%s: stopped at %v, want %v; %q", text, cell.Place, want, out.String())
		}
		out = recorder{}
		if err := s.Execute(context.Background(), "spins > 0", &out); err != nil || out.String() != "= true\n" {
			t.Errorf("%s: %v, %s", text, err, out.String())
		}
	}
}

func TestShellLinesAskForInput(t *testing.T) {
	s := fresh(t)
	out := recorder{answers: []string{"Ada", "secret"}}
	err := s.Execute(context.Background(), "%with_inputs\n!read n; echo hello $n\n%with_password\n!read p; echo ${#p} letters\n!read none; echo \"[$none]\"", &out)
	if err != nil || out.String() != "hello Ada\n6 letters\n[]\n" {
		t.Errorf("%v, %q", err, out.String())
	}
}

// live is a front end that keeps displays and their updates.
type live struct {
	recorder
	displays []engine.Display
}

func (l *live) Display(d engine.Display) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.displays = append(l.displays, d)
}

// The demo runs: it shows its lines as Go, a picture that is replaced while the network trains, and
// what to try next, which works. It is run with fewer steps, on the backend that every machine has.
func TestDemo(t *testing.T) {
	s := fresh(t)
	if err := s.eng.Setenv("GOMLX_BACKEND", "go"); err != nil {
		t.Fatal(err)
	}
	defer func(cell string) { demoCell = cell }(demoCell)
	demoCell = strings.Replace(demoCell, "3_000", "60", 1)
	var out live
	if err := s.Execute(context.Background(), "%demo", &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !regexp.MustCompile(`(?s)^595 weights: accuracy [0-9.]+ %, with all of them [0-9.]+ %\n\nAll of it is still here\. Try next:\n`).MatchString(got) {
		t.Errorf("%q", got)
	}
	if len(out.displays) != 13 {
		t.Fatalf("%d displays, want the lines and twelve pictures", len(out.displays))
	}
	lines, _ := out.displays[0].Data["text/markdown"].(string)
	if want := "```go\n" + strings.ReplaceAll(demoCell, "\t", "    ") + "```\n"; lines != want || strings.Count(lines, "\n") > 20 {
		t.Errorf("it shows %q", lines)
	}
	for i, d := range out.displays[1:] {
		html, _ := d.Data["text/html"].(string)
		if title := fmt.Sprintf("Step %d: accuracy", 5*(i+1)); d.ID == "" || d.ID != out.displays[1].ID || d.Update != (i > 0) || !strings.Contains(html, title) || !strings.Contains(html, "|w|") {
			t.Errorf("picture %d: ID %q, an update: %v, %d bytes without %q or the weights", i, d.ID, d.Update, len(html), title)
		}
	}
	for line := range strings.Lines(demoNext) {
		if code, isCode := strings.CutPrefix(line, "    "); isCode {
			code, _, _ = strings.Cut(code, "  ")
			if err := s.Execute(context.Background(), code, &live{}); err != nil {
				t.Errorf("%s: %v", code, err)
			}
		}
	}
}

// browser is a front end with widgets.
type browser struct{ recorder }

func (*browser) Comm(engine.CommOp, string, any) {}

// GoNB's widget commands say what is true of the front end.
func TestWidgetCommands(t *testing.T) {
	var page browser
	var text recorder
	for _, command := range []string{"%widgets", "%widgets_hb"} {
		if err := errors.Join(new(Shell).Execute(context.Background(), command, &page), new(Shell).Execute(context.Background(), command, &text)); err != nil {
			t.Fatal(err)
		}
	}
	if got := page.String(); got != "note: %widgets is not needed: widgets work without it\nnote: %widgets_hb is not needed: widgets work without it\n" {
		t.Errorf("in a browser: %s", got)
	}
	if got := text.String(); strings.Count(got, "widgets need a browser, and there is none") != 2 {
		t.Errorf("without a browser: %s", got)
	}
}

// Package display, the kernel's public face, knows the calling cell.
func TestDisplayInCells(t *testing.T) {
	s := fresh(t)
	var out recorder
	if err := s.Execute(context.Background(), "fmt.Println(display.InKernel(), display.Context() == ctx)", &out); err != nil || out.String() != "true true\n" {
		t.Errorf("%v, %q", err, out.String())
	}
}

// A saved notebook has what the user typed, and nothing that a front end asked for itself.
func TestSilentCellsAreNotSaved(t *testing.T) {
	s := fresh(t)
	for _, cell := range []struct {
		ctx  context.Context
		code string
	}{{context.Background(), "x := 1"}, {Silent(context.Background()), "x + 1"}, {context.Background(), "%save a.ipynb"}} {
		if err := s.Execute(cell.ctx, cell.code, &recorder{}); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(filepath.Join(s.eng.Dir(), "a.ipynb"))
	if err != nil || !strings.Contains(string(data), `"x := 1"`) || strings.Contains(string(data), "x + 1") {
		t.Errorf("%v: %s", err, data)
	}
}
