// Package display is what cells of gsmlab's kernel can ask of a front end beyond gonbui, GoNB's display
// package, which works in them as well (gonbui.DisplayHTML and its like). In other programs, and under
// GoNB, Clear does nothing and nobody can be asked.
package display

import "gsmlab/kernel/engine/rt/cell"

// ErrNoInput is returned where there is nobody to ask: in a script or a notebook that runs by itself.
var ErrNoInput = cell.ErrNoInput

// Clear removes what the cell has shown so far. With wait it stays until something new is shown, so that
// what is drawn again and again does not flicker.
func Clear(wait bool) { cell.Clear(wait) }

// Input asks the user for a line and returns it without its newline. The error is ErrNoInput, io.EOF at the
// end of the input, or says that the cell was interrupted.
func Input(prompt string) (string, error) { return cell.Input(prompt, false) }

// Password is Input for what must not be seen while it is typed.
func Password(prompt string) (string, error) { return cell.Input(prompt, true) }
