// Unfinished cells: what to cut off and add around the cursor so that the rest parses.

package assist

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	goscanner "go/scanner"

	"gsmlab/kernel/engine/lang"
	"gsmlab/kernel/engine/wire"
)

// placeholder stands for the name that is being completed. It looks exported, so that the names of
// packages before it count as used.
const placeholder = wire.Tick + "here"

// nameAt returns the bounds of the name that offset is in or next to. Both are the offset if there
// is no name. Text in a comment, a string or a number is not a name.
func nameAt(code string, offset int) (start, end int) {
	start, end = offset, offset
	inName := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	for start > 0 {
		r, n := utf8.DecodeLastRuneInString(code[:start])
		if !inName(r) {
			break
		}
		start -= n
	}
	for end < len(code) {
		r, n := utf8.DecodeRuneInString(code[end:])
		if !inName(r) {
			break
		}
		end += n
	}
	return start, end
}

// tokenAround returns the token that contains offset. A name may also end there, and a token
// without an end (a line comment, an open string) contains it too.
func tokenAround(code string, offset int) (tok token.Token, start int) {
	file := token.NewFileSet().AddFile("", -1, len(code))
	open := -1
	var s goscanner.Scanner
	s.Init(file, []byte(code), func(p token.Position, msg string) {
		if strings.Contains(msg, "not terminated") {
			open = p.Offset
		}
	}, goscanner.ScanComments)
	for {
		pos, tok, lit := s.Scan()
		at := file.Offset(pos)
		if tok == token.EOF || at > offset {
			return token.ILLEGAL, offset
		}
		if tok == token.SEMICOLON && lit == "\n" || lit == "" {
			continue
		}
		end := at + len(lit)
		openEnd := open == at || tok == token.COMMENT && strings.HasPrefix(lit, "//")
		word := tok == token.IDENT || tok.IsKeyword() || tok == token.INT || tok == token.FLOAT || tok == token.IMAG
		if at < offset && (offset < end || offset == end && (openEnd || word)) {
			return tok, at
		}
	}
}

// draft checks code as far as possible. The name in question is at code[start:end]; if put is not
// empty, it replaces that name.
func (a Assistant) draft(ctx context.Context, code string, start, end int, put string) *lang.Draft {
	if put != "" {
		code = code[:start] + put + code[end:]
		end = start + len(put)
	}
	text, ok := draftText(code, start, end)
	if !ok {
		return nil
	}
	return a.Scope.CheckDraft(ctx, text)
}

// draftText keeps the parts of a cell that parse, and the part with the name at code[start:end],
// repaired if necessary.
func draftText(code string, start, end int) (draft lang.DraftText, ok bool) {
	var decls, stmts strings.Builder
	target := &stmts
	parts := statements(code)
	if len(parts) == 0 || start >= parts[len(parts)-1].End {
		parts = append(parts, lang.Chunk{Start: start, End: end})
	}
	before := 0
	for _, c := range parts {
		gap, part := code[min(before, c.Start):c.Start], code[c.Start:c.End] // comments
		before = c.End
		switch {
		case !ok && start < c.End: // the name is here
			start, end := max(start-c.Start, 0), end-c.Start
			repaired, decl := repair(part, start, min(end, len(part)), c.Decl)
			if decl {
				target, draft.InDecls = &decls, true
			}
			draft.At, ok = target.Len()+len(gap)+start, true
			target.WriteString(gap + repaired + "\n")
			if target == &stmts && repaired != part {
				stmts.WriteString("\n}\nfunc _() {\n") // what follows may not fit it
			}
		case c.Imports:
			draft.Imports = append(draft.Imports, part)
		case c.Decl && parses(part, true):
			decls.WriteString(gap + part + "\n")
		case !c.Decl && parses(part, false):
			stmts.WriteString(gap + part + "\n")
		}
	}
	draft.Decls, draft.Stmts = decls.String(), stmts.String()
	return draft, ok
}

// statements is lang.Split, but keeps the heads of if, for and switch, which contain semicolons, in
// one piece.
func statements(code string) (parts []lang.Chunk) {
	for _, c := range lang.Split(code) {
		if k := len(parts) - 1; k >= 0 && !c.Decl {
			head := code[parts[k].Start:parts[k].End]
			word, _, _ := strings.Cut(head, " ")
			if (word == "if" || word == "for" || word == "switch") && strings.HasSuffix(head, ";") && !parses(head, false) {
				parts[k].End = c.End
				continue
			}
		}
		parts = append(parts, c)
	}
	return parts
}

func wrap(part string, decl bool) string {
	if decl {
		return "package main\n" + part
	}
	return "package main\nfunc _() {\n" + part + "\n}"
}

func parses(part string, decl bool) bool {
	f, err := parser.ParseFile(token.NewFileSet(), "", wrap(part, decl), parser.SkipObjectResolution)
	return err == nil && (decl || len(f.Decls) == 1)
}

// repair returns part unchanged if it parses. Otherwise it cuts part after the name at
// part[start:end] and adds what may be missing: brackets, the body of a statement, the colon of a
// case. decl says whether the result is a declaration.
func repair(part string, start, end int, decl bool) (string, bool) {
	if parses(part, decl) {
		return part, decl
	}
	head := part[:end]
	var open []byte
	tokens, _ := lang.Lex(head)
	for _, t := range tokens {
		switch t.Tok {
		case token.LPAREN:
			open = append(open, ')')
		case token.LBRACE:
			open = append(open, '}')
		case token.LBRACK:
			open = append(open, ']')
		case token.RPAREN, token.RBRACE, token.RBRACK:
			open = open[:max(len(open)-1, 0)]
		}
	}
	slices.Reverse(open)
	closers := strings.ReplaceAll(string(open), "}", "\n}")
	best, bestDecl, fewest := head+closers, decl, -1
	for _, tail := range []string{closers, " {}" + closers, "()" + closers, ":" + closers, closers + " {}", closers + " _() {}", strings.ReplaceAll(closers, "]", "]int"), "; {}" + closers, " int" + closers} {
		for _, asDecl := range []bool{decl, !decl} {
			text := wrap(head+tail, asDecl)
			f, err := parser.ParseFile(token.NewFileSet(), "", text, parser.AllErrors|parser.SkipObjectResolution)
			if err == nil && (asDecl || len(f.Decls) == 1) {
				return head + tail, asDecl
			}
			if n := errorCount(err); holds(f, part[start:end]) && (fewest < 0 || n < fewest) {
				best, bestDecl, fewest = head+tail, asDecl, n
			}
		}
	}
	return best, bestDecl
}

func errorCount(err error) int {
	list, _ := err.(goscanner.ErrorList)
	return len(list)
}

func holds(f *ast.File, name string) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && id.Name == name
		return !found
	})
	return found
}
