// Package assist says what may be at a place of a cell, and what a name there means, even in
// unfinished cells. It reads a scope, so it can work on a copy while a cell runs.
package assist

import "gsmlab/kernel/engine/lang"

// Packages tells about packages, including those that no cell has imported.
type Packages interface {
	lang.Packages
	Paths() []string // of all, sorted
}

// Assistant answers what front ends ask about the text of a cell.
type Assistant struct {
	Scope    *lang.Scope // the scope for the text; it is not changed
	Packages Packages
	// SourceFile returns the path of a source file that positions of packages name.
	SourceFile func(name string) string
}

// Completion lists what may replace code[Start:End].
type Completion struct {
	Start, End int // bytes
	Items      []Item
}

// Item is one way to complete a text.
type Item struct {
	Text string
	// "package", "var", "func", "type", "const", "field", "method", "keyword", "module" (an import
	// path); of the shell also "command", "file"
	Kind      string
	Signature string
}

// Inspection says what a name means.
type Inspection struct {
	Name, Kind, Signature, Doc string
	Value                      string // of a variable, if no cell runs

	links links // in Doc
}
