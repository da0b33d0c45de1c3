package rt

import "sync"

// tables holds, by the number of its cell, each loaded package's func(string) any.
var tables sync.Map

// declared returns what cell declared under its built name: a pointer to a variable, a function, or
// the value of a constant; nil if there is no such name.
func declared(cell int, name string) any {
	if table, ok := tables.Load(cell); ok {
		return table.(func(string) any)(name)
	}
	return nil
}
