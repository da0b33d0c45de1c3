// Package display is the kernel as a program sees it: whether it runs in a cell of gsmlab's kernel,
// the context of that cell, and what the cell can ask of the front end beyond gonbui, GoNB's
// display package, which works in cells as well (gonbui.DisplayHTML and its like). In other
// programs, and under GoNB, Clear does nothing, nobody can be asked, and the context is never
// cancelled.
package display

import (
	"context"

	"gsmlab/kernel/engine/rt/cell"
)

// InKernel reports whether the program is the cells of gsmlab's kernel.
func InKernel() bool { return cell.Shower != nil }

// Context is the context of the cell that runs: an interrupt cancels it. Cells see it as ctx.
func Context() context.Context { return cell.Ctx }

// ErrNoInput is returned where there is nobody to ask: in a script or a notebook that runs by
// itself.
var ErrNoInput = cell.ErrNoInput

// Clear removes what the cell has shown so far. With wait it stays until something new is shown, so
// that what is drawn again and again does not flicker.
func Clear(wait bool) { cell.Clear(wait) }

// Input asks the user for a line and returns it without its newline. The error is ErrNoInput,
// io.EOF at the end of the input, or says that the cell was interrupted.
func Input(prompt string) (string, error) { return cell.Input(prompt, false) }

// Password is Input for what must not be seen while it is typed.
func Password(prompt string) (string, error) { return cell.Input(prompt, true) }
