package edit

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/rivo/uniseg"
)

func styled(style, text string) string {
	if style == "" || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[m"
}

// layout breaks the text into rows that are narrower than width, and says where the cursor is.
func (e *Editor) layout(width int) (rows []string, row, col int) {
	first, more := e.Prompt()
	gutter := ansi.StringWidth(first)
	if gutter > width/2 {
		first, more, gutter = "", "", 0
	}
	var spans []Span
	if e.Highlight != nil {
		spans = e.Highlight(e.text)
	}
	var line strings.Builder
	line.WriteString(first)
	style, used, at := "", 0, 0
	next := func(prompt string) {
		if style != "" {
			line.WriteString("\x1b[m")
		}
		rows = append(rows, line.String())
		line.Reset()
		line.WriteString(prompt)
		style, used = "", 0
	}
	rest, state := e.text, -1
	for rest != "" {
		if at == e.at {
			row, col = len(rows), gutter+used
		}
		var cluster string
		var wide int
		cluster, rest, wide, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if cluster == "\n" {
			at++
			next(more)
			continue
		}
		shown := cluster
		if cluster == "\t" {
			shown, wide = tab, len(tab)
		}
		if e.Secret {
			shown, wide = "•", 1
		}
		if used+wide > width-gutter-1 && used > 0 {
			next(strings.Repeat(" ", gutter))
			if at == e.at {
				row, col = len(rows), gutter
			}
		}
		for len(spans) > 0 && spans[0].End <= at {
			spans = spans[1:]
		}
		now := ""
		if len(spans) > 0 && spans[0].Start <= at {
			now = spans[0].Style
		}
		if now != style {
			line.WriteString("\x1b[m")
			if now != "" {
				line.WriteString("\x1b[" + now + "m")
			}
			style = now
		}
		line.WriteString(shown)
		used += wide
		at += len(cluster)
	}
	if e.at >= len(e.text) {
		row, col = len(rows), gutter+used
	}
	next("")
	return rows, row, col
}

// show draws the input, or as much of it around the cursor as the terminal has room for, and what
// belongs below it.
func (e *Editor) show() {
	width, height := e.term.Size()
	rows, row, col := e.layout(width)
	below, line, column := e.below(width, height)
	room := max(1, height-len(below))
	e.top = max(0, min(e.top, row, len(rows)-room))
	e.top = max(e.top, row-room+1)
	above, under := e.top > 0, e.top+room < len(rows)
	rows = rows[e.top:min(len(rows), e.top+room)]
	if above && row > e.top {
		rows[0] = styled(e.Dim, "↑")
	}
	if last := len(rows) - 1; under && row-e.top < last {
		rows[last] = styled(e.Dim, "↓")
	}
	if row -= e.top; line >= 0 {
		row, col = len(rows)+line, column
	}
	e.term.Show(append(rows, below...), row, min(col, width-1))
}

// below returns the rows under the input, and where the cursor is in them (line -1 if it is not).
func (e *Editor) below(width, height int) (rows []string, line, column int) {
	switch {
	case e.search != nil:
		return e.searchRows(width)
	case e.menu != nil:
		return e.menu.rows(width, min(8, max(1, height/2)), e.Dim, e.Chosen), -1, 0
	}
	hint := e.hint
	if hint == "" {
		hint = e.signature
	}
	if hint != "" {
		rows = []string{styled(e.Dim, ansi.Truncate(hint, width-1, "…"))}
	}
	return rows, -1, 0
}
