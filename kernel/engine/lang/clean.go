package lang

import (
	"regexp"
	"strings"

	"gsmlab/kernel/engine/wire"
)

const tick = wire.Tick

var cellPackage = regexp.MustCompile(`(` + wire.CellModule + `c[0-9]+|` + tick + `c[0-9]+)\.`)

// Clean takes the names of built code away from text that people see: values of cell types read
// main.point.
func Clean(text string) string {
	if strings.Contains(text, tick) || strings.Contains(text, wire.CellModule) {
		text = cellPackage.ReplaceAllString(text, "main.")
		text = strings.ReplaceAll(text, tick, "")
	}
	return text
}
