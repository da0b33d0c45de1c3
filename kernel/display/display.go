// Package display is a program's view of the kernel. It says whether the program runs in a cell of
// gsmlab's kernel, gives it the context of that cell, and lets it ask the front end for more than
// gonbui offers. gonbui, GoNB's display package, works in cells too (gonbui.DisplayHTML and the
// like). In other programs, and under GoNB, Clear does nothing, nobody can be asked, and the
// context is never cancelled.
package display

import (
	"context"

	"gsmlab/kernel/engine/rt/cell"
)

// InKernel reports whether the program consists of cells of gsmlab's kernel.
func InKernel() bool { return cell.Shower != nil }

// Context is the context of the running cell; an interrupt cancels it. Cells know it as ctx.
func Context() context.Context { return cell.Ctx }

// ErrNoInput is returned if there is nobody to ask: in a script, or a notebook that runs
// unattended.
var ErrNoInput = cell.ErrNoInput

// Clear removes what the cell has shown so far. With wait, it stays until something new is shown,
// so that repeated drawing does not flicker.
func Clear(wait bool) { cell.Clear(wait) }

// Input asks the user for a line and returns it without its newline. The error is ErrNoInput, or
// io.EOF at the end of the input, or says that the cell was interrupted.
func Input(prompt string) (string, error) { return cell.Input(prompt, false) }

// Password is like Input, but hides what the user types.
func Password(prompt string) (string, error) { return cell.Input(prompt, true) }
