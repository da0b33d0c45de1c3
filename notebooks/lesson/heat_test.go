package lesson

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

func TestHeat(t *testing.T) {
	svg, err := heat([]Grid{{"a < b", 2, 3, []float64{0, 1, 2, 0, 0, 4}}, {"c", 1, 1, []float64{0}}})
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(svg, " opacity"); n != 3 || !strings.Contains(svg, `opacity="0.25"`) || !strings.Contains(svg, "full colour 4") {
		t.Errorf("%d cells are drawn:\n%s", n, svg)
	}
	for _, bad := range []Grid{{"", 2, 2, []float64{1}}, {"", 1, 1, []float64{-1}}, {"", 0, 0, nil}} {
		if _, err := heat([]Grid{bad}); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
}
