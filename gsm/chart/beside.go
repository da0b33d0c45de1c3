package chart

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Beside draws figures side by side as one, each with its own title below that of all. They share
// the width evenly; text keeps its size.
func Beside(title string, figures ...*Figure) (*Figure, error) {
	if len(figures) == 0 {
		return nil, fmt.Errorf("chart: beside: %w: no figures", ErrNoData)
	}
	const (
		gap    = 16
		lowest = 260 // the labels of axes need room
	)
	all := &Figure{Name: "beside", Title: title, Width: 1.1 * DefaultWidth, height: lowest}
	share := (all.Width - gap*float64(len(figures)-1)) / float64(len(figures))
	var alts []string
	for _, f := range figures {
		w, h, err := f.size()
		if err != nil {
			return nil, err
		}
		const title = 30
		all.height = math.Max(all.height, title+float64(h)*math.Min(1, share/float64(w)))
		alts = append(alts, f.Alt)
	}
	all.Alt = strings.Join(alts, " ")
	all.body = func(c draw.Canvas) {
		width := (c.Size().X - vg.Length(gap*(len(figures)-1))) / vg.Length(len(figures))
		for i, f := range figures {
			part := c
			part.Min.X += vg.Length(i) * (width + gap)
			part.Max.X = part.Min.X + width
			f.layout(part)
		}
	}
	return all, nil
}
