// Package celltest holds what the tests of the engine's rooms share.
package celltest

import (
	"context"
	"strings"
	"testing"

	"gsmlab/kernel/engine/build"
)

// Cell is a cell of a transcript.
type Cell struct {
	Code  string
	Lines []string // what the user types
}

// Cells splits a transcript. Lines with "> " start a cell, lines with ". " continue it, lines with
// "< " are what the user types, and others are the cell's output.
func Cells(text string) (all []Cell) {
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "> "):
			all = append(all, Cell{Code: line[2:]})
		case len(all) == 0:
		case strings.HasPrefix(line, ". "):
			all[len(all)-1].Code += line[2:]
		case strings.HasPrefix(line, "< "):
			all[len(all)-1].Lines = append(all[len(all)-1].Lines, strings.TrimSpace(line[2:]))
		}
	}
	return all
}

// Tools opens the toolchain for a test that needs packages but no worker.
func Tools(t testing.TB) *build.Tools {
	t.Helper()
	if testing.Short() {
		t.Skip("asks the go command for packages")
	}
	if err := build.Supported(); err != nil {
		t.Skip(err)
	}
	tools, err := build.Open(context.Background(), build.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tools.Close(); err != nil {
			t.Error(err)
		}
	})
	return tools
}

// AssistState is a cell with names to complete and inspect.
const AssistState = `
import str "strings"
// point is where something is.
type point struct{ x, y int; Label string }
// norm says how far it is.
func (p point) norm(scale float64) float64 { return scale }
func (p *point) move(dx int) {}
type named struct{ *point; name string; str.Builder }
type stack[T any] struct{ items []T }
func (s *stack[T]) push(v T) {}
// rate is how fast to learn.
rate := 0.5
origin := point{}
nodes := map[string][]*named{}
var st stack[point]
// double is twice x.
func double(x float64) float64 { return 2 * x }
const limit = 10
`
