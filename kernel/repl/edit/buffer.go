package edit

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// buffer is the edited text and the cursor's place in it, in bytes.
type buffer struct {
	text string
	at   int
	undo []snapshot
	kind string // of the last change: typed text is undone as one change
	cut  string // the text that was cut last
}

type snapshot struct {
	text string
	at   int
}

// change replaces text[from:to] and puts the cursor after the new text.
func (b *buffer) change(kind string, from, to int, with string) {
	if from == to && with == "" {
		return
	}
	if kind != "typing" || b.kind != kind || strings.ContainsAny(with, " \n") {
		b.undo = append(b.undo, snapshot{b.text, b.at})
	}
	b.kind = kind
	b.text = b.text[:from] + with + b.text[to:]
	b.at = from + len(with)
}

func (b *buffer) insert(kind, text string) { b.change(kind, b.at, b.at, text) }

// set replaces everything, which undo cannot take back.
func (b *buffer) set(text string) { b.text, b.at, b.undo, b.kind = text, len(text), nil, "" }

func (b *buffer) undoLast() {
	if n := len(b.undo); n > 0 {
		b.text, b.at = b.undo[n-1].text, b.undo[n-1].at
		b.undo, b.kind = b.undo[:n-1], ""
	}
}

// lineStart and lineEnd bound the line that holds offset at.
func (b *buffer) lineStart(at int) int { return strings.LastIndexByte(b.text[:at], '\n') + 1 }

func (b *buffer) lineEnd(at int) int {
	if i := strings.IndexByte(b.text[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(b.text)
}

// right is the place one character (a grapheme) further; left is the place one before.
func (b *buffer) right(at int) int {
	if at >= len(b.text) {
		return at
	}
	cluster, _, _, _ := uniseg.FirstGraphemeClusterInString(b.text[at:], -1)
	return at + len(cluster)
}

func (b *buffer) left(at int) int {
	start := b.lineStart(at)
	if start == at {
		return max(0, at-1)
	}
	for at > start {
		next := b.right(start)
		if next >= at {
			break
		}
		start = next
	}
	return start
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

func (b *buffer) wordRight(at int) int {
	in := false
	for i, r := range b.text[at:] {
		if in && !isWord(r) {
			return at + i
		}
		in = in || isWord(r)
	}
	return len(b.text)
}

func (b *buffer) wordLeft(at int) int {
	in := false
	for at > 0 {
		r, n := utf8.DecodeLastRuneInString(b.text[:at])
		if in && !isWord(r) {
			return at
		}
		in = in || isWord(r)
		at -= n
	}
	return 0
}

// kill cuts text[from:to] for yank.
func (b *buffer) kill(from, to int) {
	if from != to {
		b.cut = b.text[from:to]
		b.change("kill", from, to, "")
	}
}

// vertical moves the cursor by lines, as near to its column as possible; false if there is no such
// line.
func (b *buffer) vertical(by int) bool {
	start := b.lineStart(b.at)
	column := uniseg.StringWidth(expand(b.text[start:b.at]))
	if by < 0 {
		if start == 0 {
			return false
		}
		start = b.lineStart(start - 1)
	} else {
		end := b.lineEnd(b.at)
		if end == len(b.text) {
			return false
		}
		start = end + 1
	}
	end := b.lineEnd(start)
	at := start
	for at < end && uniseg.StringWidth(expand(b.text[start:at])) < column {
		at = b.right(at)
	}
	b.at = at
	return true
}

const tab = "    "

// expand replaces tabs with spaces.
func expand(text string) string { return strings.ReplaceAll(text, "\t", tab) }
