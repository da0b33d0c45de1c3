package edit

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// search is a backward search through the history.
type search struct {
	pattern string
	at      int // of the input that is shown; -1 if there is none
	before  snapshot
}

func (e *Editor) startSearch() {
	e.menu, e.signature = nil, ""
	e.search = &search{at: -1, before: snapshot{e.text, e.at}}
}

// stopSearch ends the search, with the input found or the one before the search.
func (e *Editor) stopSearch(take bool) {
	if e.search == nil {
		return
	}
	if take && e.search.at >= 0 {
		e.draft.text = e.search.before.text
		e.past.at = e.search.at
	} else {
		e.text, e.at = e.search.before.text, e.search.before.at
	}
	e.search = nil
}

// searchKey handles a key during a search; false if the key ended the search and is an ordinary
// key.
func (e *Editor) searchKey(key, text string) bool {
	s := e.search
	switch key {
	case "ctrl+r", "up":
		e.find(s.at-1, -1)
	case "ctrl+s", "down":
		e.find(s.at+1, 1)
	case "backspace", "ctrl+h":
		if runes := []rune(s.pattern); len(runes) > 0 {
			s.pattern = string(runes[:len(runes)-1])
			s.at = -1
			e.find(len(e.History)-1, -1)
		}
	case "esc", "ctrl+g":
		e.stopSearch(false)
	case "enter", "ctrl+j", "tab":
		e.stopSearch(true)
	default:
		if text == "" {
			e.stopSearch(true)
			return false
		}
		s.pattern += text
		from := s.at
		if from < 0 {
			from = len(e.History) - 1
		}
		e.find(from, -1)
	}
	return true
}

// find shows the next input, from the given one on, that contains the pattern. Case matters only if
// the pattern has capitals.
func (e *Editor) find(from, step int) {
	s := e.search
	if s.at < 0 && step < 0 {
		from = len(e.History) - 1
	}
	if s.pattern == "" {
		return
	}
	fold := strings.ToLower(s.pattern) == s.pattern
	for i := from; i >= 0 && i < len(e.History); i += step {
		text := e.History[i]
		if fold {
			text = strings.ToLower(text)
		}
		if at := strings.Index(text, s.pattern); at >= 0 && (i == s.at || e.History[i] != e.text || s.at < 0) {
			s.at = i
			e.set(e.History[i])
			e.at = min(at+len(s.pattern), len(e.text))
			return
		}
	}
	if s.at < 0 || !holds(e.text, s.pattern, fold) {
		s.at = -1
	}
}

func holds(text, pattern string, fold bool) bool {
	if fold {
		text = strings.ToLower(text)
	}
	return strings.Contains(text, pattern)
}

func (e *Editor) searchRows(width int) (rows []string, line, column int) {
	prompt := "search: "
	found := "  Enter: take it, Ctrl-R: older, Esc: back"
	switch s := e.search; {
	case s.pattern == "":
		found = "  type a part of an earlier input"
	case s.at < 0:
		found = "  not found"
	default:
		found = fmt.Sprintf("  %d of %d", s.at+1, len(e.History)) + found
	}
	head := ansi.Truncate(prompt+e.search.pattern, width-2, "…")
	column = ansi.StringWidth(head)
	return []string{head + styled(e.Dim, ansi.Truncate(found, width-1-column, "…"))}, 0, column
}
