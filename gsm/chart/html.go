// The report page of a run: one HTML file with its charts that needs no network.

package chart

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"strings"

	"gsmlab/gsm/trace"
	"gsmlab/internal/phrase"
)

// Page is a report of a run as one HTML file.
type Page struct {
	Title   string
	Summary [][2]string // names and values, in order
	Layers  []LayerRow
	Figures []*Figure // drawn inline, with their captions
	Command string    // command that made the run; "" leaves it out
	Notes   []string  // sentences shown below the summary
}

// LayerRow is one line of the table of layers.
type LayerRow struct {
	Name     string
	Shape    []int
	Prunable int // weights
	Nonzero  int // weights left; -1 if unknown
}

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"count":   phrase.Count,
	"percent": func(part, all int) string { return showPercent(percent(part, all)) },
	"shape":   showShape,
}).Parse(pageText))

// WriteHTML writes the page as one self-contained file: inline SVG and CSS,
// light and dark, no scripts and nothing loaded from elsewhere. Figures are
// drawn first, so a figure's error leaves w untouched.
func WriteHTML(w io.Writer, page Page) error {
	type picture struct {
		SVG     template.HTML
		Caption string
	}
	data := struct {
		Page
		Pictures []picture
	}{Page: page}
	for _, f := range page.Figures {
		svg, err := f.SVG()
		if err != nil {
			return err
		}
		// SVG escapes all text itself.
		data.Pictures = append(data.Pictures, picture{template.HTML(svg), f.Caption})
	}
	var buf bytes.Buffer
	if err := pageTemplate.Execute(&buf, data); err != nil {
		return fmt.Errorf("chart: page %q: %w", page.Title, err)
	}
	if _, err := w.Write(buf.Bytes()); err != nil {
		return fmt.Errorf("chart: page %q: %w", page.Title, err)
	}
	return nil
}

// SaveHTML writes the page to path. The file appears whole or not at all.
func SaveHTML(path string, page Page) error {
	var buf bytes.Buffer
	if err := WriteHTML(&buf, page); err != nil {
		return err
	}
	return writeFile(path, buf.Bytes())
}

// showShape formats dimensions as 784×300.
func showShape(shape []int) string {
	parts := make([]string, len(shape))
	for i, d := range shape {
		parts[i] = strconv.Itoa(d)
	}
	return strings.Join(parts, "×")
}

// RunPage makes the report of a run: what the header and the records say, and every figure that has
// data.
func RunPage(run *trace.Run) (Page, error) {
	h := run.Header
	figures, err := All(run)
	if err != nil {
		return Page{}, err
	}
	page := Page{
		Title:   title(h),
		Figures: figures,
		Command: h.Command,
		Summary: summary(run),
	}
	for i, l := range h.Layers {
		row := LayerRow{l.Name, l.Shape, l.Prunable, -1}
		if n := len(run.Cuts); n > 0 && len(run.Cuts[n-1].Kept) == len(h.Layers) {
			row.Nonzero = run.Cuts[n-1].Kept[i]
		}
		page.Layers = append(page.Layers, row)
	}
	if len(run.Cuts) == 0 {
		page.Notes = append(page.Notes, "The run has not reached its final cut.")
	}
	if run.Truncated {
		page.Notes = append(page.Notes, "The last line of the trace was cut off and is left out.")
	}
	for _, s := range run.Steps {
		if bad(s.Loss) {
			page.Notes = append(page.Notes, fmt.Sprintf("The loss is %v at step %s of stage %s.", s.Loss, phrase.Count(s.Step), s.Stage))
			break
		}
	}
	if !math.IsNaN(h.BudgetS) && h.BudgetS > 0 && h.BudgetS < 8 {
		page.Notes = append(page.Notes, fmt.Sprintf("The budget S = %.2f is below 8: passive weights shrink only to e^-S of their size.", h.BudgetS))
	}
	return page, nil
}

// title says what was done to which network, as far as the header tells.
func title(h trace.Header) string {
	name, ratio := h.Model, ""
	if name == "" {
		name = "A network"
	}
	if h.Compression > 0 {
		ratio = " " + trim(h.Compression) + "×"
	}
	return fmt.Sprintf("%s pruned%s by global sparse momentum", name, ratio)
}

// summary lists what the page says about the run as a whole.
func summary(run *trace.Run) [][2]string {
	h := run.Header
	var rows [][2]string
	add := func(name, value string) { rows = append(rows, [2]string{name, value}) }
	known := func(name, value string, said bool) {
		if said {
			add(name, value)
		}
	}
	// Traces of other programs may leave out any of these.
	known("model", h.Model, h.Model != "")
	known("preset", h.Preset, h.Preset != "")
	known("backend", h.Backend, h.Backend != "")
	known("seed", strconv.FormatInt(h.Seed, 10), h.Seed != 0)
	known("compression", trim(h.Compression)+"×", h.Compression > 0)
	known("q", phrase.Count(h.Q), h.Q > 0)
	known("prunable weights", phrase.Count(h.Prunable), h.Prunable > 0)
	if n := len(run.Cuts); n > 0 {
		cut := run.Cuts[n-1]
		kept := 0
		for _, k := range cut.Kept {
			kept += k
		}
		if cut.Kept == nil {
			kept = cut.Q
		}
		left := phrase.Count(kept)
		if h.Prunable > 0 {
			left += fmt.Sprintf(" (%s)", showPercent(percent(kept, h.Prunable)))
		}
		add("weights left", left)
		if dense, ok := denseAccuracy(run); ok {
			add("accuracy, dense", showAccuracy(dense))
		}
		before, after := cut.Measured()
		add("accuracy before the cut", showMeasured(cut.AccuracyBefore, before))
		add("accuracy after the cut", showMeasured(cut.AccuracyAfter, after))
	}
	known("budget S", fmt.Sprintf("%.2f", h.BudgetS), h.BudgetS != 0)
	return append(rows, stepTimes(run)...)
}

// stepTimes returns the steps of each stage and their time.
func stepTimes(run *trace.Run) (rows [][2]string) {
	var order []string
	last := make(map[string]int)
	times := make(map[string][]float64)
	for _, s := range run.Steps {
		if _, ok := last[s.Stage]; !ok {
			order = append(order, s.Stage)
		}
		last[s.Stage] = max(last[s.Stage], s.Step)
		if s.Seconds > 0 {
			times[s.Stage] = append(times[s.Stage], s.Seconds)
		}
	}
	for _, stage := range order {
		text := phrase.Count(last[stage])
		if ts := times[stage]; len(ts) > 0 {
			// The recorded steps stand for all steps.
			m := mean(ts)
			text += fmt.Sprintf(", %.1f s, %.2f ms a step", m*float64(last[stage]), 1000*m)
		}
		rows = append(rows, [2]string{"steps, " + stage, text})
	}
	return rows
}

// denseAccuracy is the accuracy of the network before it was pruned: at the end of the stage that
// trained it or, if the trace lacks that stage, before the first step of the stage that prunes.
func denseAccuracy(run *trace.Run) (accuracy float64, ok bool) {
	if accuracy, ok := lastAccuracy(run, trace.StageBase); ok {
		return accuracy, true
	}
	for _, e := range run.Evals {
		if e.Stage == trace.StageGSM && e.Step == 0 && e.After == "" && e.Accuracy > 0 {
			return e.Accuracy, true
		}
	}
	return 0, false
}

func lastAccuracy(run *trace.Run, stage string) (accuracy float64, ok bool) {
	for _, e := range run.Evals {
		if e.Stage == stage && e.After == "" && e.Accuracy > 0 {
			accuracy, ok = e.Accuracy, true
		}
	}
	return accuracy, ok
}

// showMeasured is showAccuracy for a value that may not have been measured.
func showMeasured(a float64, measured bool) string {
	if !measured {
		return "not measured"
	}
	return showAccuracy(a)
}

func showAccuracy(a float64) string { return fmt.Sprintf("%.2f %%", 100*a) }

// trim formats a ratio without needless zeros.
func trim(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
