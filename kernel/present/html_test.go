package present

import (
	"strings"
	"testing"
)

func TestHTMLText(t *testing.T) {
	for _, test := range []struct{ html, want string }{
		{"<b>bold</b> and <i>more</i>", "bold and more"},
		{"<h1>Title</h1>\n<p>A   paragraph\nof text.</p><p>Another</p>", "Title\nA paragraph of text.\nAnother"},
		{"<ul><li>one &amp; only</li><li>two</li></ul>", "- one & only\n- two"},
		{"<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>", "a\tb\n1\t2"},
		{"<pre>  kept\n    so</pre>after", "  kept\n    so\nafter"},
		{"a<script>if (a < b) no()</script><style>p {}</style>b", "ab"},
		{"<div><svg viewBox='0 0 1 1'><title>A chart</title><text>x</text></svg></div>tail", "A chart\ntail"},
		{"see <img alt='a cat' src='cat.png'>", "see (a cat)"},
		{"<img src='data:image/png;base64,AAAA'>", "(a picture)"},
		{"line<br>break<hr>rule", "line\nbreak\n---\nrule"},
		{"not < closed <b", "not < closed"},
		{"", ""},
	} {
		if got := htmlText(test.html); got != test.want {
			t.Errorf("%s: got %q, want %q", test.html, got, test.want)
		}
	}
}

func TestHTMLPictures(t *testing.T) {
	parts := HTMLParts("before<svg a='<'><svg></svg></svg><img src='data:image/png;base64,AAEC'>after")
	var got []string
	for _, p := range parts {
		got = append(got, p.Mime+" "+p.Text+string(p.Data))
	}
	if want := " before|image/svg+xml <svg a='<'><svg></svg></svg>|image/png \x00\x01\x02| after"; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzHTML(f *testing.F) {
	f.Add("<p>a<svg><title>t</title></svg><pre> x</pre><img src='data:image/png;base64,AA'>")
	f.Fuzz(func(t *testing.T, source string) {
		htmlText(source)
		Caption([]byte(source))
	})
}
