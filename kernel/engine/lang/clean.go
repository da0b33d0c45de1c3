package lang

import (
	"regexp"

	"gsmlab/kernel/engine/wire"
)

const tick = wire.Tick

var (
	cellPackage = regexp.MustCompile(`(` + wire.CellModule + `c[0-9]+|` + tick + `c[0-9]+)\.`)
	ownNames    = regexp.MustCompile(tick + `+([a-zA-Z_])`)
)

// CleanBuild takes the names of built code away from what a compiler or a linker says of it, which
// the type checker should have said.
func CleanBuild(text string) string {
	return ownNames.ReplaceAllString(cellPackage.ReplaceAllString(text, "main."), "$1")
}
