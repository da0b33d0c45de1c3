package lang

import (
	"regexp"

	"gsmlab/kernel/engine/wire"
)

const tick = wire.Tick

var (
	cellPackage = regexp.MustCompile(`(` + wire.CellModule + `c[0-9]+|` + tick + `c[0-9]+)\.`)
	ownNames    = regexp.MustCompile(tick + `+([a-zA-Z_])`)
	// what we say of a command that failed, before its own words
	ourWords = regexp.MustCompile(`engine: (?:go|compile|link): exit status \d+: `)
)

// CleanBuild takes the names of built code away from what a compiler or a linker says of it, which
// the type checker should have said.
func CleanBuild(text string) string {
	text = ourWords.ReplaceAllString(text, "")
	return ownNames.ReplaceAllString(cellPackage.ReplaceAllString(text, "main."), "$1")
}
