package display_test

import (
	"errors"
	"fmt"

	"gsmlab/kernel/display"
)

// A program that asks in a cell, and uses a default elsewhere.
func ExampleInput() {
	name, err := display.Input("Your name? ")
	if errors.Is(err, display.ErrNoInput) {
		name = "reader" // no kernel, or a notebook that runs unattended
	}
	fmt.Println("Hello,", name)
	// Output: Hello, reader
}

// In a cell of the kernel an interrupt ends the context; elsewhere it never ends.
func ExampleContext() {
	fmt.Println(display.InKernel(), display.Context().Err())
	// Output: false <nil>
}
