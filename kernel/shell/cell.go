// Cutting a text into Go and commands.

package shell

import (
	"go/scanner"
	"go/token"
	"regexp"
	"strings"
)

// part is a piece of a cell: Go, or one command.
type part struct {
	line    int    // of its first line in the cell, from 1
	text    string // Go, or a command with its %, ! or ?
	command bool
}

// cell is the meaning of a text. Its parts are carried out in order.
type cell struct {
	parts []part
	magic bool   // the whole text belongs to its first line: %%writefile, %%bash and the like
	body  string // of a magic: the text after the first line
	main  bool   // a %% or %main line turned the rest into the body of a function
	args  string // main: the text after %%
	exec  string // main: the function that %exec names, instead of a body
	funcs []string
}

// bodyCommands take the rest of the cell as it is. They can only be at its start.
var bodyCommands = map[string]bool{"%%writefile": true, "%%script": true, "%%bash": true, "%%sh": true}

const gonbPrefix = "//gonb:" // GoNB: hides a command from Go editors

// inspection matches `x?`, `?x.Field` and `%who?`. No line of Go has a question mark outside
// strings.
var inspection = regexp.MustCompile(`^(?:\?{1,2}\s*[%!]?[\pL_%][\pL\pN_.%]*|[%!]?[\pL_%][\pL\pN_.%]*\?{1,2})\s*$`)

// commandLine reports whether a line at the top level is a command.
func commandLine(line string) bool {
	line = strings.TrimPrefix(line, gonbPrefix)
	return len(line) > 1 && (line[0] == '%' || line[0] == '!') || inspection.MatchString(line)
}

// parseCell cuts a text into Go and commands. A command is a line that starts with % or ! (or asks
// with ?) where a Go statement could start: not inside brackets, strings or comments, and not after
// an operator.
func parseCell(text string) cell {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	lead := text[:len(text)-len(strings.TrimLeft(text, " \t\n"))]
	first, rest, _ := strings.Cut(strings.TrimPrefix(text[len(lead):], gonbPrefix), "\n")
	if word, _, _ := strings.Cut(strings.TrimSpace(first), " "); bodyCommands[word] {
		return cell{magic: true, body: rest, parts: []part{{1 + strings.Count(lead, "\n"), strings.TrimSpace(first), true}}}
	}
	if i := strings.LastIndexByte(lead, '\n') + 1; commandLine(text[len(lead):]) {
		// an indented first command
		text = lead[:i] + text[len(lead):]
	}
	var c cell
	line := 1
	for text != "" {
		at := nextCommand(text)
		if at > 0 {
			c.addGo(line, text[:at])
			line += strings.Count(text[:at], "\n")
			text = text[at:]
		}
		if text == "" {
			break
		}
		command, used := joined(text)
		if timed, rest := timedGo(text); timed {
			c.addCommand(line, "%time")
			text = rest
			continue
		}
		c.addCommand(line, command)
		line += strings.Count(text[:used], "\n")
		text = text[used:]
	}
	c.modulesFirst()
	return c
}

// nextCommand returns where the first command line starts, or the length of the text.
func nextCommand(text string) int {
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), nil, scanner.ScanComments)
	depth, complete := 0, true // complete: a statement could start here
	at := 0                    // the current line
	for {
		pos, tok, lit := s.Scan()
		start := file.Offset(pos)
		if tok == token.EOF {
			start = len(text)
		}
		for at <= start && at < len(text) { // lines that start before this token
			if depth <= 0 && complete && commandLine(lineAt(text, at)) {
				return at
			}
			next := strings.IndexByte(text[at:], '\n')
			if next < 0 {
				at = len(text)
			} else {
				at += next + 1
			}
		}
		if tok == token.EOF {
			return len(text)
		}
		switch tok {
		case token.COMMENT, token.STRING: // lines inside it are not commands
			end := start + len(lit)
			if tok == token.COMMENT && strings.HasPrefix(lit, "//") {
				continue
			}
			for at < end && at < len(text) {
				next := strings.IndexByte(text[at:], '\n')
				if next < 0 {
					return len(text)
				}
				at += next + 1
			}
			if tok == token.COMMENT {
				continue
			}
		case token.LPAREN, token.LBRACE, token.LBRACK:
			depth++
		case token.RPAREN, token.RBRACE, token.RBRACK:
			depth--
		}
		complete = tok == token.SEMICOLON
	}
}

func lineAt(text string, at int) string {
	line, _, _ := strings.Cut(text[at:], "\n")
	return line
}

// joined returns the command at the start of text, with lines that end in \ joined, and its length
// in the text.
func joined(text string) (command string, used int) {
	for used < len(text) {
		line := lineAt(text, used)
		used = min(used+len(line)+1, len(text))
		command += strings.TrimPrefix(line, gonbPrefix)
		if !strings.HasSuffix(command, `\`) {
			break
		}
		command = strings.TrimSuffix(command, `\`) + " "
	}
	return command, used
}

// timedGo removes %time from the start of a text if more follows on its line, which may be Go of
// several lines.
func timedGo(text string) (timed bool, rest string) {
	m := timedLine.FindStringSubmatchIndex(lineAt(text, 0))
	if m == nil {
		return false, text
	}
	at := m[2]
	if commandLine(lineAt(text, at)) {
		return true, text[at:]
	}
	return true, strings.Repeat(" ", at) + text[at:] // columns stay as they are
}

var timedLine = regexp.MustCompile(`^(?://gonb:)?%{1,2}time[ \t]+([^ \t])`)

// isMain tells %% and %main from other commands, and returns what follows them.
func isMain(command string) (args string, yes bool) {
	word, args, _ := strings.Cut(strings.TrimSpace(command), " ")
	return strings.TrimSpace(args), word == "%%" || word == "%main"
}

// addCommand appends a command. In a %% cell, whose body is one function, commands come before the
// Go.
func (c *cell) addCommand(line int, command string) {
	if args, yes := isMain(command); yes && !c.main {
		c.main, c.args = true, args
		c.startMain(line)
		return
	}
	if rest, ok := strings.CutPrefix(strings.TrimSpace(command), "%exec "); ok && !c.main {
		c.addExec(line, rest)
		return
	}
	p := part{line, strings.TrimSpace(command), true}
	if k := len(c.parts); c.main {
		c.parts = append(c.parts[:k-1:k-1], p, c.parts[k-1])
		return
	}
	c.parts = append(c.parts, p)
}

// addExec makes the cell call a function with flags and arguments: %exec FUNC ARGS...
func (c *cell) addExec(line int, rest string) {
	name, args, _ := strings.Cut(strings.TrimSpace(rest), " ")
	c.main, c.exec, c.args = true, name, strings.TrimSpace(args)
	c.startMain(line)
}

// startMain opens the function on the line of the %%.
func (c *cell) startMain(line int) {
	c.addGo(line, "")
	c.parts[len(c.parts)-1].text += mainMark + "\n"
}

// mainMark marks the start of the function until the functions of the cell are known.
const mainMark = "\x00main"

// addGo appends Go. In a unit of several pieces it keeps the lines between them, so that places
// stay right.
func (c *cell) addGo(line int, text string) {
	c.funcs = append(c.funcs, functions(text)...)
	if k := len(c.parts); k > 0 && !c.parts[k-1].command {
		p := &c.parts[k-1]
		p.text += strings.Repeat("\n", line-p.line-strings.Count(p.text, "\n")) + text
		return
	}
	c.parts = append(c.parts, part{line, text, false})
}

// modulesFirst moves lines with !* to the start, because the Go around them imports what they
// fetch.
func (c *cell) modulesFirst() {
	var first, other []part
	for _, p := range c.parts {
		if p.command && strings.HasPrefix(p.text, "!*") {
			first = append(first, p)
		} else {
			other = append(other, p)
		}
	}
	c.parts = append(first, other...)
}

// functions lists the functions without a receiver that the Go text declares, in order.
func functions(text string) (names []string) {
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), nil, 0)
	depth, before, start := 0, token.ILLEGAL, token.SEMICOLON
	for {
		_, tok, lit := s.Scan()
		switch tok {
		case token.EOF:
			return names
		case token.LPAREN, token.LBRACE, token.LBRACK:
			depth++
		case token.RPAREN, token.RBRACE, token.RBRACK:
			depth--
		case token.IDENT:
			if before == token.FUNC && start == token.SEMICOLON && depth == 0 {
				names = append(names, lit)
			}
		case token.FUNC:
			start = before
			if before == token.ILLEGAL {
				start = token.SEMICOLON
			}
		}
		before = tok
	}
}

// hasGo reports whether a text has more than comments and space.
func hasGo(text string) bool {
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), nil, 0)
	_, tok, _ := s.Scan()
	return tok != token.EOF
}

var flagDefinition = regexp.MustCompile(`\bflag\.(?:[A-Z][A-Za-z0-9]*Var\([^,\n]+,\s*|(?:Bool|Int|Int64|Uint|Uint64|String|Float64|Duration|Func|BoolFunc)\()"([^"\n]+)"`)

// flagsIn lists the flags that a Go text defines.
func flagsIn(text string) (names []string) {
	for _, m := range flagDefinition.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

// withoutPackage blanks a package clause, because cells always belong to package main.
func withoutPackage(text string) string {
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), nil, 0)
	pos, tok, _ := s.Scan()
	name, ident, lit := s.Scan()
	if tok != token.PACKAGE || ident != token.IDENT {
		return text
	}
	from, to := file.Offset(pos), file.Offset(name)+len(lit)
	return text[:from] + strings.Repeat(" ", to-from) + text[to:]
}
