package engine

import (
	"go/scanner"
	"go/token"
	"strings"
)

// tick is the upper-case letter put before names that are not exported; it is taken away from all that is shown.
const tick = "Ꞌ"

// chunk is a run of source that is one import, one declaration, or some statements.
type chunk struct {
	start, end int // byte offsets in the cell
	decl       bool
	imports    bool
}

// lexeme is a token with its place.
type lexeme struct {
	tok    token.Token
	lit    string
	offset int
}

// lex scans a cell; open reports that it ends inside of a comment, a string or brackets, or after an
// operator, so that more lines may complete it.
func lex(code string) (tokens []lexeme, open bool) {
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(code))
	var s scanner.Scanner
	s.Init(file, []byte(code), func(_ token.Position, msg string) {
		if msg == "raw string literal not terminated" || msg == "comment not terminated" {
			open = true
		}
	}, 0)
	depth := 0
	last := token.SEMICOLON
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			break
		}
		switch tok {
		case token.LPAREN, token.LBRACE, token.LBRACK:
			depth++
		case token.RPAREN, token.RBRACE, token.RBRACK:
			depth--
		}
		last = tok
		tokens = append(tokens, lexeme{tok, lit, file.Offset(pos)})
	}
	if depth > 0 || last != token.SEMICOLON && len(tokens) > 0 {
		open = true // the scanner ends a complete line with a semicolon
	}
	return tokens, open
}

// Incomplete reports whether code may be continued on another line: it ends in an open bracket, string
// or comment, or after an operator.
func Incomplete(code string) bool {
	_, open := lex(code)
	return open
}

// split cuts a cell into chunks at the semicolons outside of brackets.
func split(code string) []chunk {
	tokens, _ := lex(code)
	var chunks []chunk
	depth, start := 0, 0
	for i, t := range tokens {
		switch t.tok {
		case token.LPAREN, token.LBRACE, token.LBRACK:
			depth++
		case token.RPAREN, token.RBRACE, token.RBRACK:
			depth--
		}
		if i < len(tokens)-1 && (t.tok != token.SEMICOLON || depth > 0) {
			continue
		}
		end := t.offset
		if t.tok != token.SEMICOLON {
			end = len(code)
		} else if t.lit == ";" {
			end++
		}
		first := tokens[start]
		c := chunk{start: first.offset, end: min(end, len(code))} // also of a lone semicolon, as in `for i := 0; ; i++`
		switch first.tok {
		case token.IMPORT:
			c.imports, c.decl = true, true
		case token.VAR, token.TYPE, token.CONST:
			c.decl = true
		case token.FUNC:
			c.decl = isFuncDecl(tokens[start:i])
		}
		chunks = append(chunks, c)
		start = i + 1
	}
	return chunks
}

// isFuncDecl tells `func f(`, `func f[` and `func (r T) m(` from function literals.
func isFuncDecl(t []lexeme) bool {
	if len(t) > 1 && t[1].tok == token.IDENT {
		return true
	}
	depth := 0
	for i := 1; i < len(t); i++ {
		switch t[i].tok {
		case token.LPAREN:
			depth++
		case token.RPAREN:
			depth--
		}
		if depth == 0 {
			return i+2 < len(t) && t[i+1].tok == token.IDENT && t[i+2].tok == token.LPAREN
		}
	}
	return false
}

// keep returns code with everything but the wanted chunks blanked, so that places stay the same.
func keep(code string, chunks []chunk, want func(chunk) bool) string {
	blank := func(s string) string {
		b := []byte(s)
		for i := range b {
			if b[i] != '\n' {
				b[i] = ' '
			}
		}
		return string(b)
	}
	var out strings.Builder
	at := 0
	for _, c := range chunks {
		if !want(c) {
			continue
		}
		out.WriteString(blank(code[at:c.start]))
		out.WriteString(code[c.start:c.end])
		at = c.end
	}
	out.WriteString(blank(code[at:]))
	return out.String()
}
