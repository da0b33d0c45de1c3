package repl

import (
	"strings"

	"golang.org/x/net/html"
)

// blocks are elements that begin and end on lines of their own.
var blocks = map[string]bool{"p": true, "div": true, "br": true, "hr": true, "tr": true, "table": true, "ul": true, "ol": true, "li": true, "pre": true,
	"h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "blockquote": true, "section": true, "article": true, "dt": true, "dd": true}

// hidden are elements whose text is not for reading.
var hidden = map[string]bool{"script": true, "style": true, "head": true, "svg": true, "template": true}

// htmlText is the text of a piece of HTML.
func htmlText(source string) string {
	tokens := html.NewTokenizer(strings.NewReader(source))
	var out strings.Builder
	pre := 0
	skip := "" // the hidden element that we are in
	text := func() string { return out.String() }
	newline := func() {
		if t := text(); t != "" && !strings.HasSuffix(t, "\n") {
			out.WriteByte('\n')
		}
	}
	for {
		switch kind := tokens.Next(); kind {
		case html.ErrorToken: // the end
			lines := strings.Split(strings.TrimSpace(text()), "\n")
			for i := range lines {
				lines[i] = strings.TrimRight(lines[i], " \t")
			}
			return strings.Join(lines, "\n")
		case html.TextToken:
			if skip != "" {
				continue
			}
			words := string(tokens.Text())
			if pre == 0 {
				words = collapsed(words, strings.HasSuffix(text(), "\n") || text() == "")
			}
			out.WriteString(words)
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			raw, _ := tokens.TagName()
			name := string(raw)
			start := kind == html.StartTagToken
			switch {
			case skip != "":
				if name == skip && kind == html.EndTagToken {
					skip = ""
				}
				continue
			case hidden[name] && start:
				skip = name
				continue
			case name == "pre" && start:
				pre++
			case name == "pre" && pre > 0:
				pre--
			}
			if blocks[name] {
				newline()
			}
			switch {
			case name == "li" && start:
				out.WriteString("- ")
			case name == "hr":
				out.WriteString("---\n")
			case (name == "td" || name == "th") && kind == html.EndTagToken:
				out.WriteByte('\t')
			}
		}
	}
}

// collapsed turns blanks and line breaks into single blanks, none at the start of a line.
func collapsed(text string, atStart bool) string {
	words := strings.Join(strings.Fields(text), " ")
	if text == "" || words == "" {
		if atStart || text == "" {
			return ""
		}
		return " "
	}
	if strings.ContainsAny(text[:1], " \t\r\n") && !atStart {
		words = " " + words
	}
	if strings.ContainsAny(text[len(text)-1:], " \t\r\n") {
		words += " "
	}
	return words
}
