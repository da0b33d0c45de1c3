package assist

import (
	"go/doc/comment"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"strconv"
	"strings"

	"gsmlab/kernel/engine/lang"
)

// pages has the documentation of public packages.
const pages = "https://pkg.go.dev"

// links say where the names lead that a comment has in brackets, such as [Name] or [pkg.Name].
type links struct {
	pkg      *types.Package    // of the comment; nil for one of a cell
	imports  map[string]string // paths of packages by the names that the comment knows them by
	standard func(path string) bool
}

// Markdown is Doc as Markdown. Names in brackets become links to their pages; those that have no
// page, such as names of modules that only this machine has, lose their brackets.
func (i Inspection) Markdown() string {
	p := comment.Parser{LookupPackage: i.links.lookupPackage, LookupSym: i.links.declares}
	printer := comment.Printer{DocLinkURL: i.links.url}
	return string(printer.Markdown(p.Parse(i.Doc)))
}

func (l links) lookupPackage(name string) (string, bool) {
	p, ok := l.imports[name]
	return p, ok
}

// declares reports whether the package of the comment has a name, or its type recv a method.
func (l links) declares(recv, name string) bool {
	if l.pkg == nil {
		return false
	}
	if recv == "" {
		return l.pkg.Scope().Lookup(name) != nil
	}
	t, ok := l.pkg.Scope().Lookup(recv).(*types.TypeName)
	if !ok {
		return false
	}
	found, _, _ := types.LookupFieldOrMethod(t.Type(), true, l.pkg, name)
	return found != nil
}

// url is the page of a name, or "" if there is none.
func (l links) url(d *comment.DocLink) string {
	at := *d
	if at.ImportPath == "" {
		at.ImportPath = l.pkg.Path()
	}
	first, _, _ := strings.Cut(at.ImportPath, "/")
	if !strings.Contains(first, ".") && (l.standard == nil || !l.standard(at.ImportPath)) {
		return ""
	}
	return at.DefaultURL(pages)
}

// links returns those of a comment of pkg in the source file at a path, which may be "".
func (a Assistant) links(pkg *types.Package, file string) links {
	l := links{imports: a.Scope.Imports(), standard: func(p string) bool {
		info, err := os.Stat(a.SourceFile("$GOROOT/src/" + p))
		return err == nil && info.IsDir()
	}}
	if pkg == nil || lang.IsCell(pkg) || file == "" {
		return l
	}
	l.pkg, l.imports = pkg, make(map[string]string)
	source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		return l
	}
	for _, spec := range source.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		switch {
		case err != nil:
		case spec.Name != nil:
			l.imports[spec.Name.Name] = p
		default:
			l.imports[a.Packages.NameOf(p)] = p
		}
	}
	return l
}
