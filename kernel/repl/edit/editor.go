// The editor: it turns keys into changes of a cell, until the cell is entered.

package edit

import (
	"context"
	"errors"
	"io"
	"strings"
	"unicode"

	uv "github.com/charmbracelet/ultraviolet"
)

// ErrLeave is returned when Ctrl-C was pressed twice.
var ErrLeave = errors.New("left by Ctrl-C")

// Span is a part of a text with a style (the parameters of an SGR sequence, such as "1;34").
type Span struct {
	Start, End int
	Style      string
}

// Item is a completion at the cursor, with a description for the menu.
type Item struct{ Text, Description string }

// Completion says what may replace text[Start:End].
type Completion struct {
	Start, End int
	Items      []Item
}

// Hooks are functions that the editor calls; all but Prompt and Status may be nil. Complete,
// Signature and Describe may take their time.
type Hooks struct {
	// Prompt returns the text before the first line and before all others, equally wide.
	Prompt func() (first, more string)
	// Status says what Enter does: after "incomplete" it gives a new line with indent, else it ends
	// the input.
	Status    func(text string) (status, indent string)
	Highlight func(text string) []Span
	Complete  func(ctx context.Context, text string, offset int) Completion
	// Signature is one line about the function whose name ends at offset.
	Signature func(ctx context.Context, text string, offset int) string
	// Describe is the documentation of the name at offset, printed above the prompt.
	Describe func(ctx context.Context, text string, offset int) string
	History  []string // oldest first
	Dim      string   // styles; "": none
	Chosen   string
	Secret   bool // show dots
}

// Editor reads one input.
type Editor struct {
	Hooks
	term *Terminal
	buffer
	past, draft struct { // the place in the history, and the input that was being typed before
		at   int
		text string
	}
	menu      *menu
	search    *search
	hint      string
	call      int // place of the call whose signature is asked for or shown; -1 if there is none
	signature string
	leaving   bool // Ctrl-C was the last key
	top       int  // the first visible row of the text
	ctx       context.Context
}

// Read lets the user edit an input. It returns io.EOF for Ctrl-D in an empty input and if the
// terminal is gone, ErrLeave for Ctrl-C twice, and ctx's error.
func Read(ctx context.Context, t *Terminal, hooks Hooks) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // nobody needs the answers any more
	e := &Editor{Hooks: hooks, term: t, ctx: ctx, call: -1}
	e.past.at = len(hooks.History)
	for {
		if !t.pending() {
			e.show()
		}
		event, err := t.next(ctx)
		if err != nil {
			t.Hide()
			return "", err
		}
		done, err := e.handle(event)
		if err != nil {
			t.Hide()
			return "", err
		}
		if done {
			e.finish()
			return e.text, nil
		}
	}
}

// finish leaves the whole input on the screen.
func (e *Editor) finish() {
	e.menu, e.search, e.hint, e.signature = nil, nil, "", ""
	width, _ := e.term.Size()
	rows, _, _ := e.layout(width)
	e.term.Keep(rows)
}

func (e *Editor) handle(event uv.Event) (done bool, err error) {
	leaving := e.leaving
	e.leaving = false
	switch event := event.(type) {
	case func(): // an answer
		e.leaving = leaving
		event()
	case uv.PasteEvent:
		e.stopSearch(true)
		e.menu = nil
		e.insert("paste", pasted(event.Content))
	case uv.KeyPressEvent:
		e.hint = ""
		switch key := event.Keystroke(); {
		case key == "ctrl+c":
			if leaving {
				return false, ErrLeave
			}
			e.clear()
			return false, nil
		case key == "ctrl+d" && e.text == "" && e.search == nil:
			return false, io.EOF
		case e.search != nil && e.searchKey(key, event.Text):
		case e.menu != nil && e.menuKey(key):
		default:
			e.menu = e.menu.keptFor(event.Text)
			done = e.key(key, event.Text)
		}
	default:
		e.leaving = leaving
		return false, nil
	}
	if !done {
		e.askSignature()
	}
	return done, nil
}

// clear handles Ctrl-C: the input stays on the screen, and a new one begins.
func (e *Editor) clear() {
	if e.text != "" {
		e.at = len(e.text)
		e.finish()
	}
	e.set("")
	e.menu, e.search, e.signature, e.call = nil, nil, "", -1
	e.past.at = len(e.History)
	e.hint, e.leaving = "Ctrl-C again, or Ctrl-D, leaves", true
}

// pasted returns pasted text without characters that a text cannot contain.
func pasted(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
	return strings.TrimSuffix(text, "\n")
}

// commands are the keys that change text or move, the same as in most line editors.
var commands = map[string]func(*Editor){
	"left": func(e *Editor) { e.at = e.left(e.at) }, "right": func(e *Editor) { e.at = e.right(e.at) },
	"alt+b": func(e *Editor) { e.at = e.wordLeft(e.at) }, "alt+f": func(e *Editor) { e.at = e.wordRight(e.at) },
	"home": func(e *Editor) { e.at = e.lineStart(e.at) }, "end": func(e *Editor) { e.at = e.lineEnd(e.at) },
	"ctrl+home": func(e *Editor) { e.at = 0 }, "ctrl+end": func(e *Editor) { e.at = len(e.text) },
	"up": func(e *Editor) { e.move(-1) }, "down": func(e *Editor) { e.move(1) },
	"alt+up": func(e *Editor) { e.recall(e.past.at - 1) }, "alt+down": func(e *Editor) { e.recall(e.past.at + 1) },
	"backspace": func(e *Editor) { e.change("delete", e.left(e.at), e.at, "") },
	"delete":    func(e *Editor) { e.change("delete", e.at, e.right(e.at), "") },
	"ctrl+k": func(e *Editor) {
		to := e.lineEnd(e.at)
		if to == e.at {
			to = e.right(to)
		}
		e.kill(e.at, to)
	},
	"ctrl+u":    func(e *Editor) { e.kill(e.lineStart(e.at), e.at) },
	"ctrl+w":    func(e *Editor) { e.kill(e.wordLeft(e.at), e.at) },
	"alt+d":     func(e *Editor) { e.kill(e.at, e.wordRight(e.at)) },
	"ctrl+y":    func(e *Editor) { e.insert("yank", e.cut) },
	"ctrl+_":    func(e *Editor) { e.undoLast() },
	"ctrl+l":    func(e *Editor) { e.term.Clear() },
	"ctrl+z":    func(e *Editor) { e.term.suspend() },
	"ctrl+r":    func(e *Editor) { e.startSearch() },
	"tab":       func(e *Editor) { e.complete() },
	"shift+tab": func(e *Editor) { e.describe() },
	"alt+enter": func(e *Editor) { e.newline("") },
}

var aliases = map[string]string{
	"ctrl+b": "left", "ctrl+f": "right", "ctrl+a": "home", "ctrl+e": "end", "ctrl+p": "up", "ctrl+n": "down",
	"ctrl+left": "alt+b", "alt+left": "alt+b", "ctrl+right": "alt+f", "alt+right": "alt+f", "alt+<": "ctrl+home", "alt+>": "ctrl+end",
	"ctrl+h": "backspace", "ctrl+d": "delete", "alt+backspace": "ctrl+w", "ctrl+backspace": "ctrl+w",
	"ctrl+/": "ctrl+_", "f1": "shift+tab", "ctrl+j": "enter", "shift+enter": "alt+enter", "alt+ctrl+j": "alt+enter", "ctrl+alt+j": "alt+enter",
	"pgup": "alt+up", "pgdown": "alt+down", "kpenter": "enter",
}

func (e *Editor) key(key, text string) (done bool) {
	if to, ok := aliases[key]; ok {
		key = to
	}
	if key == "enter" {
		return e.enter()
	}
	if command, ok := commands[key]; ok {
		command(e)
		if !strings.HasPrefix(key, "ctrl+") {
			e.kind = ""
		}
		return false
	}
	if text != "" {
		e.typed(text)
	}
	return false
}

func (e *Editor) typed(text string) {
	if start := e.lineStart(e.at); len(text) == 1 && strings.Contains("})]", text) && e.at > start && strings.Trim(e.text[start:e.at], "\t") == "" {
		e.change("dedent", e.at-1, e.at, "")
	}
	e.insert("typing", text)
	if e.menu != nil {
		e.refill()
	}
}

func (e *Editor) newline(indent string) { e.insert("newline", "\n"+indent) }

// enter ends a complete input, or starts a new line. Two blank lines end an input that never
// closes.
func (e *Editor) enter() (done bool) {
	status, indent := e.Status(e.text + "\n")
	if status != "incomplete" {
		return true
	}
	last := strings.TrimRight(e.text, " \t\n")
	if e.at == len(e.text) && strings.Count(e.text[len(last):], "\n") >= 2 && !e.term.more(pasteGap) {
		return true
	}
	if e.at < len(e.text) {
		_, indent = e.Status(e.text[:e.at])
	}
	if e.term.more(typingGap) { // a paste without brackets brings its own indentation
		indent = ""
	}
	e.newline(indent)
	return false
}

// move moves up or down a line. Beyond the first and last line it goes to the input before or
// after.
func (e *Editor) move(by int) {
	if !e.vertical(by) {
		e.recall(e.past.at + by)
	}
}

func (e *Editor) recall(at int) {
	if at < 0 || at > len(e.History) {
		return
	}
	if e.past.at == len(e.History) {
		e.draft.text = e.text
	}
	e.past.at = at
	if at == len(e.History) {
		e.set(e.draft.text)
	} else {
		e.set(e.History[at])
	}
}

// describe prints the documentation of what is at the cursor.
func (e *Editor) describe() {
	if e.Describe == nil {
		return
	}
	if doc := strings.TrimRight(e.Describe(e.ctx, e.text, e.at), "\n"); doc != "" {
		e.term.Print(doc + "\n")
		return
	}
	e.hint = "nothing is known about what is at the cursor"
}

// askSignature shows the signature of the function whose arguments are being written.
func (e *Editor) askSignature() {
	open := openCall(e.text, e.at)
	if open == e.call || e.Signature == nil {
		return
	}
	e.call, e.signature = open, ""
	if open < 0 {
		return
	}
	text, ctx := e.text, e.ctx
	go func() {
		line := e.Signature(ctx, text, open)
		e.term.push(func() {
			if ctx.Err() == nil && e.call == open {
				e.signature = line
			}
		})
	}()
}

// openCall finds the bracket that is open at offset and follows a name; -1 if there is none.
func openCall(text string, offset int) int {
	depth := 0
	for i := offset - 1; i >= 0 && i > offset-2000; i-- {
		switch text[i] {
		case ')', ']', '}':
			depth++
		case '(', '[', '{':
			if depth--; depth >= 0 {
				continue
			}
			if text[i] == '(' && i > 0 && isWord(rune(text[i-1])) {
				return i
			}
			return -1
		case '\n':
			if depth == 0 && i > 0 && text[i-1] != '(' && text[i-1] != ',' {
				return -1
			}
		}
	}
	return -1
}
