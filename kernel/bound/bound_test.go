// Cells that show output without end: text, lines without an end, displays, updates, animations,
// progress bars.

package bound

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"gsmlab/kernel/engine"
)

// page is a front end that records what it was sent, one line each.
type page struct {
	sync.Mutex
	text, all strings.Builder
	calls     int
	displays  []string
	notes     []string
}

func (p *page) add(kind, text string) {
	p.calls++
	fmt.Fprintf(&p.all, "%s %q\n", kind, text)
}
func (p *page) Stdout(text string)     { p.text.WriteString(text); p.add("out", text) }
func (p *page) Stderr(text string)     { p.text.WriteString(text); p.add("err", text) }
func (p *page) Result(b engine.Bundle) { p.add("result", b.Text()) }
func (p *page) Clear(wait bool)        { p.add("clear", "") }
func (p *page) Page(b engine.Bundle)   { p.add("page", b.Text()) }
func (p *page) Progress(text string)   { p.add("progress", text) }
func (p *page) Note(text string)       { p.notes = append(p.notes, text); p.add("note", text) }
func (p *page) Display(d engine.Display) {
	p.displays = append(p.displays, d.Data.Text())
	p.add("display", d.ID+d.Data.Text())
}
func (p *page) Input(context.Context, string, bool) (string, error) { return "answer", nil }

// cell runs a function as a cell with its outputs.
func cell(t *testing.T, limit Limit, run func(o *Outputs)) (*page, string) {
	t.Helper()
	p, dir := &page{}, t.TempDir()
	p.Lock()
	o := New(p, p, limit, "cell-7", func() (string, error) { return dir, nil })
	run(o)
	o.End()
	p.Unlock()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	kept := ""
	for _, f := range files {
		text, err := os.ReadFile(dir + "/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(f.Name(), "cell-7-") || !strings.Contains(strings.Join(p.notes, "\n"), f.Name()) {
			t.Errorf("the file %s is not named in %q", f.Name(), p.notes)
		}
		kept += string(text)
	}
	return p, kept
}

func TestShortOutputsPassAsTheyAre(t *testing.T) {
	p, kept := cell(t, Default, func(o *Outputs) {
		o.Stdout("a\n")
		o.Stderr("b\n")
		o.Display(engine.Display{ID: "x", Data: engine.Bundle{"text/plain": "d"}})
		o.Stdout("c")
		o.Result(engine.Bundle{"text/plain": "r"})
	})
	if want := "out \"a\\n\"\nerr \"b\\n\"\ndisplay \"xd\"\nout \"c\"\nresult \"r\"\n"; p.all.String() != want || kept != "" {
		t.Errorf("got\n%s, %q", p.all.String(), kept)
	}
}

func TestEndlessLines(t *testing.T) {
	const n = 300_000
	p, kept := cell(t, 100<<10, func(o *Outputs) {
		for i := range n {
			o.Stdout(fmt.Sprintf("line %d\n", i))
		}
		o.Result(engine.Bundle{"text/plain": "done"})
	})
	text := p.text.String()
	if !strings.HasPrefix(text, "line 0\nline 1\n") || !strings.HasSuffix(text, fmt.Sprintf("line %d\n", n-1)) || len(text) > 130<<10 || strings.Count(text, "\n") > 1400 {
		t.Errorf("%d bytes, %d lines: %.40q ... %q", len(text), strings.Count(text, "\n"), text, text[len(text)-40:])
	}
	if len(p.notes) != 2 || !strings.Contains(p.notes[1], " lines (") || !strings.Contains(p.notes[1], "are left out here; all that the cell has printed is in ") {
		t.Errorf("notes %q", p.notes)
	}
	var left int
	fmt.Sscanf(p.notes[1], "%d lines", &left)
	if got := left + strings.Count(text, "\n"); got != n {
		t.Errorf("%d lines are shown or said to be left out, of %d", got, n)
	}
	if strings.Count(kept, "\n") != n || !strings.HasPrefix(kept, "line 0\n") || !strings.HasSuffix(kept, fmt.Sprintf("line %d\n", n-1)) {
		t.Errorf("the file has %d lines", strings.Count(kept, "\n"))
	}
	if !strings.HasSuffix(p.all.String(), "result \"done\"\n") {
		t.Error("the result does not come last")
	}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if !strings.HasPrefix(line, "line ") {
			t.Errorf("a line was cut: %q", line)
		}
	}
}

func TestEndlessLineAndStderr(t *testing.T) {
	p, kept := cell(t, 64<<10, func(o *Outputs) {
		for i := range 100_000 {
			if i%2 == 0 {
				o.Stdout("日本")
			} else {
				o.Stderr("e")
			}
		}
	})
	text := p.text.String()
	if len(text) < 64<<10 || len(text) > 90<<10 || strings.ContainsRune(text, '\uFFFD') || strings.ToValidUTF8(text, "") != text {
		t.Errorf("%d bytes; characters are cut: %v", len(text), strings.ToValidUTF8(text, "") != text)
	}
	if len(kept) != 50_000*7 {
		t.Errorf("%d bytes are kept", len(kept))
	}
	if len(p.notes) != 2 {
		t.Errorf("notes %q", p.notes)
	}
}

func TestWhatFitsInTheEndIsNotLeftOut(t *testing.T) {
	p, _ := cell(t, 10<<10, func(o *Outputs) { o.Stdout(strings.Repeat("123456789\n", 90) + strings.Repeat("x\n", 40)) })
	if len(p.notes) != 1 || strings.Count(p.text.String(), "\n") != 130 {
		t.Errorf("%d lines, notes %q", strings.Count(p.text.String(), "\n"), p.notes)
	}
}

func TestEndlessDisplays(t *testing.T) {
	const n = 20_000
	p, kept := cell(t, Default, func(o *Outputs) {
		for i := range n {
			o.Display(engine.Display{Data: engine.Bundle{"text/plain": fmt.Sprint(i), "image/png": []byte{1, 2}}})
		}
	})
	if k := len(p.displays); k > maxDisplays+keptDisplays || p.displays[0] != "0" || p.displays[k-1] != fmt.Sprint(n-1) {
		t.Errorf("%d displays, from %s to %s", k, p.displays[0], p.displays[k-1])
	}
	if got := strings.Count(kept, `"image/png":"AQI="`) + len(p.displays); got != n {
		t.Errorf("%d displays are shown or kept, of %d", got, n)
	}
	if !strings.Contains(p.notes[len(p.notes)-1], fmt.Sprintf("%d displays (", n-len(p.displays))) {
		t.Errorf("notes %q", p.notes)
	}
	p, _ = cell(t, Default, func(o *Outputs) { // few, and huge
		for range 30 {
			o.Display(engine.Display{Data: engine.Bundle{"image/png": make([]byte, 8<<20)}})
		}
	})
	if k := len(p.displays); k < 8 || k > 12 {
		t.Errorf("%d displays of 8 MB", k)
	}
}

// TestFrames: output that replaces other output comes at most twenty times a second, and its last
// state always comes.
func TestFrames(t *testing.T) {
	const lasts = 300 * time.Millisecond
	for name, frame := range map[string]func(o *Outputs, i int){
		"updates": func(o *Outputs, i int) {
			o.Display(engine.Display{ID: "x", Update: true, Data: engine.Bundle{"text/plain": fmt.Sprint(i)}})
		},
		"animations": func(o *Outputs, i int) {
			o.Clear(true)
			o.Display(engine.Display{Data: engine.Bundle{"text/plain": fmt.Sprint(i)}})
		},
		"progress": func(o *Outputs, i int) { o.Stdout(fmt.Sprintf("\r%8d", i)) },
		"coloured": func(o *Outputs, i int) { o.Stderr(fmt.Sprintf("\r\x1b[32m%8d\x1b[0m\x1b[K", i)) },
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			p, kept := cell(t, Default, func(o *Outputs) {
				for start := time.Now(); time.Since(start) < lasts; n++ {
					frame(o, n)
					if n%100 == 0 { // as between two calls of the engine
						o.lock.Unlock()
						time.Sleep(time.Millisecond)
						o.lock.Lock()
					}
				}
			})
			if n < 300 || p.calls > 2*int(lasts/frameTime)+6 || p.all.Len() > 64<<10 {
				t.Errorf("%d calls of %d, %d bytes", p.calls, n, p.all.Len())
			}
			if !strings.Contains(p.all.String()[max(0, p.all.Len()-100):], fmt.Sprint(n-1)) || len(p.notes) > 0 || kept != "" {
				t.Errorf("the last state is not there, or something was left out: %q", p.all.String()[max(0, p.all.Len()-100):])
			}
		})
	}
}

// TestLongProgress: hours of a progress bar, even of several lines, stay within the limit.
func TestLongProgress(t *testing.T) {
	for _, frame := range []string{"\r%060d", "\x1b[2K\r%060d\x1b[K", "%060d\n%060d\n\x1b[2A", "\r%060d\b\b"} {
		p, _ := cell(t, 64<<10, func(o *Outputs) {
			for i := range 20_000 {
				o.Stdout(strings.ReplaceAll(frame, "%060d", fmt.Sprintf("%060d", i)))
				if i%1000 == 0 {
					o.release()
				}
			}
		})
		if len(p.notes) > 0 {
			t.Errorf("%q: %q", frame, p.notes)
		}
	}
}

func TestQuestionsComeAfterWhatWasShown(t *testing.T) {
	p, _ := cell(t, Default, func(o *Outputs) {
		o.Stdout("\r1")
		o.Stdout("\r2")
		o.lock.Unlock()
		if answer, err := o.Input(context.Background(), "?", false); answer != "answer" || err != nil {
			t.Errorf("%q, %v", answer, err)
		}
		o.lock.Lock()
		if !strings.Contains(o.to.(*page).all.String(), "2") {
			t.Error("the question was asked before the text was shown")
		}
	})
	_ = p
}

func TestWithoutBound(t *testing.T) {
	p, kept := cell(t, None, func(o *Outputs) {
		for range 3000 {
			o.Stdout(strings.Repeat("x", 1000))
			o.Display(engine.Display{})
			o.Clear(true)
		}
	})
	if p.text.Len() != 3_000_000 || p.calls != 9000 || kept != "" {
		t.Errorf("%d bytes in %d calls", p.text.Len(), p.calls)
	}
}

func TestNoRoomOnTheDisk(t *testing.T) {
	p := &page{}
	o := New(p, p, least, "cell-1", func() (string, error) { return "", os.ErrPermission })
	o.Stdout(strings.Repeat("line\n", 10_000))
	o.End()
	if text := strings.Join(p.notes, "\n"); !strings.Contains(text, "no file has them: permission denied") {
		t.Errorf("notes %q", text)
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]Limit{"all": None, "ALL": None, "2MB": 2 << 20, " 500 kb": 500 << 10, "1.5MiB": 3 << 19, "2048": 2048, "1G": 1 << 30} {
		if got, err := Parse(text); got != want || err != nil {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "5", "much", "1TBX", "NaN", "1e99"} {
		if got, err := Parse(text); err == nil || got != Default {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for limit, want := range map[Limit]string{None: "all", Default: "1 MB", 3 << 19: "1.5 MB", 2048: "2 KB"} {
		if limit.String() != want {
			t.Errorf("%d: %s", int64(limit), limit)
		}
	}
}

func FuzzCollapsed(f *testing.F) {
	f.Add("a\rb\rccc\rdd\x1b[K\re\n\r\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		if got := collapsed(text); len(got) > len(text) || strings.Count(got, "\n") != strings.Count(text, "\n") || !bytes.Contains([]byte(text), []byte(got[strings.LastIndexAny(got, "\r\n")+1:])) {
			t.Errorf("%q: %q", text, got)
		}
	})
}
