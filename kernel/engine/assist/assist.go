// Package assist says what may stand at a place of a cell and what a name there means, also of
// unfinished cells. It reads a scope, so that it can work on a copy while a cell runs.
package assist

import "gsmlab/kernel/engine/lang"

// Packages is what is known of packages, also of those that no cell has imported.
type Packages interface {
	lang.Packages
	Paths() []string // of all, sorted
}

// Assistant answers what front ends ask about the text of a cell.
type Assistant struct {
	Scope    *lang.Scope // what the text is read against; it is not changed
	Packages Packages
	// SourceFile returns where a source file is that positions of packages name.
	SourceFile func(name string) string
}

// Completion is what may stand in place of code[Start:End].
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
	Value                      string // of a variable, when no cell runs
}
