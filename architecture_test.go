package gsmlab_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "draw the import graph of docs/architecture.md anew")

const (
	graphBegins = "<!-- drawn from layout_test.go: go test . -run TestArchitecture -update -->\n"
	graphEnds   = "<!-- end of the drawing -->\n"
)

// TestArchitecture: the graph in docs/architecture.md is the one that layout_test.go enforces.
func TestArchitecture(t *testing.T) {
	const page = "docs/architecture.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), graphBegins)
	_, after, ends := strings.Cut(rest, graphEnds)
	if !begins || !ends {
		t.Fatalf("%s lacks the lines %q and %q", page, graphBegins, graphEnds)
	}
	want := before + graphBegins + drawing() + graphEnds + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(text) {
		t.Errorf("%s does not show the table of layout_test.go: go test . -run TestArchitecture -update", page)
	}
}

// drawing is two graphs and the table behind them, in Markdown.
func drawing() string {
	var b strings.Builder
	kernel := func(name string) bool { return name == "kernel" || strings.HasPrefix(name, "kernel/") }
	b.WriteString("The optimizer's half:\n\n" + mermaid(func(name string) bool { return !kernel(name) }))
	b.WriteString("\nThe kernel's half:\n\n" + mermaid(kernel))
	b.WriteString("\n| room | may import | and no other, because |\n|---|---|---|\n")
	for _, r := range rooms {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.name, strings.Join(r.may, ", "), r.why)
	}
	fmt.Fprintf(&b, "\nEvery room may import the tools %s, which import no room.\n", strings.Join(tools, ", "))
	return b.String()
}

// mermaid draws the rooms of one half with all that they import.
func mermaid(half func(string) bool) string {
	var arrows, nodes []string
	for _, r := range rooms {
		if !half(r.name) {
			continue
		}
		nodes = append(nodes, r.name)
		for _, target := range r.may {
			nodes = append(nodes, target)
			arrows = append(arrows, fmt.Sprintf("  %s --> %s\n", id(r.name), id(target)))
		}
	}
	slices.Sort(nodes)
	var b strings.Builder
	b.WriteString("```mermaid\nflowchart TD\n")
	for _, name := range slices.Compact(nodes) {
		fmt.Fprintf(&b, "  %s[\"%s\"]\n", id(name), name)
	}
	for _, arrow := range arrows {
		b.WriteString(arrow)
	}
	b.WriteString("```\n")
	return b.String()
}

// id is a room's name as Mermaid takes it.
func id(room string) string { return "r_" + strings.NewReplacer("/", "_", ".", "_").Replace(room) }
