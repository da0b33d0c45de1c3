package bound

import (
	"fmt"
	"strconv"
	"strings"

	"gsmlab/internal/settings"
)

// Setting is the environment variable that sets the limit; Command is the command that changes it.
const (
	Setting = settings.Output
	Command = "%output"
)

// Limit is how much a cell may show, in bytes of text. Lines, displays and their bytes are limited
// in proportion.
type Limit int64

const (
	// None lets everything through.
	None Limit = 0
	// Default is the limit on a page: what a browser can show without trouble.
	Default Limit = 1 << 20

	least Limit = 1 << 10
)

// Parse reads a limit: a number of bytes, optionally with KB, MB or GB, or "all".
func Parse(text string) (Limit, error) {
	word := strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(text), " ", ""))
	if word == "ALL" {
		return None, nil
	}
	unit := int64(1)
	digits := strings.TrimSuffix(strings.TrimSuffix(word, "B"), "I")
	if n := len(digits); n > 0 {
		if shift := strings.IndexByte("KMG", digits[n-1]); shift >= 0 {
			unit, digits = 1<<(10*(shift+1)), digits[:n-1]
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(n >= 0) || n*float64(unit) < float64(least) || n*float64(unit) > 1<<50 {
		return Default, fmt.Errorf("%q: it must be a size of at least 1KB, such as 500KB or 2MB, or all", text)
	}
	return Limit(n * float64(unit)), nil
}

func (l Limit) String() string {
	if l == None {
		return "all"
	}
	return size(int64(l))
}

// size writes a number of bytes for people.
func size(n int64) string {
	for _, unit := range []struct {
		bytes int64
		name  string
	}{{1 << 30, "GB"}, {1 << 20, "MB"}, {1 << 10, "KB"}} {
		if n >= unit.bytes {
			return strings.TrimSuffix(strconv.FormatFloat(float64(n)/float64(unit.bytes), 'f', 1, 64), ".0") + " " + unit.name
		}
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

func (l Limit) lines() int { return int(min(max(int64(l)/100, 50), 1<<40)) }

const (
	maxDisplays      = 10_000 // of a cell
	keptDisplays     = 20     // at the end, if there are more
	displayBytes     = 64     // displays may have this many times the limit
	tailPart         = 4      // the end that is kept is one part in this many of the limit
	maxSpill         = 256 << 20
	maxPendingFrames = 1000
)
