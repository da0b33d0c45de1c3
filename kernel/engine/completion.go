package engine

// Completion is what may stand in place of code[Start:End].
type Completion struct {
	Start, End int // bytes
	Items      []Item
}

// Item is one way to complete a text.
type Item struct {
	Text      string
	Kind      string // "package", "var", "func", "type", "const", "field", "method", "keyword", "module" (an import path); of the shell also "command", "file"
	Signature string
}

// Inspection says what a name means.
type Inspection struct {
	Name, Kind, Signature, Doc string
	Value                      string // of a variable, when no cell runs
}
