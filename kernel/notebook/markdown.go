// Markdown cells in pages, with embedded pictures and formulas.

package notebook

import (
	"bytes"
	"encoding/base64"
	"html/template"
	"mime"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"gsmlab/internal/nbformat"
)

// maxPicture is the largest size at which a picture named in Markdown is put into the page.
const maxPicture = 20 << 20

// markdown renders text and embeds its pictures.
func (w *writer) markdown(source string, attached map[string]string) (template.HTML, error) {
	md := goldmark.New(
		goldmark.WithExtensions(extension.GFM),
		goldmark.WithParserOptions(parser.WithAutoHeadingID(), parser.WithInlineParsers(util.Prioritized(formulaParser{}, 150))),
		// sanitised below
		goldmark.WithRendererOptions(html.WithUnsafe(), renderer.WithNodeRenderers(util.Prioritized(nodes{}, 100))),
	)
	data := []byte(source)
	doc := md.Parser().Parse(text.NewReader(data))
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if img, ok := n.(*ast.Image); ok && entering {
			img.Destination = []byte(w.inline(string(img.Destination), attached))
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := md.Renderer().Render(&b, data, doc); err != nil {
		return "", err
	}
	return template.HTML(w.policy.SanitizeBytes(b.Bytes())), nil
}

// attachments are the pictures of a cell, as data URIs.
func attachments(c *nbformat.Cell) map[string]string {
	all := map[string]string{}
	for name, bundle := range c.Attachments() {
		for kind, data := range bundle {
			if kind == "image/svg+xml" {
				data = base64.StdEncoding.EncodeToString([]byte(data))
			}
			all[name] = "data:" + kind + ";base64," + strings.Map(dropSpace, data)
		}
	}
	return all
}

// inline returns a picture as a data URI if it is available.
func (w *writer) inline(target string, attached map[string]string) string {
	if name, ok := strings.CutPrefix(target, "attachment:"); ok {
		if unescaped, err := url.PathUnescape(name); err == nil {
			name = unescaped
		}
		return attached[name]
	}
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "" || u.Host != "" || w.dir == "" {
		return target
	}
	path := filepath.FromSlash(u.Path)
	if !filepath.IsLocal(path) {
		return target
	}
	kind := mime.TypeByExtension(filepath.Ext(path))
	path = filepath.Join(w.dir, path)
	info, err := os.Stat(path)
	if err != nil || !strings.HasPrefix(kind, "image/") || info.Size() > maxPicture {
		return target
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return target
	}
	return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data)
}

// formulaNode is TeX between dollars.
type formulaNode struct {
	ast.BaseInline
	tex     string
	display bool
}

var formulaKind = ast.NewNodeKind("Formula")

func (*formulaNode) Kind() ast.NodeKind              { return formulaKind }
func (n *formulaNode) Dump(source []byte, level int) { ast.DumpHelper(n, source, level, nil, nil) }

// formulaParser finds $x$ and $$x$$. As in Jupyter, a dollar before a space is money, and so is a
// closing one before a digit.
type formulaParser struct{}

func (formulaParser) Trigger() []byte { return []byte{'$'} }

func (formulaParser) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, segment := block.PeekLine()
	fence := "$"
	if bytes.HasPrefix(line, []byte("$$")) {
		fence = "$$"
	}
	// A formula may span several lines of its paragraph.
	rest := string(block.Source()[segment.Start:])
	rest, _, _ = strings.Cut(rest, "\n\n")
	body := rest[len(fence):]
	end := 0
	for {
		i := strings.Index(body[end:], fence)
		if i < 0 {
			return nil
		}
		end += i
		if end > 0 && body[end-1] != '\\' {
			break
		}
		end += len(fence)
	}
	tex := body[:end]
	after := body[end+len(fence):]
	if fence == "$" && (strings.TrimSpace(tex) == "" || strings.Contains(tex, "`") || strings.ContainsAny(tex[:1]+tex[len(tex)-1:], " \t\n") || after != "" && after[0] >= '0' && after[0] <= '9') {
		return nil
	}
	for left := len(fence)*2 + len(tex); left > 0; {
		line, _ := block.PeekLine()
		if len(line) == 0 {
			return nil
		}
		n := min(left, len(line))
		block.Advance(n)
		left -= n
	}
	return &formulaNode{tex: tex, display: fence == "$$"}
}

// nodes renders formulas and coloured code.
type nodes struct{}

func (nodes) RegisterFuncs(reg renderer.NodeRendererFuncRegisterer) {
	reg.Register(formulaKind, func(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if f := n.(*formulaNode); entering {
			w.WriteString(formula(f.tex, f.display))
		}
		return ast.WalkContinue, nil
	})
	reg.Register(ast.KindFencedCodeBlock, func(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		code := n.(*ast.FencedCodeBlock)
		shown, err := highlightAs(string(code.Language(source)), string(code.Lines().Value(source)))
		w.WriteString(string(shown))
		return ast.WalkSkipChildren, err
	})
}
