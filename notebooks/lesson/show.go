// What lessons show: charts, animations and tables.

package lesson

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"

	"gsmlab/gsm/chart"
	"gsmlab/internal/phrase"
	"gsmlab/internal/raster"
)

// Show displays charts and animations. It takes the results of functions of package chart,
// including an error.
func Show(charts ...any) {
	for _, c := range charts {
		if err, failed := c.(error); failed { // the error comes before the chart, which is nil then
			panic(err)
		}
	}
	for _, c := range charts {
		switch c := c.(type) {
		case nil:
		case *chart.Figure:
			show(Must(c.SVG()), c.Alt)
		case *chart.Animation:
			gonbui.DisplayHTML(Must(c.HTML()))
		default:
			panic(fmt.Errorf("lesson.Show: %T is not a chart: pass a *chart.Figure or a *chart.Animation", c))
		}
	}
	gonbui.Sync()
}

// show displays an SVG with its picture in pixels beside it.
func show(svg []byte, alt string) {
	png, size := Picture(svg)
	gonbui.SendData(&protocol.DisplayData{
		Data: map[protocol.MIMEType]any{
			protocol.MIMEImageSVG: string(svg), protocol.MIMEImagePNG: png, protocol.MIMETextPlain: alt,
		},
		Metadata: map[string]any{string(protocol.MIMEImagePNG): size},
	})
}

// Picture draws an SVG for viewers that do not show SVG, such as JupyterLab before a notebook is
// trusted: as a PNG with two pixels for each that it is wide and high on the page, and this size,
// as the metadata of an output names it.
func Picture(svg []byte) (png []byte, size map[string]int) {
	png, on, err := raster.PNG(svg, 2)
	Check(err)
	return png, map[string]int{"width": on.X, "height": on.Y}
}

// Table displays rows below a head as a table. It writes float64 numbers with four significant
// digits, whole numbers with commas between the thousands, and everything else like fmt.Sprint.
// Columns of numbers are aligned to the right.
func Table(head []string, rows ...[]any) {
	gonbui.DisplayMarkdown(table(head, rows))
	gonbui.Sync()
}

func table(head []string, rows [][]any) string {
	cells, right := make([][]string, len(rows)), make([]bool, len(head))
	for i := range right {
		right[i] = len(rows) > 0
	}
	for i, row := range rows {
		for j, v := range row {
			text := cellText(v)
			cells[i] = append(cells[i], text)
			if j < len(right) && !numeric(text) {
				right[j] = false
			}
		}
	}
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	rule := make([]string, len(head))
	for j := range rule {
		rule[j] = "---"
		if right[j] {
			rule[j] = "---:"
		}
	}
	line(head)
	line(rule)
	for _, row := range cells {
		for j := range row {
			row[j] = strings.ReplaceAll(row[j], "|", `\|`)
		}
		line(row)
	}
	return b.String()
}

func cellText(v any) string {
	switch v := v.(type) {
	case float64:
		return phrase.Commas(fmt.Sprintf("%.4g", v))
	case int, int64, int32:
		return phrase.Commas(fmt.Sprint(v))
	}
	return fmt.Sprint(v)
}

// numeric reports whether a cell is empty, or holds a number with or without a unit of one word.
func numeric(cell string) bool {
	fields := strings.Fields(cell)
	if len(fields) == 0 {
		return true
	}
	number := strings.TrimRight(strings.ReplaceAll(fields[0], ",", ""), "%x")
	_, err := strconv.ParseFloat(number, 64)
	return len(fields) <= 2 && (err == nil || cell == "-" || cell == "–")
}

// Percent writes a fraction in percent, with two digits.
func Percent(fraction float64) string { return fmt.Sprintf("%.2f %%", 100*fraction) }
