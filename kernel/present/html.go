// HTML as text for a terminal, with its pictures.

package present

import (
	"strings"

	"golang.org/x/net/html"
)

// blocks are elements that begin and end on their own lines.
var blocks = map[string]bool{"p": true, "div": true, "br": true, "hr": true, "tr": true, "table": true, "ul": true, "ol": true, "li": true, "pre": true,
	"h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "blockquote": true, "section": true, "article": true, "dt": true, "dd": true}

// hidden are elements whose text is not meant for readers.
var hidden = map[string]bool{"script": true, "style": true, "head": true, "template": true}

// Part is a piece of HTML as a terminal shows it: text, or a picture within the text.
type Part struct {
	Text string
	Mime string // of a picture; "" for text
	Data []byte
}

// htmlText is the text of a piece of HTML, including the captions of its pictures.
func htmlText(source string) string {
	var texts []string
	for _, p := range HTMLParts(source) {
		text := p.Text
		if p.Mime != "" {
			text = "(a picture)"
			if caption := Caption(p.Data); p.Mime == "image/svg+xml" && caption != "" {
				text = caption
			}
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "\n")
}

// reader turns HTML into parts.
type reader struct {
	parts []Part
	text  strings.Builder
	pre   int
}

// HTMLParts cuts HTML into text and pictures.
func HTMLParts(source string) []Part {
	var r reader
	tokens := html.NewTokenizer(strings.NewReader(source))
	tokens.SetMaxBuf(64 << 20)
	// the hidden element that we are in, and the part of a picture read so far
	skip, svg, depth := "", "", 0
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken { // the end
			r.flush()
			return r.parts
		}
		raw := string(tokens.Raw()) // before the token is parsed
		t := tokens.Token()
		start, end := kind == html.StartTagToken, kind == html.EndTagToken
		switch {
		case depth > 0:
			svg += raw
			if t.Data == "svg" && start {
				depth++
			} else if t.Data == "svg" && end {
				depth--
			}
			if depth == 0 {
				r.picture("image/svg+xml", []byte(svg))
			}
		case skip != "":
			if end && t.Data == skip {
				skip = ""
			}
		case kind == html.TextToken:
			r.words(t.Data)
		case start && hidden[t.Data]:
			skip = t.Data
		case start && t.Data == "svg":
			svg, depth = raw, 1
		case t.Data == "img" && !end:
			r.image(t)
		case start || end || kind == html.SelfClosingTagToken:
			r.tag(t.Data, start, end)
		}
	}
}

func (r *reader) flush() {
	lines := strings.Split(r.text.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t")
	}
	if text := strings.Trim(strings.Join(lines, "\n"), "\n"); text != "" {
		r.parts = append(r.parts, Part{Text: text})
	}
	r.text.Reset()
}

func (r *reader) picture(mime string, data []byte) {
	r.flush()
	r.parts = append(r.parts, Part{Mime: mime, Data: data})
}

// image handles an <img>: it becomes a picture if the HTML contains it, else its alternative text.
func (r *reader) image(t html.Token) {
	alt := "picture"
	for _, a := range t.Attr {
		mime, encoded, inline := strings.Cut(strings.TrimPrefix(a.Val, "data:"), ";base64,")
		switch {
		case a.Key == "src" && inline && strings.HasPrefix(mime, "image/"):
			r.picture(mime, Bytes(strings.TrimSpace(encoded)))
			return
		case a.Key == "alt" && a.Val != "":
			alt = a.Val
		}
	}
	r.text.WriteString("(" + alt + ")")
}

func (r *reader) fresh() bool {
	t := r.text.String()
	return t == "" || strings.HasSuffix(t, "\n")
}

func (r *reader) tag(name string, start, end bool) {
	if name == "pre" && start {
		r.pre++
	} else if name == "pre" && end && r.pre > 0 {
		r.pre--
	}
	if blocks[name] && !r.fresh() {
		r.text.WriteByte('\n')
	}
	switch {
	case name == "li" && start:
		r.text.WriteString("- ")
	case name == "hr":
		r.text.WriteString("---\n")
	case (name == "td" || name == "th") && end:
		r.text.WriteByte('\t')
	}
}

// words adds text. Blanks and line breaks become one blank, and none at the start of a line, except
// in <pre>.
func (r *reader) words(text string) {
	if r.pre > 0 {
		r.text.WriteString(text)
		return
	}
	words := strings.Join(strings.Fields(text), " ")
	blank := func(s string) bool { return s != "" && strings.Contains(" \t\r\n\f", s) }
	if text == "" || words == "" && r.fresh() {
		return
	}
	if words == "" {
		r.text.WriteByte(' ')
		return
	}
	if blank(text[:1]) && !r.fresh() {
		words = " " + words
	}
	if blank(text[len(text)-1:]) {
		words += " "
	}
	r.text.WriteString(words)
}
