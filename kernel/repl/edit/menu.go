package edit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// menu is the list of completions at the cursor.
type menu struct {
	items    []Item
	start    int
	original string // the text from start to the cursor
	chosen   int    // -1: none yet
	top      int
}

// patience is how long Tab waits for an answer.
const patience = 5 * time.Second

func (e *Editor) ask() Completion {
	ctx, cancel := context.WithTimeout(e.ctx, patience)
	defer cancel()
	c := e.Complete(ctx, e.text, e.at)
	if c.Start < 0 || c.Start > e.at || c.End < e.at || c.End > len(e.text) {
		return Completion{}
	}
	return c
}

// complete handles Tab: it indents at the start of a line, inserts the only completion, or opens
// the menu.
func (e *Editor) complete() {
	if strings.TrimSpace(e.text[e.lineStart(e.at):e.at]) == "" {
		e.insert("typing", "\t")
		return
	}
	if e.Complete == nil {
		return
	}
	c := e.ask()
	switch len(c.Items) {
	case 0:
		e.hint = "no completions"
		return
	case 1:
		e.change("complete", c.Start, c.End, c.Items[0].Text)
		return
	}
	if prefix := commonPrefix(c.Items); len(prefix) > e.at-c.Start && strings.HasPrefix(prefix, e.text[c.Start:e.at]) {
		e.change("complete", c.Start, c.End, prefix)
	}
	e.menu = &menu{items: c.Items, start: c.Start, original: e.text[c.Start:e.at], chosen: -1}
}

// refill asks again after more was typed.
func (e *Editor) refill() {
	c := e.ask()
	e.menu = nil
	if len(c.Items) > 0 {
		e.menu = &menu{items: c.Items, start: c.Start, original: e.text[c.Start:e.at], chosen: -1}
	}
}

func commonPrefix(items []Item) string {
	prefix := items[0].Text
	for _, item := range items[1:] {
		for !strings.HasPrefix(item.Text, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return strings.ToValidUTF8(prefix, "")
}

// keptFor returns the menu if typing text continues the word that it completes.
func (m *menu) keptFor(text string) *menu {
	if m == nil || m.chosen >= 0 || text == "" || !isWord([]rune(text)[0]) {
		return nil
	}
	return m
}

// menuKey handles the keys of the menu; false if the key is an ordinary one.
func (e *Editor) menuKey(key string) bool {
	m := e.menu
	n := len(m.items)
	switch key {
	case "tab", "down", "ctrl+n":
		e.choose((m.chosen + 1) % n)
	case "shift+tab", "up", "ctrl+p":
		e.choose((m.chosen + n) % (n + 1) % n)
	case "pgdown":
		e.choose(min(m.chosen+8, n-1))
	case "pgup":
		e.choose(max(m.chosen-8, 0))
	case "esc", "ctrl+g":
		e.change("complete", m.start, e.at, m.original)
		e.menu = nil
	case "enter", "ctrl+j":
		if m.chosen < 0 {
			return false
		}
		e.menu = nil
	default:
		return false
	}
	return true
}

func (e *Editor) choose(i int) {
	e.menu.chosen = i
	e.change("complete", e.menu.start, e.at, e.menu.items[i].Text)
}

// rows draws the part of the menu around the chosen item.
func (m *menu) rows(width, height int, dim, chosen string) []string {
	m.top = min(m.top, max(0, m.chosen))
	m.top = max(m.top, m.chosen-height+1)
	wide := 0
	for _, item := range m.items {
		wide = max(wide, ansi.StringWidth(item.Text))
	}
	wide = min(wide, max(8, width/2))
	var rows []string
	for i := m.top; i < min(len(m.items), m.top+height); i++ {
		item := m.items[i]
		text := ansi.Truncate(item.Text, wide, "…")
		text += strings.Repeat(" ", wide-ansi.StringWidth(text))
		about := ansi.Truncate(item.Description, max(0, width-wide-6), "…")
		mark := "  "
		if i == m.chosen {
			mark = "> "
			text = styled(chosen, text)
		}
		rows = append(rows, mark+text+"  "+styled(dim, about))
	}
	if len(m.items) > height {
		rows = append(rows, styled(dim, fmt.Sprintf("  %d to %d of %d", m.top+1, min(len(m.items), m.top+height), len(m.items))))
	}
	return rows
}
