package engine

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	goscanner "go/scanner"
)

// placeholder stands where the name that is being completed will be. It looks exported, so that it makes
// the names of packages before it count as used.
const placeholder = tick + "here"

// partial is a cell that may be unfinished, checked as far as that goes.
type partial struct {
	*checked
	id   *ast.Ident // the name in question
	path []ast.Node // the nodes around it, outermost first, and the name itself

	texts []string // what was parsed, by the bases of the source; the name is in the last
}

// nameAt returns where the name begins and ends that offset is in or next to; all three are the offset if
// there is none. What is in a comment, a string or a number is no name.
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

// tokenAround returns the token that offset is inside of: a name may also end there, and what has no end
// (a line comment, an open string) goes on.
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

// partialCell parses and checks code as far as it goes. The name in question is at code[start:end]; where
// put is not empty it takes its place.
func (s *session) partialCell(code string, start, end int, put string) *partial {
	if put != "" {
		code = code[:start] + put + code[end:]
		end = start + len(put)
	}
	src, texts, at := s.partialSource(code, start, end)
	if src == nil {
		return nil
	}
	declared, _ := src.declared()
	s.autoImport(src, declared)
	p := &partial{checked: &checked{sources: []*source{src}, vars: map[*ast.Ident]ref{}, same: map[types.Object]ref{}}, texts: texts}
	extra, err := s.bindEarly(p.checked, src)
	if err != nil {
		extra = nil
	}
	p.find(src, at)
	if p.id == nil || !s.checkBroken(p.checked, declared, extra) {
		return nil
	}
	return p
}

// checkBroken runs the type checker on what may be no whole program. It was not made for that.
func (s *session) checkBroken(c *checked, declared []string, extra []types.Object) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	s.runChecker(c, declared, extra, false) // errors are expected
	return true
}

// partialSource parses the parts of a cell that can be parsed, and the one with the name at code[start:end]
// after a repair if need be. It returns the texts of the files; the name is in the last, at at.
func (s *session) partialSource(code string, start, end int) (src *source, texts []string, at int) {
	src = &source{imports: map[string]importSpec{}}
	var decls, stmts strings.Builder
	target := &stmts
	parts := statements(code)
	if len(parts) == 0 || start >= parts[len(parts)-1].end {
		parts = append(parts, chunk{start: start, end: end})
	}
	at = -1
	before := 0
	for _, c := range parts {
		gap, part := code[min(before, c.start):c.start], code[c.start:c.end] // comments
		before = c.end
		switch {
		case at < 0 && start < c.end: // the name is here
			start, end := max(start-c.start, 0), end-c.start
			repaired, decl := repair(part, start, min(end, len(part)), c.decl)
			if decl {
				target = &decls
			}
			at = target.Len() + len(gap) + start
			target.WriteString(gap + repaired + "\n")
			if target == &stmts && repaired != part {
				stmts.WriteString("\n}\nfunc _() {\n") // what follows may not fit to it
			}
		case c.imports:
			s.addImports(src, part)
		case c.decl && parses(part, true):
			decls.WriteString(gap + part + "\n")
		case !c.decl && parses(part, false):
			stmts.WriteString(gap + part + "\n")
		}
	}
	if at < 0 {
		return nil, nil, 0
	}
	d := s.parseBroken(src, "package main\n", decls.String(), "")
	src.decls, src.free = d.Decls, d.Unresolved
	b := s.parseBroken(src, "package main\nfunc _() {\n", stmts.String(), "\n}")
	for _, decl := range b.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Body != nil {
			src.stmts = append(src.stmts, f.Body.List...)
		}
	}
	src.early = b.Unresolved
	texts = []string{decls.String(), stmts.String()}
	if target == &decls {
		slices.Reverse(texts)
		slices.Reverse(src.bases)
	}
	s.receiversAsParameters(src)
	return src, texts, at
}

// statements is split with the heads of if, for and switch, which have semicolons of their own, in one piece.
func statements(code string) (parts []chunk) {
	for _, c := range split(code) {
		if k := len(parts) - 1; k >= 0 && !c.decl {
			head := code[parts[k].start:parts[k].end]
			word, _, _ := strings.Cut(head, " ")
			if (word == "if" || word == "for" || word == "switch") && strings.HasSuffix(head, ";") && !parses(head, false) {
				parts[k].end = c.end
				continue
			}
		}
		parts = append(parts, c)
	}
	return parts
}

func (s *session) addImports(src *source, part string) {
	f, err := parser.ParseFile(s.fset, "", "package main\n"+part, parser.ImportsOnly)
	if err != nil {
		return
	}
	for _, spec := range f.Imports {
		src.addImport(spec)
	}
}

// parseBroken parses what it can; the base of the latest file is the last one.
func (s *session) parseBroken(src *source, prefix, text, suffix string) *ast.File {
	f, _ := parser.ParseFile(s.fset, "", prefix+text+suffix, parser.AllErrors|parser.ParseComments) // a file comes with any error
	src.bases = append(src.bases, base{s.fset.File(f.FileStart), len(prefix)})
	return f
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

// repair returns part as it is if it parses, else what ends with the name at part[start:end] and what may
// be missing after it: brackets, the body of a statement, the colon of a case. decl tells whether it is
// a declaration then.
func repair(part string, start, end int, decl bool) (string, bool) {
	if parses(part, decl) {
		return part, decl
	}
	head := part[:end]
	var open []byte
	tokens, _ := lex(head)
	for _, t := range tokens {
		switch t.tok {
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

// receiversAsParameters makes functions of methods whose type is of an earlier cell, because the checker
// cannot add methods to it: `func (p point) f()` becomes `func _(p point)`.
func (s *session) receiversAsParameters(src *source) {
	declared, _ := src.declared()
	for _, d := range src.decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv == nil || len(f.Recv.List) == 0 || slices.Contains(declared, receiver(f)) {
			continue
		}
		t := f.Recv.List[0].Type
		if p, ok := t.(*ast.StarExpr); ok {
			t = p.X
		}
		switch x := t.(type) { // the type's parameters become those of the function
		case *ast.IndexExpr:
			f.Type.TypeParams = typeParams(x.Index)
		case *ast.IndexListExpr:
			f.Type.TypeParams = typeParams(x.Indices...)
		}
		f.Type.Params.List = append(f.Recv.List, f.Type.Params.List...)
		f.Recv, f.Name = nil, &ast.Ident{Name: "_", NamePos: f.Name.Pos()}
	}
}

func typeParams(args ...ast.Expr) *ast.FieldList {
	list := &ast.FieldList{}
	for _, a := range args {
		if id, ok := a.(*ast.Ident); ok {
			list.List = append(list.List, &ast.Field{Names: []*ast.Ident{{Name: id.Name, NamePos: id.Pos()}}, Type: &ast.Ident{Name: "any", NamePos: id.Pos()}})
		}
	}
	return list
}

// find looks for the name at offset at of the source's text.
func (p *partial) find(src *source, at int) {
	b := src.bases[len(src.bases)-1]
	pos := b.file.Pos(min(b.prefix+at, b.file.Size()))
	visit := func(root ast.Node) {
		var path []ast.Node
		ast.Inspect(root, func(n ast.Node) bool {
			if n == nil {
				path = path[:len(path)-1]
				return true
			}
			path = append(path, n)
			if id, ok := n.(*ast.Ident); ok && id.Pos() == pos && p.id == nil {
				p.id, p.path = id, slices.Clone(path)
			}
			return true
		})
	}
	for _, d := range src.decls {
		visit(d)
	}
	for _, st := range src.stmts {
		visit(st)
	}
}

// scope returns the innermost scope around the name.
func (p *partial) scope() *types.Scope {
	for _, n := range slices.Backward(p.path) {
		switch f := n.(type) { // the scope of a function is that of its type
		case *ast.FuncDecl:
			n = f.Type
		case *ast.FuncLit:
			n = f.Type
		}
		if scope := p.info.Scopes[n]; scope != nil {
			return scope
		}
	}
	for n, scope := range p.info.Scopes {
		if _, isFile := n.(*ast.File); isFile { // there is one
			return scope
		}
	}
	return p.pkg.Scope()
}
