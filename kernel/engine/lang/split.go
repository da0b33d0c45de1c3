package lang

import (
	"go/scanner"
	"go/token"
	"strings"
)

// Chunk is a run of source that is one import, one declaration, or some statements.
type Chunk struct {
	Start, End int // byte offsets in the cell
	Decl       bool
	Imports    bool
}

// Lexeme is a token with its place.
type Lexeme struct {
	Tok    token.Token
	Lit    string
	Offset int
}

// Lex scans a cell; open reports that it ends inside of a comment, a string or brackets, or after
// an operator, so that more lines may complete it.
func Lex(code string) (tokens []Lexeme, open bool) {
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
		tokens = append(tokens, Lexeme{tok, lit, file.Offset(pos)})
	}
	if depth > 0 || last != token.SEMICOLON && len(tokens) > 0 {
		open = true // the scanner ends a complete line with a semicolon
	}
	return tokens, open
}

// Incomplete reports whether code may be continued on another line: it ends in an open bracket,
// string or comment, or after an operator.
func Incomplete(code string) bool {
	_, open := Lex(code)
	return open
}

// Split cuts a cell into chunks at the semicolons outside of brackets.
func Split(code string) []Chunk {
	tokens, _ := Lex(code)
	var chunks []Chunk
	depth, start := 0, 0
	for i, t := range tokens {
		switch t.Tok {
		case token.LPAREN, token.LBRACE, token.LBRACK:
			depth++
		case token.RPAREN, token.RBRACE, token.RBRACK:
			depth--
		}
		if i < len(tokens)-1 && (t.Tok != token.SEMICOLON || depth > 0) {
			continue
		}
		end := t.Offset
		if t.Tok != token.SEMICOLON {
			end = len(code)
		} else if t.Lit == ";" {
			end++
		}
		first := tokens[start]
		// also of a lone semicolon, as in `for i := 0; ; i++`
		c := Chunk{Start: first.Offset, End: min(end, len(code))}
		switch first.Tok {
		case token.IMPORT:
			c.Imports, c.Decl = true, true
		case token.VAR, token.TYPE, token.CONST:
			c.Decl = true
		case token.FUNC:
			c.Decl = isFuncDecl(tokens[start:i])
		}
		chunks = append(chunks, c)
		start = i + 1
	}
	return chunks
}

// isFuncDecl tells `func f(`, `func f[` and `func (r T) m(` from function literals.
func isFuncDecl(t []Lexeme) bool {
	if len(t) > 1 && t[1].Tok == token.IDENT {
		return true
	}
	depth := 0
	for i := 1; i < len(t); i++ {
		switch t[i].Tok {
		case token.LPAREN:
			depth++
		case token.RPAREN:
			depth--
		}
		if depth == 0 {
			return i+2 < len(t) && t[i+1].Tok == token.IDENT && t[i+2].Tok == token.LPAREN
		}
	}
	return false
}

// keep returns code with everything but the wanted chunks blanked, so that places stay the same.
func keep(code string, chunks []Chunk, want func(Chunk) bool) string {
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
		out.WriteString(blank(code[at:c.Start]))
		out.WriteString(code[c.Start:c.End])
		at = c.End
	}
	out.WriteString(blank(code[at:]))
	return out.String()
}
