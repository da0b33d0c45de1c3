// TeX to MathML, for formulas in pages.

package notebook

import (
	"fmt"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/microcosm-cc/bluemonday"
)

// formula renders TeX as MathML, which browsers show without help. It knows what notebooks about
// learning use; TeX with anything else stays as written.
func formula(tex string, display bool) string {
	p := &texParser{rest: tex, display: display}
	body, err := p.row("")
	if err != nil {
		return `<code class="tex">` + html.EscapeString(tex) + "</code>"
	}
	if display {
		return `<math display="block">` + body + "</math>"
	}
	return "<math>" + body + "</math>"
}

// mathML lets formulas pass a policy.
func mathML(p *bluemonday.Policy) {
	p.AllowNoAttrs().OnElements("math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup",
		"munder", "mover", "munderover", "mtable", "mtr", "mtd")
	p.AllowAttrs("display").OnElements("math")
	p.AllowAttrs("mathvariant").OnElements("mi")
	p.AllowAttrs("stretchy", "accent", "fence", "lspace", "rspace").OnElements("mo", "mover")
	p.AllowAttrs("width").OnElements("mspace")
	p.AllowAttrs("columnalign").OnElements("mtable", "mtd")
	p.AllowAttrs("style").OnElements("mtd")
}

const maxNesting = 50

// texParser reads a formula from left to right.
type texParser struct {
	rest    string
	display bool
	depth   int
}

// atom is a piece of a formula without its scripts above and below.
type atom struct {
	ml     string
	limits bool // scripts go above and below it
}

// next takes a token: a command with its backslash, or one letter. Space only ends commands.
func (p *texParser) next() string {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	if p.rest == "" {
		return ""
	}
	if p.rest[0] != '\\' || len(p.rest) == 1 {
		_, n := utf8.DecodeRuneInString(p.rest)
		return p.take(n)
	}
	n := 1
	for n < len(p.rest) && (p.rest[n] >= 'a' && p.rest[n] <= 'z' || p.rest[n] >= 'A' && p.rest[n] <= 'Z') {
		n++
	}
	if n == 1 {
		_, size := utf8.DecodeRuneInString(p.rest[1:])
		n += size
	}
	return p.take(n)
}

func (p *texParser) take(n int) string {
	token := p.rest[:n]
	p.rest = p.rest[n:]
	return token
}

func (p *texParser) peek() string {
	rest := p.rest
	token := p.next()
	p.rest = rest
	return token
}

// row reads up to the token end, which it consumes; "" is the end of the formula. A & or \\ in it
// is an error.
func (p *texParser) row(end string) (string, error) {
	body, stop, err := p.cells(end)
	if err == nil && stop != end {
		err = fmt.Errorf("unexpected %s", stop)
	}
	return "<mrow>" + body + "</mrow>", err
}

// cells reads up to end, & or \\, and says which it was.
func (p *texParser) cells(end string) (body, stop string, err error) {
	if p.depth++; p.depth > maxNesting {
		return "", "", fmt.Errorf("nested too deeply")
	}
	defer func() { p.depth-- }()
	var b strings.Builder
	for {
		switch token := p.peek(); token {
		case end, "&", `\\`:
			p.next()
			return b.String(), token, nil
		case "", "}", `\right`, `\end`:
			return "", token, fmt.Errorf("unexpected end %q", token)
		default:
			ml, err := p.scripted()
			if err != nil {
				return "", "", err
			}
			b.WriteString(ml)
		}
	}
}

// scripted reads an atom with its scripts above and below.
func (p *texParser) scripted() (string, error) {
	a := atom{ml: "<mrow></mrow>"}
	if t := p.peek(); t != "^" && t != "_" {
		var err error
		if a, err = p.atom(p.next()); err != nil {
			return "", err
		}
	}
	below, above := "", ""
	for {
		switch t := p.peek(); t {
		case `\limits`:
			p.next()
			a.limits = true
			continue
		case `\nolimits`:
			p.next()
			a.limits = false
			continue
		case "'":
			p.next()
			above += "<mo>′</mo>"
			continue
		case "^", "_":
			p.next()
			arg, err := p.argument()
			if err != nil {
				return "", err
			}
			if t == "^" {
				above += arg
			} else {
				below += arg
			}
			continue
		}
		break
	}
	names := [3]string{"msub", "msup", "msubsup"}
	if a.limits && p.display {
		names = [3]string{"munder", "mover", "munderover"}
	}
	wrap := func(s string) string { return "<mrow>" + s + "</mrow>" }
	switch {
	case below != "" && above != "":
		return "<" + names[2] + ">" + a.ml + wrap(below) + wrap(above) + "</" + names[2] + ">", nil
	case below != "":
		return "<" + names[0] + ">" + a.ml + wrap(below) + "</" + names[0] + ">", nil
	case above != "":
		return "<" + names[1] + ">" + a.ml + wrap(above) + "</" + names[1] + ">", nil
	}
	return a.ml, nil
}

// argument reads a group or a single atom.
func (p *texParser) argument() (string, error) {
	token := p.next()
	if token == "" {
		return "", fmt.Errorf("something is missing at the end")
	}
	if '0' <= token[0] && token[0] <= '9' {
		// only one digit of a number: \frac12 is a half
		return "<mn>" + token + "</mn>", nil
	}
	a, err := p.atom(token)
	return a.ml, err
}

// raw reads {text} as written.
func (p *texParser) raw() (string, error) {
	if p.next() != "{" {
		return "", fmt.Errorf("{ is missing")
	}
	depth := 1
	for i, r := range p.rest {
		switch r {
		case '{':
			depth++
		case '}':
			depth--
		}
		if depth == 0 {
			text := p.rest[:i]
			p.rest = p.rest[i+1:]
			return text, nil
		}
	}
	return "", fmt.Errorf("} is missing")
}

func tag(name, text string) string {
	return "<" + name + ">" + html.EscapeString(text) + "</" + name + ">"
}

// atom reads what starts with token.
func (p *texParser) atom(token string) (atom, error) {
	r, _ := utf8.DecodeRuneInString(token)
	switch {
	case token == "{":
		ml, err := p.row("}")
		return atom{ml: ml}, err
	case token[0] == '\\':
		return p.command(token[1:])
	case unicode.IsDigit(r):
		for p.rest != "" && (p.rest[0] >= '0' && p.rest[0] <= '9' || p.rest[0] == '.' && len(p.rest) > 1 && p.rest[1] >= '0' && p.rest[1] <= '9') {
			token += p.take(1)
		}
		return atom{ml: tag("mn", token)}, nil
	case unicode.IsLetter(r):
		return atom{ml: tag("mi", token)}, nil
	case token == "~":
		return atom{ml: space("0.33em")}, nil
	case token == "-":
		token = "−"
	case token == "*":
		token = "∗"
	case strings.Contains("()[]|/", token):
		return atom{ml: `<mo stretchy="false">` + token + "</mo>"}, nil
	case strings.Contains("#%^_&", token):
		return atom{}, fmt.Errorf("unexpected %s", token)
	}
	return atom{ml: tag("mo", token)}, nil
}

func space(width string) string { return `<mspace width="` + width + `"></mspace>` }

// command reads the command called name with its arguments.
func (p *texParser) command(name string) (atom, error) {
	if symbol, ok := symbols[name]; ok {
		return atom{ml: tag("mi", symbol)}, nil
	}
	if symbol, ok := operators[name]; ok {
		return atom{ml: tag("mo", symbol), limits: strings.Contains("∑∏⋃⋂⨁⨂", symbol)}, nil
	}
	if width, ok := spaces[name]; ok {
		return atom{ml: space(width)}, nil
	}
	if mark, ok := accents[name]; ok {
		arg, err := p.argument()
		return atom{ml: `<mover accent="true">` + arg + `<mo stretchy="` + fmt.Sprint(strings.HasPrefix(name, "over") || strings.HasPrefix(name, "wide")) + `">` + mark + "</mo></mover>"}, err
	}
	if functions[name] {
		return atom{ml: tag("mi", name) + space("0.17em")}, nil
	}
	if limits[name] {
		return atom{ml: `<mo lspace="0" rspace="0.17em">` + strings.Replace(name, "arg", "arg ", 1) + "</mo>", limits: true}, nil
	}
	switch name {
	case "frac", "dfrac", "tfrac":
		over, err := p.argument()
		if err != nil {
			return atom{}, err
		}
		under, err := p.argument()
		return atom{ml: "<mfrac>" + over + under + "</mfrac>"}, err
	case "sqrt":
		root := ""
		if p.peek() == "[" {
			p.next()
			var err error
			if root, err = p.row("]"); err != nil {
				return atom{}, err
			}
		}
		arg, err := p.argument()
		if root != "" {
			return atom{ml: "<mroot>" + arg + root + "</mroot>"}, err
		}
		return atom{ml: `<mrow class="root"><mo class="said">√</mo>` + arg + "</mrow>"}, err
	case "left":
		return p.fenced()
	case "begin":
		return p.environment()
	case "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "displaystyle", "textstyle":
		return atom{}, nil
	case "{", "}", "%", "$", "#", "_", "&":
		return atom{ml: `<mo stretchy="false">` + html.EscapeString(name) + "</mo>"}, nil
	case "|":
		return atom{ml: `<mo stretchy="false">‖</mo>`}, nil
	}
	return p.styled(name)
}

// styled reads commands that change how letters look.
func (p *texParser) styled(name string) (atom, error) {
	switch name {
	case "text", "textrm", "textit", "textbf", "mbox":
		text, err := p.raw()
		return atom{ml: tag("mtext", strings.ReplaceAll(text, " ", "\u00a0"))}, err
	case "mathrm", "operatorname":
		text, err := p.raw()
		return atom{ml: `<mi mathvariant="normal">` + html.EscapeString(text) + "</mi>"}, err
	case "mathbf", "boldsymbol", "bm", "mathbb", "mathcal", "mathit":
		text, err := p.raw()
		if err != nil || strings.Contains(text, `\`) && name != "boldsymbol" && name != "bm" {
			return atom{}, fmt.Errorf("%s of this is not known", name)
		}
		if symbol, ok := symbols[strings.TrimPrefix(strings.TrimSpace(text), `\`)]; ok {
			text = symbol
		}
		return atom{ml: tag("mi", alphabet(name, text))}, nil
	}
	return atom{}, fmt.Errorf("unknown command %s", name)
}

// fenced reads \left( ... \right).
func (p *texParser) fenced() (atom, error) {
	open, err := p.fence()
	if err != nil {
		return atom{}, err
	}
	body, stop, err := p.cells(`\right`)
	if err != nil || stop != `\right` {
		return atom{}, fmt.Errorf("\\right is missing")
	}
	closing, err := p.fence()
	return atom{ml: around(open, body, closing)}, err
}

// fence reads the bracket after \left or \right; "" is none.
func (p *texParser) fence() (string, error) {
	token := p.next()
	switch token {
	case "":
		return "", fmt.Errorf("a bracket is missing")
	case ".":
		return "", nil
	}
	text := strings.TrimPrefix(token, `\`)
	if text == "|" && token != "|" {
		text = "‖"
	} else if symbol, ok := operators[text]; ok {
		text = symbol
	}
	return text, nil
}

var fences = map[string][2]string{"pmatrix": {"(", ")"}, "bmatrix": {"[", "]"}, "vmatrix": {"|", "|"}, "Bmatrix": {"{", "}"}, "cases": {"{", ""}, "matrix": {}, "array": {},
	"aligned": {}, "align": {}, "align*": {}, "split": {}, "gathered": {}, "equation": {}, "equation*": {}}

// environment reads \begin{...} ... \end{...}: a table.
func (p *texParser) environment() (atom, error) {
	name, err := p.raw()
	_, known := fences[name]
	if err != nil || !known {
		return atom{}, fmt.Errorf("unknown environment %s", name)
	}
	if name == "array" {
		if _, err := p.raw(); err != nil {
			return atom{}, err
		}
	}
	align := func(column int) string {
		switch {
		case name == "cases":
			return "left"
		case strings.HasPrefix(name, "align") || name == "split":
			return []string{"right", "left"}[column%2]
		}
		return "center"
	}
	var b strings.Builder
	row, column := "", 0
	for {
		body, stop, err := p.cells(`\end`)
		if err != nil {
			return atom{}, err
		}
		if body != "" || row != "" || stop == "&" {
			row += `<mtd style="text-align: ` + align(column) + `">` + body + "</mtd>"
		}
		column++
		if stop == "&" {
			continue
		}
		if row != "" {
			b.WriteString("<mtr>" + row + "</mtr>")
		}
		row, column = "", 0
		if stop == `\end` {
			break
		}
	}
	if end, err := p.raw(); err != nil || end != name {
		return atom{}, fmt.Errorf("\\end{%s} is missing", name)
	}
	table := "<mtable>" + b.String() + "</mtable>"
	return atom{ml: around(fences[name][0], table, fences[name][1])}, nil
}
