package lesson

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"
)

// A Grid is a picture of numbers, such as one for each pixel of an image.
type Grid struct {
	Title         string
	Rows, Columns int
	Values        []float64 // row by row, not negative
}

// Heat displays grids side by side, each from white (0) to dark (its greatest value).
func Heat(grids ...Grid) {
	svg := Must(heat(grids))
	var titles []string
	for _, g := range grids {
		titles = append(titles, g.Title)
	}
	gonbui.SendData(&protocol.DisplayData{Data: map[protocol.MIMEType]any{
		protocol.MIMEImageSVG: svg, protocol.MIMETextPlain: "Side by side: " + strings.Join(titles, "; "),
	}})
	gonbui.Sync()
}

// heat draws the grids in squares of side 252, with their titles above and their greatest values
// below.
func heat(grids []Grid) (string, error) {
	const side, gap, head, foot = 252.0, 24.0, 26.0, 22.0
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%g" height="%g" font-family="Arial, Helvetica, sans-serif" fill="#808080">`,
		gap+float64(len(grids))*(side+gap), head+side+foot)
	for i, g := range grids {
		if g.Rows < 1 || g.Columns < 1 || len(g.Values) != g.Rows*g.Columns {
			return "", fmt.Errorf("lesson.Heat: %q has %d values for %d rows and %d columns", g.Title, len(g.Values), g.Rows, g.Columns)
		}
		x0 := gap + float64(i)*(side+gap)
		greatest := slices.Max(g.Values)
		cell := side / float64(max(g.Rows, g.Columns))
		fmt.Fprintf(&b, `<text x="%g" y="17" font-size="14">%s</text>`, x0, html.EscapeString(g.Title))
		fmt.Fprintf(&b, `<rect x="%g" y="%g" width="%.4g" height="%.4g" fill="#fff" stroke="#808080"/><g fill="#0072b2">`,
			x0, head, cell*float64(g.Columns), cell*float64(g.Rows))
		for j, v := range g.Values {
			if math.IsNaN(v) || v < 0 {
				return "", fmt.Errorf("lesson.Heat: %q: value %d is %g: it must be at least 0", g.Title, j, v)
			}
			if v > 0 {
				fmt.Fprintf(&b, `<rect x="%.5g" y="%.5g" width="%.4g" height="%.4g" opacity="%.2g"/>`,
					x0+cell*float64(j%g.Columns), head+cell*float64(j/g.Columns), cell, cell, v/greatest)
			}
		}
		fmt.Fprintf(&b, `</g><text x="%g" y="%g" font-size="12">white 0, darkest %.3g</text>`, x0, head+side+16, greatest)
	}
	return b.String() + "</svg>", nil
}
