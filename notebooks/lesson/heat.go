package lesson

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"
)

// A Grid is a picture of numbers, such as one for each pixel of an image.
type Grid struct {
	Title         string
	Rows, Columns int
	Values        []float64 // row by row, not negative
}

// Heat displays grids of pixels side by side, each from transparent (0) to blue (its greatest
// value).
func Heat(grids ...Grid) {
	svg := Must(heat(grids))
	var titles []string
	for _, g := range grids {
		titles = append(titles, g.Title)
	}
	show([]byte(svg), "Side by side: "+strings.Join(titles, "; "))
	gonbui.Sync()
}

// heat draws the grids in squares of side 252, with their titles above, and below them what the
// axes are and the greatest values. Its text turns lighter where the page is dark.
func heat(grids []Grid) (string, error) {
	const side, gap, head, foot = 252.0, 44.0, 26.0, 58.0
	var b strings.Builder
	width, height := float64(len(grids))*(side+gap)+12, head+side+foot
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%g" height="%g" viewBox="0 0 %[1]g %[2]g" font-family="Arial, Helvetica, sans-serif" font-size="12" fill="#757575">`+
		`<style>@media (prefers-color-scheme: dark) { text { fill: #adadad } }</style>`, width, height)
	for i, g := range grids {
		if g.Rows < 1 || g.Columns < 1 || len(g.Values) != g.Rows*g.Columns {
			return "", fmt.Errorf("lesson.Heat: %q has %d values for %d rows and %d columns", g.Title, len(g.Values), g.Rows, g.Columns)
		}
		x0 := gap + float64(i)*(side+gap)
		greatest := slices.Max(g.Values)
		cell := side / float64(max(g.Rows, g.Columns))
		w, h := cell*float64(g.Columns), cell*float64(g.Rows)
		fmt.Fprintf(&b, `<text x="%g" y="17" font-size="14">%s</text>`, x0, html.EscapeString(g.Title))
		fmt.Fprintf(&b, `<rect x="%g" y="%g" width="%.4g" height="%.4g" fill="none" stroke="#808080"/><g fill="#0072b2">`, x0, head, w, h)
		for j, v := range g.Values {
			if math.IsNaN(v) || v < 0 {
				return "", fmt.Errorf("lesson.Heat: %q: value %d is %g: it must be at least 0", g.Title, j, v)
			}
			if v > 0 {
				fmt.Fprintf(&b, `<rect x="%.5g" y="%.5g" width="%.4g" height="%.4g" opacity="%.2g"/>`,
					x0+cell*float64(j%g.Columns), head+cell*float64(j/g.Columns), cell, cell, v/greatest)
			}
		}
		b.WriteString("</g>")
		fmt.Fprintf(&b, `<text x="%g" y="%g">1</text><text x="%g" y="%g" text-anchor="end">%d</text><text x="%g" y="%g" text-anchor="middle">column of the image</text>`,
			x0, head+h+14, x0+w, head+h+14, g.Columns, x0+w/2, head+h+14)
		fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="end">1</text><text x="%g" y="%g" text-anchor="end">%d</text><text transform="translate(%g %g) rotate(-90)" text-anchor="middle">row of the image</text>`,
			x0-4, head+11, x0-4, head+h-2, g.Rows, x0-8, head+h/2)
		fmt.Fprintf(&b, `<text x="%g" y="%g">empty 0, full colour %.3g</text>`, x0, head+h+34, greatest)
	}
	return b.String() + "</svg>", nil
}
