// Runs the transcripts of testdata: cells, and what they must show.

package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/png"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"gsmlab/kernel/engine/celltest"
)

// transcript collects what a session shows.
type transcript struct {
	mu    sync.Mutex
	text  strings.Builder
	lines []string // answers to Input; after them there is nobody to ask
}

func (t *transcript) add(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.WriteString(s)
}

// line starts a new line, so that what is not printed stands out.
func (t *transcript) line(s string) {
	if old := t.String(); old != "" && !strings.HasSuffix(old, "\n") {
		s = "\n" + s
	}
	t.add(s + "\n")
}

func (t *transcript) Stdout(s string) { t.add(s) }
func (t *transcript) Stderr(s string) { t.add(s) }
func (t *transcript) Result(b Bundle) { t.line("= " + b.Text()); t.forms(b) }
func (t *transcript) Clear(wait bool) { t.line(fmt.Sprintf("[clear wait=%v]", wait)) }
func (t *transcript) Page(b Bundle)   { t.line(b.Text()) }
func (t *transcript) Note(s string)   { t.line("note: " + s) }
func (t *transcript) Progress(string) {} // depends on what was built before
func (t *transcript) String() string  { t.mu.Lock(); defer t.mu.Unlock(); return t.text.String() }
func (t *transcript) Display(d Display) {
	head := "[display"
	if d.ID != "" {
		head += fmt.Sprintf(" id=%s update=%v", d.ID, d.Update)
	}
	for _, k := range slices.Sorted(maps.Keys(d.Metadata)) {
		head += fmt.Sprintf(" %s=%v", k, d.Metadata[k])
	}
	t.line(head + "]")
	if text := d.Data.Text(); text != "" {
		t.line("  text/plain: " + text)
	}
	t.forms(d.Data)
}

// forms shows the forms of b other than its text: pictures by their size, long texts by their
// length.
func (t *transcript) forms(b Bundle) {
	for _, mime := range slices.Sorted(maps.Keys(b)) {
		switch form := b[mime].(type) {
		case []byte:
			what := fmt.Sprintf("%d bytes", len(form))
			if c, format, err := image.DecodeConfig(bytes.NewReader(form)); err == nil {
				what = fmt.Sprintf("%s %dx%d", format, c.Width, c.Height)
			}
			t.line("  " + mime + ": " + what)
		case string:
			if mime == "text/plain" {
				continue
			}
			if len(form) > 200 {
				form = fmt.Sprintf("%s... (%d bytes)", form[:20], len(form))
			}
			t.line("  " + mime + ": " + form)
		}
	}
}

func (t *transcript) Input(ctx context.Context, prompt string, secret bool) (string, error) {
	if secret {
		prompt += " (secret)"
	}
	t.mu.Lock()
	answer := ""
	if len(t.lines) > 0 {
		answer, t.lines = t.lines[0], t.lines[1:]
	}
	t.mu.Unlock()
	switch answer {
	case "":
		t.line("? " + prompt)
		return "", ErrNoInput
	case "^D":
		t.line("? " + prompt + "\n< ^D")
		return "", io.EOF
	case "^Z": // never answers
		t.line("? " + prompt + "\n< ^Z")
		<-ctx.Done()
		return "", ctx.Err()
	}
	t.line("? " + prompt + "\n< " + answer)
	return answer, nil
}

// replay runs the cells of a transcript and returns the resulting transcript. `%interrupt 100ms`
// interrupts the next cell after that time.
func replay(s *Engine, text string) string {
	var out strings.Builder
	var after time.Duration
	for _, cell := range celltest.Cells(text) {
		code := cell.Code
		out.WriteString("> " + strings.TrimSuffix(strings.ReplaceAll(code, "\n", "\n. "), ". "))
		if rest, ok := strings.CutPrefix(code, "%interrupt "); ok {
			after, _ = time.ParseDuration(strings.TrimSpace(rest))
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		if after > 0 {
			wait := after
			s.began = func() { time.AfterFunc(wait, cancel) }
			after = 0
		}
		seen := transcript{lines: cell.Lines}
		err := s.Execute(ctx, code, &seen)
		cancel()
		s.began = nil
		shown := seen.String()
		var cell *CellError
		if errors.As(err, &cell) && cell.Kind == KindCrash {
			// the runtime's dump does not matter here
			shown = ""
		}
		out.WriteString(shown)
		if KindOf(err) == KindInterrupt { // where it was may depend on the machine
			err = Interrupted()
			cell = nil
		}
		if err != nil {
			if shown != "" && !strings.HasSuffix(shown, "\n") {
				out.WriteString("\n")
			}
			fmt.Fprintf(&out, "! %s\n", strings.ReplaceAll(err.Error(), "\n", "\n! "))
			if cell != nil && len(cell.Trace) > 0 {
				fmt.Fprintf(&out, "  at %s\n", strings.Trim(fmt.Sprint(cell.Trace), "[]"))
			}
		}
	}
	return out.String()
}
