package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCellsAreBuiltOnce: what a session has run runs in another one without a compiler and without a linker, and
// shows the same. What differs, or uses something that differs, is built.
func TestCellsAreBuiltOnce(t *testing.T) {
	salt := filepath.Base(t.TempDir()) + fmt.Sprint(os.Getpid())
	cells := []string{
		"salt := \"" + salt + "\"\ntype point struct{ x, y int }\nfunc (p point) sum() int { return p.x + p.y }",
		"p := point{1, 2}\nps := map[string]point{salt[:0]: p}",
		"func double(p point) point { return point{x: 2 * p.x, y: 2 * p.y} }\ndouble(p).sum() + len(ps)",
		"type point struct{ x, y, z int }",
		"fmt.Println(double(point{x: 1}), p)",
		"panic(double(point{y: 4}).sum())",
	}
	run := func(s *Engine, cells []string) (shown []string, kept int) {
		for _, code := range cells {
			shown = append(shown, shows(s, code))
			kept += s.times.Kept
		}
		return shown, kept
	}
	first, kept := run(ownSession(t), cells)
	if kept != 0 {
		t.Errorf("%d cells are not new", kept)
	}
	again, kept := run(ownSession(t), cells)
	if got, want := strings.Join(again, "|"), strings.Join(first, "|"); got != want {
		t.Errorf("again:\n%s\nwant\n%s", got, want)
	}
	if kept != len(cells) {
		t.Errorf("%d of %d cells were not built again", kept, len(cells))
	}
	cells[0] = strings.Replace(cells[0], "p.x + p.y", "p.x - p.y", 1)
	changed, kept := run(ownSession(t), cells)
	if changed[2] == first[2] || kept != 0 {
		t.Errorf("with another method: %s, and %d cells were not built", changed[2], kept)
	}
}

// shows runs a cell that may fail, and returns what it shows.
func shows(s *Engine, code string) string {
	var tr transcript
	err := s.Execute(context.Background(), code, &tr)
	return fmt.Sprint(tr.String(), err)
}
