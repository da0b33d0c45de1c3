package display_test

import (
	"errors"
	"fmt"

	"gsmlab/kernel/display"
)

// A program that asks in a cell, and takes a default elsewhere.
func ExampleInput() {
	name, err := display.Input("Your name? ")
	if errors.Is(err, display.ErrNoInput) {
		name = "reader" // no kernel, or a notebook that runs by itself
	}
	fmt.Println("Hello,", name)
	// Output: Hello, reader
}

// In a cell of the kernel the context ends with an interrupt; elsewhere it never does.
func ExampleContext() {
	fmt.Println(display.InKernel(), display.Context().Err())
	// Output: false <nil>
}
