package rt

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

type (
	page    struct{}
	titled  struct{}
	drawn   struct{}
	odd     struct{}
	scaled  struct{}
	broken  struct{}
	library struct{ Text string }
)

func (page) HTML() string                   { return "<p>" }
func (page) Markdown() (string, error)      { return "", errors.New("no Markdown") }
func (titled) String() string               { return "a name" }
func (titled) LaTeX() []byte                { return []byte("$x$") }
func (drawn) SVG() ([]byte, error)          { return []byte("<svg/>"), nil }
func (drawn) PNG() []byte                   { panic("no pen") }
func (odd) HTML(n int) string               { return "" }
func (odd) SVG() int                        { return 1 }
func (odd) Markdown() (string, string)      { return "", "" }
func (scaled) PNG(scale float64) (b []byte) { return fmt.Append(nil, scale) }
func (broken) Markdown() string             { return strings.Repeat("x", maxForm+1) }

func TestRichly(t *testing.T) {
	encoded := []byte("\x89PNG\r\n\x1a\n...")
	for _, test := range []struct {
		value any
		forms string
		text  string
	}{
		{nil, "", "nil"},
		{errors.New("e"), "", "e"},
		{encoded, "image/png", fmt.Sprintf("[]uint8 of %d bytes", len(encoded))},
		{[]byte("\n<svg></svg>"), "image/svg+xml", "[]uint8 of 12 bytes"},
		{[]byte("abc"), "", "[97 98 99]"},
		{page{}, "text/html", "rt.page (text/markdown: no Markdown)"},
		{(*page)(nil), "", "<nil>"},
		{titled{}, "text/latex", "a name"},
		{drawn{}, "image/svg+xml", "rt.drawn (image/png: panic: no pen)"},
		{odd{}, "", "{}"},
		{scaled{}, "image/png", "rt.scaled"},
		{broken{}, "", fmt.Sprintf("{} (text/markdown of %d bytes left out)", maxForm+1)},
	} {
		data, text := richly(test.value)
		if forms := strings.Join(slices.Sorted(maps.Keys(data)), " "); forms != test.forms || !strings.HasPrefix(text, test.text) {
			t.Errorf("%T: forms %q, text %q; want %q, %q", test.value, forms, text, test.forms, test.text)
		}
	}
	if data, _ := richly(scaled{}); string(data["image/png"].([]byte)) != "1" {
		t.Errorf("scale %s, want 1", data["image/png"])
	}
}

func TestFormatCutsLongValues(t *testing.T) {
	for _, test := range []struct {
		value      any
		start, end string
	}{
		{make([]float32, maxElements), "[0 0", "0 0]"},
		{make([]float32, 5000), "[0 0", "0 0]… (4000 more elements)"},
		{[1500]bool{}, "[false", "false]… (500 more elements)"},
		{[][]int{make([]int, 600), nil, make([]int, 600)}, "[[0 0", "0 0]]… (201 more elements)"},
		{[2][600][2]int8{}, "[[[0 0]", "[0 0]]]… (1400 more elements)"},
		{make([]string, 1001), `["" ""`, `"" ""]… (1 more elements)`},
		{strings.Repeat("é", maxText), `"éé`, fmt.Sprintf(`éé"… (%d more bytes)`, maxText)},
		{"a" + strings.Repeat("é", maxText), `"aé`, fmt.Sprintf(`éé"… (%d more bytes)`, maxText+2)},
		{library{strings.Repeat("x", maxText)}, "{Text:xx", "xx… (7 more bytes)"},
		{errors.New(strings.Repeat("x", maxText+5)), "xx", "xx… (5 more bytes)"},
	} {
		text := Format(test.value)
		if !strings.HasPrefix(text, test.start) || !strings.HasSuffix(text, test.end) {
			t.Errorf("%T: %s ... %s, want %s ... %s", test.value, text[:min(40, len(text))], text[max(0, len(text)-40):], test.start, test.end)
		}
	}
	for _, text := range []string{"", "a", "é", "a\xc3", "\xff\xff\xff\xff\xff"} {
		// also what is no UTF-8 ends
		if got := whole(text); got != strings.TrimSuffix(text, "\xc3") {
			t.Errorf("whole(%q) = %q", text, got)
		}
	}
}

type ring []ring

// TestCyclesAreCut shows values that contain themselves, which fmt would follow without end.
func TestCyclesAreCut(t *testing.T) {
	m := map[string]any{"a": 1}
	m["m"] = m
	list := []any{1, nil, "x"}
	list[1] = list
	deep := map[string]any{}
	deep["l"] = []any{map[int]any{1: deep}}
	self := make(ring, 2)
	self[0] = self
	type node struct {
		Name string
		Sub  map[string]any
	}
	n := node{"n", map[string]any{}}
	n.Sub["n"] = n
	shared := []any{1}
	for _, test := range []struct {
		v    any
		want string
	}{
		{m, "map[a:1 m:…]"},
		{list, "[1 … x]"},
		{deep, "map[l:[map[1:…]]]"},
		{self, "[… []]"},
		{n, "{Name:n Sub:map[n:{Name:n Sub:…}]}"},
		{&n, "&{Name:n Sub:map[n:{Name:n Sub:…}]}"},
		{[]any{shared, shared}, "[[1] [1]]"}, // twice, and no cycle
	} {
		if got := Format(test.v); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}
