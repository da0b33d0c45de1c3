package shell

import (
	"go/scanner"
	"go/token"
	"strings"

	"gsmlab/kernel/engine"
)

// Status says what a front end should do when a line ends: "complete" (run it), "incomplete" (ask for more,
// with indent before the cursor), "invalid" (it cannot become Go by more lines) or "unknown" (blank).
func (s *Shell) Status(text string) (status, indent string) {
	switch {
	case strings.TrimSpace(text) == "":
		return "unknown", ""
	case s.Incomplete(text):
		return "incomplete", strings.Repeat("\t", openBrackets(text))
	case isCommand(text):
		return "complete", ""
	case engine.Syntax(text) != nil:
		return "invalid", ""
	}
	return "complete", ""
}

func isCommand(text string) bool { return strings.HasPrefix(strings.TrimSpace(text), "%") }

// openBrackets counts the brackets that a text leaves open: what is typed next stands that deep.
func openBrackets(text string) int {
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	inside := false // of a raw string or comment, which is not ours to indent
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
