package shell

import (
	"go/scanner"
	"go/token"
	"strings"

	"gsmlab/kernel/engine"
)

// Incomplete reports whether a cell may continue on another line. A cell that a %% command takes as
// a whole ends with an empty line.
func (s *Shell) Incomplete(text string) bool {
	c := parseCell(text)
	if c.magic {
		return !endsBlank(text)
	}
	if len(c.parts) == 0 {
		return false
	}
	last := c.parts[len(c.parts)-1]
	switch {
	case last.command:
		return strings.HasSuffix(strings.TrimRight(text, "\n"), `\`) && !endsBlank(text)
	case c.main && c.exec == "" && !endsBlank(text):
		return true
	}
	return engine.Incomplete(strings.Replace(last.text, mainMark, "", 1))
}

// endsBlank reports whether the last line of a text is empty.
func endsBlank(text string) bool {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return len(lines) > 1 && strings.TrimSpace(lines[len(lines)-1]) == ""
}

// Status says what a front end should do when a line ends: "complete" (run it), "incomplete" (ask
// for more, with indent before the cursor), "invalid" (more lines cannot make it Go) or "unknown"
// (blank).
func (s *Shell) Status(text string) (status, indent string) {
	if strings.TrimSpace(text) == "" {
		return "unknown", ""
	}
	if s.Incomplete(text) {
		return "incomplete", strings.Repeat("\t", openBrackets(text))
	}
	c := parseCell(text)
	r := &run{Shell: s, cell: c}
	for _, p := range r.finished() {
		if !p.command && engine.Syntax(withoutPackage(p.text)) != nil {
			return "invalid", ""
		}
	}
	return "complete", ""
}

// openBrackets counts the brackets that a text leaves open, which is the depth of what is typed
// next.
func openBrackets(text string) int {
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	inside := false // a raw string or comment, which we do not indent
	s.Init(file, []byte(text), func(_ token.Position, msg string) {
		inside = inside || msg == "raw string literal not terminated" || msg == "comment not terminated"
	}, 0)
	depth := 0
	for {
		switch _, tok, _ := s.Scan(); tok {
		case token.EOF:
			if inside {
				return 0
			}
			return max(depth, 0)
		case token.LPAREN, token.LBRACE, token.LBRACK:
			depth++
		case token.RPAREN, token.RBRACE, token.RBRACK:
			depth--
		}
	}
}
