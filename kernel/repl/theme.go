package repl

import (
	"cmp"
	"go/scanner"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"gsmlab/kernel/repl/edit"
)

// theme colours texts, or leaves them plain (NO_COLOR).
type theme struct{ colour bool }

func newTheme(getenv func(string) string) theme { return theme{colour: getenv("NO_COLOR") == ""} }

func (t theme) style(parameters string) string {
	if !t.colour {
		return ""
	}
	return parameters
}

func (t theme) paint(parameters, text string) string {
	if !t.colour || text == "" {
		return text
	}
	return "\x1b[" + parameters + "m" + text + "\x1b[m"
}

func (t theme) prompt(text string) string { return t.paint("32", text) }

// present.Terminal colours errors with these.
func (t theme) Dim(text string) string     { return t.paint("2", text) }
func (t theme) Bad(text string) string     { return t.paint("91", text) }
func (t theme) Warning(text string) string { return t.paint("33", text) }

// golang colours Go as the editor does.
func (t theme) golang(code string) string {
	var b strings.Builder
	at := 0
	for _, s := range highlight(code) {
		b.WriteString(code[at:s.Start] + t.paint(s.Style, code[s.Start:s.End]))
		at = s.End
	}
	return b.String() + code[at:]
}

func truncate(text string, width int) string { return ansi.Truncate(text, width, "…") }

const (
	keywordStyle = "94"
	stringStyle  = "32"
	numberStyle  = "35"
	commentStyle = "90"
	knownStyle   = "36" // names of the language itself
	commandStyle = "33"
)

// highlight colours Go and the command lines in it.
func highlight(text string) (spans []edit.Span) {
	source := []byte(text)
	depth := 0
	var s scanner.Scanner
	file := token.NewFileSet().AddFile("", -1, len(source))
	// Commands are recognised at the start of a line outside brackets; they are blanked for the
	// scanner.
	at := 0
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimSpace(line); depth <= 0 && (strings.HasPrefix(trimmed, "%") || strings.HasPrefix(trimmed, "!")) {
			spans = append(spans, edit.Span{Start: at, End: at + len(line), Style: commandStyle})
			for i := range strings.TrimRight(line, "\n") {
				source[at+i] = ' '
			}
		} else {
			depth += strings.Count(line, "{") + strings.Count(line, "(") - strings.Count(line, "}") - strings.Count(line, ")")
		}
		at += len(line)
	}
	s.Init(file, source, func(token.Position, string) {}, scanner.ScanComments)
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			break
		}
		style := ""
		switch {
		case tok.IsKeyword():
			style, lit = keywordStyle, tok.String()
		case tok == token.STRING || tok == token.CHAR:
			style = stringStyle
		case tok == token.INT || tok == token.FLOAT || tok == token.IMAG:
			style = numberStyle
		case tok == token.COMMENT:
			style = commentStyle
		case tok == token.IDENT && types.Universe.Lookup(lit) != nil:
			style = knownStyle
		}
		if style != "" {
			start := file.Offset(pos)
			spans = append(spans, edit.Span{Start: start, End: start + len(lit), Style: style})
		}
	}
	return sorted(spans)
}

func sorted(spans []edit.Span) []edit.Span {
	slices.SortFunc(spans, func(a, b edit.Span) int { return cmp.Compare(a.Start, b.Start) })
	return spans
}
