// The page of a notebook: cells, highlighting, and safe outputs.

package notebook

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"regexp"
	"strings"

	"github.com/alecthomas/chroma/v2"
	formatter "github.com/alecthomas/chroma/v2/formatters/html"
	"github.com/alecthomas/chroma/v2/lexers"
	"github.com/alecthomas/chroma/v2/styles"
	"github.com/microcosm-cc/bluemonday"

	"gsmlab/internal/nbformat"
	"gsmlab/kernel/present"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

type pageData struct {
	Title  string
	Style  template.CSS
	Cells  []cellData
	Frames bool
}

type cellData struct {
	Code    bool
	Count   int
	Source  template.HTML
	Outputs []template.HTML
}

// writer writes the page of a notebook.
type writer struct {
	dir    string // where relative pictures are
	data   pageData
	policy *bluemonday.Policy
}

// HTML returns a notebook as one self-contained page: it contains the pictures, formulas are
// MathML, and it follows the reader's choice of light or dark. HTML from the notebook is sanitised;
// HTML that needs its own scripts or styles goes into a frame that cannot reach the page. Pictures
// with relative paths are taken from dir. The page's title is the first heading, or title if there
// is none.
func HTML(nb *nbformat.Notebook, title, dir string) ([]byte, error) {
	w := &writer{dir: dir, data: pageData{Title: cmp.Or(heading(nb), title)}, policy: policy()}
	css, err := codeStyle()
	if err != nil {
		return nil, err
	}
	w.data.Style = template.CSS(css + bracketStyle()) // of chroma and ours
	for _, c := range nb.Cells {
		v := cellData{Code: c.Type == "code", Count: c.Count}
		switch c.Type {
		case "markdown":
			v.Source, err = w.markdown(c.Source, attachments(c))
		case "code":
			v.Source, err = highlight(c.Source)
			for _, o := range c.Outputs {
				v.Outputs = append(v.Outputs, w.output(o))
			}
		default:
			v.Source = template.HTML("<pre>" + html.EscapeString(c.Source) + "</pre>")
		}
		if err != nil {
			return nil, err
		}
		w.data.Cells = append(w.data.Cells, v)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, w.data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

var firstHeading = regexp.MustCompile("(?m)^#[ \t]+(.+?)[ \t#]*$")

// heading returns the text of the notebook's first heading of the first level, "" if it has none.
func heading(nb *nbformat.Notebook) string {
	for _, c := range nb.Cells {
		if m := firstHeading.FindStringSubmatch(c.Source); c.Type == "markdown" && m != nil {
			return strings.NewReplacer("`", "", "*", "").Replace(m[1])
		}
	}
	return ""
}

// policy allows text formatting and pictures.
func policy() *bluemonday.Policy {
	p := bluemonday.UGCPolicy()
	p.AllowDataURIImages()
	p.AllowAttrs("class").Globally()
	p.AllowStyles("color", "background", "background-color", "border", "border-radius", "border-collapse", "padding", "margin", "font", "font-family",
		"font-size", "font-weight", "font-style", "text-align", "text-decoration", "width", "max-width", "height", "opacity", "white-space", "vertical-align").Globally()
	mathML(p)
	return p
}

// codeStyle returns the colours of code, light and dark.
func codeStyle() (string, error) {
	f := formatter.New(formatter.WithClasses(true))
	var light, dark bytes.Buffer
	if err := f.WriteCSS(&light, styles.Get("github")); err != nil {
		return "", err
	}
	if err := f.WriteCSS(&dark, styles.Get("github-dark")); err != nil {
		return "", err
	}
	// Lines with commands are not Go; that is no error.
	return "@media not all and (prefers-color-scheme: dark) {\n" + light.String() + "}\n@media (prefers-color-scheme: dark) {\n" + dark.String() + "}\n.chroma .err { color: inherit; background: none; }", nil
}

func highlight(source string) (template.HTML, error) {
	language := "go"
	if strings.HasPrefix(source, "%%bash") || strings.HasPrefix(source, "%%sh") || strings.HasPrefix(source, "!") && !strings.Contains(source, "\n") {
		language = "bash"
	}
	return highlightAs(language, source)
}

func highlightAs(language, source string) (template.HTML, error) {
	lexer := lexers.Get(language)
	if lexer == nil {
		lexer = lexers.Fallback
	}
	tokens, err := chroma.Coalesce(lexer).Tokenise(nil, strings.TrimRight(source, "\n"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = formatter.New(formatter.WithClasses(true)).Format(&b, styles.Get("github"), tokens)
	return template.HTML(b.String()), err // escaped by chroma
}

var ansi = regexp.MustCompile("\x1b\\[[0-9;?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)")

func plain(class, text string) template.HTML {
	return template.HTML(fmt.Sprintf(`<pre class=%q>%s</pre>`, class, html.EscapeString(ansi.ReplaceAllString(text, ""))))
}

// output shows the richest form that a page can show.
func (w *writer) output(o nbformat.Output) template.HTML {
	switch o.Type {
	case "stream":
		return plain(map[bool]string{true: "stderr", false: "stdout"}[o.Name == "stderr"], o.Text)
	case "error":
		return plain("error", strings.Join(o.Traceback, "\n"))
	}
	for _, mime := range present.Page.Forms(o.Data) {
		if shown := w.form(mime, string(present.Bytes(o.Data[mime])), o.Data[mime]); shown != "" {
			return shown
		}
	}
	text, err := json.MarshalIndent(o.Data, "", "  ")
	if err != nil {
		return plain("result", err.Error())
	}
	return plain("result", string(text))
}

// form is one form of an output, or "" if it cannot be shown.
func (w *writer) form(mime, text string, value any) template.HTML {
	switch mime {
	case "text/html":
		return w.html(text)
	case "image/svg+xml":
		return picture(mime, base64.StdEncoding.EncodeToString([]byte(text)))
	case "text/markdown":
		if shown, err := w.markdown(text, nil); err == nil {
			return `<div class="markdown">` + shown + "</div>"
		}
		return ""
	case "text/latex":
		return template.HTML(formula(strings.Trim(strings.TrimSpace(text), "$"), true))
	case "text/plain":
		return plain("result", text)
	}
	encoded, _ := value.(string)
	return picture(mime, strings.Map(dropSpace, encoded))
}

func dropSpace(r rune) rune {
	if strings.ContainsRune(" \n\r\t", r) {
		return -1
	}
	return r
}

// picture shows an image. Scripts in an SVG do not run in an image.
func picture(mime, data string) template.HTML {
	return template.HTML(fmt.Sprintf(`<div><img alt="" src="data:%s;base64,%s"></div>`, mime, html.EscapeString(data)))
}

var needsFrame = regexp.MustCompile(`(?i)<(script|style|svg|iframe|canvas|video|audio|input|button|form|link)\b`)

const tellHeight = `<script>new ResizeObserver(() => parent.postMessage({height: document.documentElement.offsetHeight + 20}, "*")).observe(document.documentElement)</script>`

// html shows HTML: sanitised or, if that would remove what it is made of, in its own frame.
func (w *writer) html(text string) template.HTML {
	if needsFrame.MatchString(text) {
		w.data.Frames = true
		return template.HTML(`<iframe sandbox="allow-scripts" title="output" srcdoc="` + html.EscapeString("<!DOCTYPE html><meta charset=utf-8>"+text+tellHeight) + `"></iframe>`)
	}
	return template.HTML("<div>" + w.policy.Sanitize(text) + "</div>")
}
