package chart

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gsmlab/gsm/trace"
)

func TestRunPage(t *testing.T) {
	page, err := RunPage(longRun())
	if err != nil {
		t.Fatal(err)
	}
	var buf, again bytes.Buffer
	if err := WriteHTML(&buf, page); err != nil {
		t.Fatal(err)
	}
	if err := WriteHTML(&again, page); err != nil || !bytes.Equal(buf.Bytes(), again.Bytes()) {
		t.Errorf("a second page differs, %v", err)
	}
	text := buf.String()
	for _, want := range []string{
		"<h1>lenet300 pruned 60× by global sparse momentum</h1>",
		"<td>xla:cpu</td>", "<td>266,200</td>", "<td>4,436</td>", "<td>9.38</td>",
		"<td>784×300</td>", "gsm prune lenet300 --compress 60 --seed 1",
		"18,800, 56.4 s, 3.00 ms a step",
		"<figcaption>The global magnitude cut keeps the 4,436 greatest |w| of 266,200 prunable weights",
		"prefers-color-scheme: dark",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := strings.Count(text, "<svg "); n != 7 {
		t.Errorf("%d inline figures, want 7", n)
	}
	// Self-contained: nothing is loaded, nothing runs.
	if m := regexp.MustCompile(`(?i)<script|<link|<img|url\(|src=|@import|href="?https?:`).FindString(text); m != "" {
		t.Errorf("the page has %q", m)
	}
	if *outDir != "" {
		if err := SaveHTML(filepath.Join(*outDir, "page.html"), page); err != nil {
			t.Error(err)
		}
	}
}

func TestPageEscapes(t *testing.T) {
	run := synth([]trace.Layer{{Name: "<b>a", Prunable: 600}, {Name: "c&d", Prunable: 600}}, 10, 1, 2, 1)
	run.Header.Model, run.Header.Command = "<i>model", "</pre><script>x</script>"
	page, err := RunPage(run)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := WriteHTML(&buf, page); err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"<b>", "<i>", "<script"} {
		if strings.Contains(buf.String(), tag) {
			t.Errorf("%s came through", tag)
		}
	}
	if !strings.Contains(buf.String(), "c&amp;d") {
		t.Error("the layer's name is missing")
	}
}

func TestUnfinishedRunIsNoted(t *testing.T) {
	run := *shortRun()
	run.Cuts, run.Truncated = nil, true
	run.Header.BudgetS = 3
	page, err := RunPage(&run)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(page.Notes, "\n"); !strings.Contains(got, "not reached its final cut") || !strings.Contains(got, "cut off") || !strings.Contains(got, "S = 3.00") {
		t.Errorf("notes:\n%s", got)
	}
	var buf bytes.Buffer
	if err := WriteHTML(&buf, page); err != nil || !strings.Contains(buf.String(), ">n/a<") {
		t.Errorf("layers of an uncut run: %v", err)
	}
}

type brokenWriter struct{ wrote int }

func (w *brokenWriter) Write(p []byte) (int, error) {
	w.wrote += len(p)
	return 0, errors.New("disk full")
}

func TestWriteHTMLErrors(t *testing.T) {
	w := new(brokenWriter)
	if err := WriteHTML(w, Page{Title: "x"}); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("error %v", err)
	}
	*w = brokenWriter{}
	f, err := Density(shortRun())
	if err != nil {
		t.Fatal(err)
	}
	bad := *f
	bad.Width = 1
	if err := WriteHTML(w, Page{Figures: []*Figure{&bad}}); err == nil || w.wrote > 0 {
		t.Errorf("error %v after %d bytes", err, w.wrote)
	}
	path := filepath.Join(t.TempDir(), "none", "page.html")
	if err := SaveHTML(path, Page{}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("missing folder: %v", err)
	}
}
