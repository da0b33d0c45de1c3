// Tests of outputs, flags, pages and formulas, without a kernel.

package notebook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gsmlab/internal/nbformat"
	"gsmlab/kernel/engine"
	"gsmlab/kernel/shell"
)

func TestRecorder(t *testing.T) {
	r := &recorder{displays: map[string][]spot{}}
	first, second := &nbformat.Cell{Type: "code"}, &nbformat.Cell{Type: "code"}
	png := engine.Bundle{"image/png": []byte{1, 2, 3}, "text/plain": "picture"}
	r.begin(first, 1)
	r.Stdout("10%\r")
	r.Stdout("100%\n")
	r.Stderr("e")
	r.Display(engine.Display{ID: "d", Data: engine.Bundle{"text/plain": "old"}})
	r.settle()
	r.begin(second, 2)
	r.Stdout("gone")
	r.Clear(false)
	r.Display(engine.Display{ID: "d", Data: engine.Bundle{"text/plain": "second of d"}})
	r.Clear(true)
	r.Note("n")
	r.Display(engine.Display{ID: "d", Update: true, Data: png})
	r.Result(engine.Bundle{"application/json": `{"a": [1]}`, "text/plain": "v"})
	r.add(nbformat.Output{Type: "error", Ename: "Panic", Evalue: "cell[2]:1: panic: boom", Traceback: []string{`     1 | panic("boom")`}})
	r.settle()
	got := fmt.Sprintf("%+v\n%+v", first.Outputs, second.Outputs)
	for _, want := range []string{"Text:100%\n ", "Name:stderr Text:e ", "image/png:AQID", "Text:note: n\n", "application/json:map[a:[1]]", "Ename:Panic Evalue:cell[2]:1: panic: boom", `     1 | panic("boom")`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	if len(first.Outputs) != 3 || len(second.Outputs) != 3 || strings.Contains(got, "old") || strings.Contains(got, "gone") || strings.Contains(got, "second of d") {
		t.Errorf("%s", got)
	}
	r.begin(second, 3)
	r.Stdout(strings.Repeat("x", maxText))
	r.Stdout("too much")
	r.Stdout("too much")
	r.settle()
	if n := len(second.Outputs[0].Text); n > maxText+100 || !strings.Contains(second.Outputs[0].Text, "is left out") {
		t.Errorf("%d bytes were kept", n)
	}
}

// A long training's progress bar must not become endless text.
func TestRecorderForgetsWhatIsOverwritten(t *testing.T) {
	r := &recorder{displays: map[string][]spot{}}
	c := &nbformat.Cell{Type: "code"}
	r.begin(c, 1)
	r.Stdout("start\n")
	for i := range 500_000 {
		r.Stdout(fmt.Sprintf("\r%49d", i))
	}
	r.Stdout("\nend\n")
	r.Stderr("e")
	r.settle()
	if want := fmt.Sprintf("start\n%49d\nend\n", 499_999); len(c.Outputs) != 2 || c.Outputs[0].Text != want {
		t.Errorf("%d outputs, %.200q", len(c.Outputs), c.Outputs[0].Text)
	}
}

func TestFlags(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a, b, other, prog := file("a.ipynb"), file("b.ipynb"), file("sub/a.ipynb"), file("p.go")
	out := filepath.Join(dir, "out")
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{a, "--html"}, a},
		{[]string{"-o", out + ".ipynb", a}, out + ".ipynb"},
		{[]string{a, "-o=" + out, b}, out + "/a.ipynb " + out + "/b.ipynb"},
		{[]string{a, "-o", dir}, dir + "/a.ipynb"},
		{[]string{prog, a}, " " + a},
		{nil, "! kernel run: which file? (kernel run --help shows examples)"},
		{[]string{a, "--nope"}, "! kernel run: flag provided but not defined: -nope (kernel run --help explains the flags)"},
		{[]string{a, "--no-run"}, "! kernel run: --no-run: there is nothing to do without --html"},
		{[]string{a, "--timeout", "-1s"}, "! kernel run: --timeout -1s: must not be negative"},
		{[]string{a, other, "-o", out}, "! kernel run: " + a + " and " + other + " would both be written to " + out + "/a.ipynb"},
		{[]string{prog, "--html"}, "! kernel run: " + prog + ": -o and --html are for notebooks"},
		{[]string{"x.txt"}, "! kernel run: x.txt is neither a notebook (.ipynb) nor a Go file (.go)"},
		{[]string{a, "-o", "/dev/null/x.ipynb"}, "! kernel run: /dev/null/x.ipynb could not be written: not a directory (-o names another place)"},
		{[]string{"none.ipynb"}, "! kernel run: stat none.ipynb: no such file or directory"},
	} {
		var opt Options
		files, err := parse(test.args, &opt)
		var all []string
		if err == nil {
			all, err = targets(files, opt)
		}
		got := strings.Join(all, " ")
		if err != nil {
			got = "! " + err.Error()
		}
		if got != test.want {
			t.Errorf("%q: %s, want %s", test.args, got, test.want)
		}
	}
}

// TestNoRun: the page shows what the notebook holds, and the notebook stays.
func TestNoRun(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.ipynb")
	nb := nbformat.New("gsmlab", "Go", "go")
	nb.Add("markdown", "# As it is")
	nb.Add("code", "1 + 1")
	nb.Cells[1].Outputs = []nbformat.Output{{Type: "stream", Name: "stdout", Text: "recorded\n"}}
	if err := nb.Write(path); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	starts := func(context.Context, shell.Options) (*shell.Shell, error) { return nil, errors.New("a session began") }
	if err := Command(t.Context(), []string{"--html", "--no-run", path}, io.Discard, io.Discard, Options{Start: starts}, nil); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "a.html"))
	if err != nil || !strings.Contains(string(page), "<title>As it is</title>") || !strings.Contains(string(page), "recorded") {
		t.Errorf("%v\n%s", err, page)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the notebook has changed: %v", err)
	}
}

func TestNotebooksForOthers(t *testing.T) {
	for metadata, want := range map[string]string{
		`{}`: "", `{"kernelspec":{"name":"gonb"}}`: "", `{"kernelspec":{"name":"gonb","language":"go"}}`: "", `{"kernelspec":{"name":"x","language":"Go"}}`: "",
		`{"kernelspec":{"name":"mine","language":"golang"}}`: "", `{"kernelspec":{"name":"mine","language":"Golang "}}`: "", `{"kernelspec":{"name":"gophernotes"}}`: "",
		`{"kernelspec":{"name":"mine","display_name":"Go (mine)"}}`: "", `{"kernelspec":{"name":"mine"},"language_info":{"file_extension":".go"}}`: "",
		`{"kernelspec":{"name":"mine"}}`:                                      `nb: the notebook is for the kernel mine and does not say its language, only Go runs here; if it is Go, write "language": "go" into its kernelspec`,
		`{"language_info":{"name":"R"}}`:                                      "nb: the notebook is for the language r, only Go runs here; this runs it: jupyter nbconvert --execute --to notebook --inplace nb",
		`{"language_info":{"name":"go"}}`:                                     "",
		`{"kernelspec":{"name":"python3","language":"python"}}`:               "nb: the notebook is for the kernel python3 (python), only Go runs here; this runs it: jupyter nbconvert --execute --to notebook --inplace nb",
		`{"kernelspec":{"name":"python3"},"language_info":{"name":"python"}}`: "nb: the notebook is for the kernel python3 (python), only Go runs here; this runs it: jupyter nbconvert --execute --to notebook --inplace nb",
	} {
		nb, err := nbformat.Parse([]byte(`{"nbformat":4,"nbformat_minor":5,"cells":[],"metadata":` + metadata + `}`))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := forGo("nb", nb); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s", metadata, got)
		}
	}
}

func TestHTML(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p.png"), []byte{1, 2, 3}, 0o644); err != nil {
		t.Fatal(err)
	}
	nb := nbformat.New("gsmlab", "Go", "go")
	nb.Add("markdown", "# Title & more\n\n$w_i \\cdot g$ for $5 and $6, `$code$`\n\n$$\n\\frac{a_1}{b}\n$$\n\n![p](p.png) ![x](../secret.png)\n\n"+
		"<script>alert(1)</script><b onclick=\"x()\">bold</b>\n\n[l](javascript:alert(2))\n\n```go\nfunc f() {}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |")
	c := nb.Add("code", "%%\nfmt.Println(\"<hi>\")")
	c.Count = 7
	c.Append(nbformat.Output{Type: "stream", Name: "stdout", Text: "\x1b[31m<hi>\x1b[0m\n"})
	c.Append(nbformat.Output{Type: "display_data", Data: map[string]any{"text/html": "<p style=\"color: red; position: fixed\">ok</p>", "text/plain": "not shown"}})
	c.Append(nbformat.Output{Type: "display_data", Data: map[string]any{"text/html": "<div id=\"d\"></div><script>draw()</script>"}})
	c.Append(nbformat.Output{Type: "display_data", Data: map[string]any{"image/svg+xml": "<svg><script>x</script></svg>"}})
	c.Append(nbformat.Output{Type: "execute_result", Data: map[string]any{"image/png": "AQ\nID"}})
	c.Append(nbformat.Output{Type: "error", Traceback: []string{"panic: <no>"}})
	page, err := HTML(nb, "<t>", dir)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, want := range []string{
		"<title>Title &amp; more</title>", "Title &amp; more</h1>", "<math><mrow><msub><mi>w</mi><mrow><mi>i</mi></mrow></msub><mo>⋅</mo><mi>g</mi></mrow></math> for $5 and $6, <code>$code$</code>",
		`<math display="block"><mrow><mfrac>`, `src="data:image/png;base64,AQID"`, `<span class="kd">func</span>`, "<td>1</td>", "<b>bold</b>", "[7]",
		`<pre class="stdout">&lt;hi&gt;`, `<p style="color: red">ok</p>`, `<iframe sandbox="allow-scripts"`, "&lt;script&gt;draw()", `src="data:image/svg+xml;base64,PHN2Zz48`, "panic: &lt;no&gt;", "prefers-color-scheme: dark",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in the page", want)
		}
	}
	for _, bad := range []string{"alert(", "onclick", "not shown", "position: fixed", "\x1b"} {
		if strings.Contains(text, bad) {
			t.Errorf("%s is in the page", bad)
		}
	}
}

func TestFormula(t *testing.T) {
	for tex, want := range map[string]string{
		"x^2":                   "<math><mrow><msup><mi>x</mi><mrow><mn>2</mn></mrow></msup></mrow></math>",
		`\alpha_{ij}'`:          "<math><mrow><msubsup><mi>α</mi><mrow><mrow><mi>i</mi><mi>j</mi></mrow></mrow><mrow><mo>′</mo></mrow></msubsup></mrow></math>",
		`\sqrt{x}`:              `<math><mrow><mrow class="root"><mo class="said">√</mo><mrow><mi>x</mi></mrow></mrow></mrow></math>`,
		`\sqrt[3]{x}`:           "<math><mrow><mroot><mrow><mi>x</mi></mrow><mrow><mn>3</mn></mrow></mroot></mrow></math>",
		`\mathbb{R} \text{a b}`: "<math><mrow><mi>ℝ</mi><mtext>a\u00a0b</mtext></mrow></math>",
		`\unknown{x}`:           `<code class="tex">\unknown{x}</code>`,
		`{x`:                    `<code class="tex">{x</code>`,
		`x}`:                    `<code class="tex">x}</code>`,
		`\frac12 + x^12`:        `<mfrac><mn>1</mn><mn>2</mn></mfrac><mo>+</mo><msup><mi>x</mi><mrow><mn>1</mn></mrow></msup><mn>2</mn>`,
		`\frac{1}`:              `<code class="tex">\frac{1}</code>`,
		strings.Repeat("{", 100) + strings.Repeat("}", 100):    `<code class="tex">` + strings.Repeat("{", 100) + strings.Repeat("}", 100) + "</code>",
		`\begin{cases} 1 & x > 0 \\ 0 \end{cases}`:             `<mtr><mtd style="text-align: left"><mn>1</mn></mtd><mtd style="text-align: left"><mi>x</mi><mo>&gt;</mo><mn>0</mn></mtd></mtr><mtr><mtd style="text-align: left"><mn>0</mn></mtd></mtr>`,
		`\left( \frac{a}{b} \right]`:                           `<mrow class="drawn l-round r-square"><mo class="said">(</mo><mfrac>`,
		`w \leftarrow w - \eta \nabla L`:                       "<mi>w</mi><mo>←</mo><mi>w</mi><mo>−</mo><mi>η</mi><mi>∇</mi><mi>L</mi>",
		`\begin{aligned} a &= b \\ &= c \end{aligned}`:         "<mtable><mtr>",
		`\hat{y} = \operatorname{softmax}(\mathbf{W}x + b)`:    `<mi mathvariant="normal">softmax</mi><mo stretchy="false">(</mo><mi>𝐖</mi>`,
		`\max_{i} |w_i \cdot \frac{\partial L}{\partial w_i}|`: "<mfrac><mrow><mi>∂</mi><mi>L</mi></mrow>",
	} {
		if got := formula(tex, false); got != want && (strings.HasPrefix(want, "<math>") || strings.HasPrefix(want, "<code") || !strings.Contains(got, want)) {
			t.Errorf("%s: %s, want %s", tex, got, want)
		}
	}
	for _, class := range []string{".l-round { --open: url(", ".r-square { --close: url(", ".root { --sign: url("} {
		if n := strings.Count(bracketStyle(), class); n != 2 {
			t.Errorf("%s is drawn %d times, not in light and in dark", class, n)
		}
	}
	if got := formula(`\sum_{i=1}^n i`, true); !strings.HasPrefix(got, `<math display="block"><mrow><munderover><mo>∑</mo>`) {
		t.Error(got)
	}
}

func FuzzFormula(f *testing.F) {
	f.Add(`\left( \frac{a_1}{b} \right] \begin{cases} 1 & x \\ 0 \end{cases} \sqrt[3]{x} \text{a} x^{2}'`)
	f.Fuzz(func(t *testing.T, tex string) {
		if got := formula(tex, true); strings.Count(got, "<mrow") != strings.Count(got, "</mrow>") {
			t.Errorf("%q: %s", tex, got)
		}
	})
}

func FuzzMarkdown(f *testing.F) {
	f.Add("# a\n\n$x$ $$y\n+z$$ ![a](attachment:b) <b onclick=x>")
	f.Fuzz(func(t *testing.T, text string) {
		w := &writer{policy: policy()}
		shown, err := w.markdown(text, nil)
		if err != nil || strings.Contains(strings.ToLower(string(shown)), "<script") {
			t.Errorf("%v: %s", err, shown)
		}
	})
}

func TestHelpNeedsNothing(t *testing.T) {
	var out strings.Builder
	if err := Command(context.Background(), []string{"--help"}, &out, &out, Options{}, nil); err != nil || out.String() != Usage {
		t.Errorf("%v, %s", err, out.String())
	}
}
