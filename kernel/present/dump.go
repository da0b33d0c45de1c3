package present

import (
	"fmt"
	"regexp"
	"strings"
)

// Dump folds the stacks that the runtime prints when a worker ends: it shows each frame of a
// recursion once, and says how many more there are. All other text passes unchanged. The zero value
// is ready for use.
type Dump struct {
	on      bool
	partial string // a line that has not ended yet
	head    string // the first line of a frame whose second has not come yet
	seen    map[string]bool
	more    int

	overflow bool // of a stack: the other goroutines do not matter
	stacks   int  // that have begun
	others   int  // number of goroutines left out
}

var (
	dumpBegins = regexp.MustCompile(`(?m)^(runtime: goroutine stack exceeds|fatal error: |SIG[A-Z]+: )`)
	frameHead  = regexp.MustCompile(`^[^\s(][^\n]*\([^\n]*\)\n$`)
	mayBeFrame = regexp.MustCompile(`^[A-Za-z_\t.][^\r]*$`)
	framePlace = regexp.MustCompile(`^\s+(\S+:[0-9]+)( \+0x[0-9a-f]+)?( fp=0x[^\n]*)?\n$`)
)

// Fold returns what to show now for a piece of text.
func (d *Dump) Fold(text string) string {
	if !d.on {
		at := dumpBegins.FindStringIndex(text)
		if at == nil {
			return text
		}
		d.on, d.seen = true, map[string]bool{}
		return text[:at[0]] + d.Fold(text[at[0]:])
	}
	var shown strings.Builder
	for line := range strings.Lines(d.partial + text) {
		if d.partial = ""; !strings.HasSuffix(line, "\n") {
			if d.head != "" || mayBeFrame.MatchString(line) {
				d.partial = line
			} else {
				shown.WriteString(line) // of something else, such as a progress bar
			}
			break
		}
		shown.WriteString(d.line(line))
	}
	return shown.String()
}

// line is what is shown for a line of a dump.
func (d *Dump) line(line string) string {
	d.overflow = d.overflow || line == "fatal error: stack overflow\n"
	if begins := strings.HasPrefix(line, "goroutine "); d.overflow && begins && d.stacks > 0 {
		d.others++
		text := d.head
		d.head = ""
		return text
	} else if begins {
		d.stacks++
	}
	if d.others > 0 {
		if strings.TrimSpace(line) == "" || frameHead.MatchString(line) || framePlace.MatchString(line) || strings.HasPrefix(line, "created by ") {
			return ""
		}
	}
	if d.head != "" {
		head := d.head
		d.head = ""
		if at := framePlace.FindStringSubmatch(line); at != nil {
			frame := head[:strings.LastIndexByte(head, '(')] + at[1]
			if d.seen[frame] {
				d.more++
				return ""
			}
			d.seen[frame] = true
			return d.counted() + head + strings.Replace(line, at[3], "", 1)
		}
		return d.counted() + head + d.line(line)
	}
	if frameHead.MatchString(line) {
		d.head = line
		return ""
	}
	if strings.HasPrefix(line, "goroutine ") || strings.HasPrefix(line, "runtime stack:") {
		text := d.counted()
		clear(d.seen)
		return text + line
	}
	return d.counted() + line
}

// counted says how many frames were left out.
func (d *Dump) counted() string {
	if d.others > 0 {
		text := fmt.Sprintf("... the stacks of %d other goroutines are left out\n", d.others)
		d.others = 0
		return text
	}
	if d.more == 0 {
		return ""
	}
	text := fmt.Sprintf("\t... %d more frames of the functions above\n", d.more)
	d.more = 0
	return text
}

// End returns what is still to be shown.
func (d *Dump) End() string {
	text := d.head + d.partial
	if counted := d.counted(); d.on {
		text = counted + text
	}
	*d = Dump{}
	return text
}
