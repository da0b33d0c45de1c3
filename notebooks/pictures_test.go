// Every chart is seen at first sight: by viewers that trust no notebook, on the size of the files,
// and in JupyterLab itself.

package notebooks_test

import (
	"bytes"
	"encoding/base64"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"gsmlab/internal/jupyterclients"
	"gsmlab/internal/nbformat"
	"gsmlab/notebooks/lesson"
)

var pictures = flag.Bool("pictures", false, "draw the PNG beside each SVG of the committed notebooks anew, without running them")

const (
	maxNotebook = 2500 << 10 // bytes of a notebook: GitHub shows it, and a clone stays small
	maxPicture  = 256 << 10  // bytes of a PNG
)

// TestPictures: beside each SVG is the PNG that is drawn from it, opaque and at twice the
// resolution, and the files stay small. Each animation has a GIF that moves without scripts.
func TestPictures(t *testing.T) {
	for _, path := range notebooks(t) {
		nb := read(t, path)
		charts := 0
		for i, c := range nb.Cells {
			for j := range c.Outputs {
				o := &c.Outputs[j]
				if html, ok := o.Data["text/html"].(string); ok && strings.Contains(html, "<svg") || strings.Contains(html, `\u003csvg`) {
					if charts++; !strings.Contains(html, `<img src="data:image/gif;base64,`) {
						t.Errorf("%s: cell %d: output %d moves only with scripts", path, i+1, j+1)
					}
				}
				if svg, ok := o.Data["image/svg+xml"].(string); ok {
					charts++
					checkText(t, path, i, svg)
					checkPicture(t, path, i, o, svg)
				}
			}
		}
		if charts == 0 {
			t.Errorf("%s shows no chart", path)
		}
		if *pictures {
			if err := nb.Write(path); err != nil {
				t.Fatal(err)
			}
		}
		if info, err := os.Stat(path); err != nil || info.Size() > maxNotebook {
			t.Errorf("%s has %d bytes, at most %d are allowed: show fewer frames of an animation, %v", path, info.Size(), maxNotebook, err)
		}
	}
}

var (
	svgSize  = regexp.MustCompile(`<svg[^>]* width="([0-9.]+)(pt)?"[^>]* viewBox="0 0 ([0-9.]+) `)
	textSize = regexp.MustCompile(`font-size(?::|=")([0-9.]+)`)
)

// checkText: the text of a chart is at least 9 px high in a column of 768, and turns lighter on
// dark pages. Package chart's own test measures the contrast.
func checkText(t *testing.T, path string, cell int, svg string) {
	t.Helper()
	number := func(text string) float64 {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	size := svgSize.FindStringSubmatch(svg)
	if size == nil {
		t.Errorf("%s: cell %d: the SVG has no size: %.200s", path, cell+1, svg)
		return
	}
	width := number(size[1])
	if size[2] == "pt" {
		width *= 96. / 72
	}
	for _, m := range textSize.FindAllStringSubmatch(svg, -1) {
		if shown := number(m[1]) * min(width, 768) / number(size[3]); shown < 9 {
			t.Errorf("%s: cell %d: text of %.1f px", path, cell+1, shown)
			return
		}
	}
	if !strings.Contains(svg, "prefers-color-scheme: dark") && !strings.Contains(svg, "prefers-color-scheme:dark") {
		t.Errorf("%s: cell %d: the text of the SVG stays dark on dark pages", path, cell+1)
	}
}

// checkPicture compares the PNG of an output with the one that its SVG gives.
func checkPicture(t *testing.T, path string, cell int, o *nbformat.Output, svg string) {
	t.Helper()
	encoded, _ := o.Data["image/png"].(string)
	got, err := base64.StdEncoding.DecodeString(encoded)
	if !*pictures && (err != nil || len(got) == 0 || len(got) > maxPicture || !bytes.HasPrefix(got, []byte("\x89PNG"))) {
		t.Errorf("%s: cell %d: beside the SVG is a PNG of %d bytes, at most %d (%v): go test -short ./notebooks -run Pictures -pictures", path, cell+1, len(got), maxPicture, err)
		return
	}
	if testing.Short() && !*pictures {
		return // drawing them all takes half a minute
	}
	png, size := lesson.Picture([]byte(svg))
	if *pictures {
		o.Data["image/png"] = base64.StdEncoding.EncodeToString(png)
		o.Metadata = map[string]any{"image/png": map[string]any{"width": size["width"], "height": size["height"]}}
	} else if !bytes.Equal(got, png) {
		t.Errorf("%s: cell %d: the PNG is not that of the SVG: go test -short ./notebooks -run Pictures -pictures", path, cell+1)
	}
}

// folder is a path of somebody's machine.
var folder = regexp.MustCompile(`(?:^|[\s"'(=])/(?:root|home|Users|tmp|work|mnt|var|opt)/[^\s"']*`)

// TestCellsFit: no line of a cell is wider than the column of JupyterLab in a window of 1300 px,
// with the list of files beside it. TestUntrusted looks in JupyterLab itself.
func TestCellsFit(t *testing.T) {
	const column = 105 // characters of 7.8 px
	for _, path := range notebooks(t) {
		for i, c := range read(t, path).Cells {
			for line := range strings.Lines(c.Source) {
				if line = strings.ReplaceAll(line, "\t", "    "); c.Type == "code" && utf8.RuneCountInString(line) > column+1 {
					t.Errorf("%s: cell %d has a line of %d characters: %s", path, i+1, utf8.RuneCountInString(line), line)
				}
			}
		}
	}
}

// TestCommittedMetadata: outputs name no folder of the machine that recorded them, and a client
// that opens a notebook has nothing to add to it.
func TestCommittedMetadata(t *testing.T) {
	for _, path := range notebooks(t) {
		nb := read(t, path)
		for i, c := range nb.Cells {
			for _, o := range c.Outputs {
				texts := []string{o.Text, o.Evalue, strings.Join(o.Traceback, "\n")}
				for _, form := range []string{"text/plain", "text/markdown"} {
					text, _ := o.Data[form].(string)
					texts = append(texts, text)
				}
				if at := folder.FindString(strings.Join(texts, "\n")); at != "" {
					t.Errorf("%s: cell %d names %s", path, i+1, at)
				}
			}
		}
		info, _ := nb.Metadata["language_info"].(map[string]any)
		want := []string{"codemirror_mode", "file_extension", "mimetype", "name", "nbconvert_exporter", "pygments_lexer", "version"}
		if got := slices.Sorted(maps.Keys(info)); !slices.Equal(got, want) {
			t.Errorf("%s: language_info has %q, kernels write %q", path, got, want)
		}
	}
}

// TestUntrusted opens each committed notebook in JupyterLab, which does not trust it, and finds all
// of its charts drawn.
func TestUntrusted(t *testing.T) {
	if testing.Short() {
		t.Skip("starts JupyterLab and a browser")
	}
	python := jupyterclients.Lab(t)
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		t.Skip("there is no Chromium: apt install chromium")
	}
	dir := t.TempDir()
	for _, path := range notebooks(t) {
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, path), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(python, "testdata/untrusted.py", browser, dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	for _, path := range notebooks(t) { // looking at a notebook leaves it as it is
		before, _ := os.ReadFile(path)
		after, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s is changed by opening it: %v", path, err)
		}
	}
}
