package bound

import (
	"math"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// overwriting is text with carriage returns that waits for more. If a progress bar is drawn ten
// thousand times a second, a front end gets only what can be seen.
type overwriting struct {
	stream int
	text   string
}

// longest is how much of such text may wait.
const longest = 16 << 10

// print passes text on, or makes it wait if it is about to be overwritten.
func (f *frames) print(i item, show func(item), later func()) {
	if f.text.text != "" && f.text.stream != i.stream {
		f.flushText(show)
	}
	if f.text.text == "" && !strings.Contains(i.text, "\r") {
		show(i)
		return
	}
	f.text.stream = i.stream
	f.text.text += i.text
	if len(f.text.text) > longest/2 {
		f.text.text = collapsed(f.text.text)
	}
	if f.due() || len(f.text.text) > longest {
		f.flushText(show)
		return
	}
	later()
}

func (f *frames) flushText(show func(item)) {
	if text := f.text; text.text != "" {
		f.text.text = ""
		f.mark()
		show(item{stream: text.stream, text: collapsed(text.text)})
	}
}

// collapsed leaves out what the text itself overwrites. Text before the first carriage return of a
// line continues what was printed before, and stays.
func collapsed(text string) string {
	if strings.Count(text, "\r") < 2 {
		return text
	}
	var all strings.Builder
	for line := range strings.Lines(text) {
		parts := strings.Split(line, "\r")
		kept := []string{parts[len(parts)-1]}
		covered := 0
		for i := len(parts) - 1; i > 0; i-- {
			width := ansi.StringWidth(strings.TrimSuffix(parts[i], "\n"))
			if i < len(parts)-1 && width > covered {
				kept = append(kept, parts[i])
			}
			covered = max(covered, width)
			if strings.Contains(parts[i], "\x1b[K") || strings.Contains(parts[i], "\x1b[0K") || strings.Contains(parts[i], "\x1b[2K") {
				covered = math.MaxInt
			}
		}
		if len(parts) > 1 {
			kept = append(kept, parts[0])
		}
		for i := len(kept) - 1; i >= 0; i-- {
			all.WriteString(kept[i])
			if i > 0 {
				all.WriteByte('\r')
			}
		}
	}
	return all.String()
}
