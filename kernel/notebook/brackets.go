// Brackets that are as tall as what they enclose. Browsers stretch them where a font has the parts,
// which few systems have for all of them, so they are drawn as backgrounds.

package notebook

import (
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
)

// drawing is the lines of a bracket in a box of 10 by 100, which is stretched to the height of what
// is enclosed. Widths of lines stay.
type drawing struct{ name, path string }

var (
	opening = map[string]drawing{
		"(": {"round", "M8 1C1 25 1 75 8 99"}, "[": {"square", "M8 1H3V99H8"}, "{": {"curly", "M9 1C4 1 5 10 5 25C5 42 5 48 1 50C5 52 5 58 5 75C5 90 4 99 9 99"},
		"⌊": {"floor", "M3 0V99H8"}, "⌈": {"ceil", "M8 1H3V100"}, "⟨": {"angle", "M8 1L3 50L8 99"}, "|": {"bar", "M5 0V100"}, "‖": {"bars", "M3 0V100M7 0V100"},
	}
	closing = map[string]drawing{
		")": {"round", "M2 1C9 25 9 75 2 99"}, "]": {"square", "M2 1H7V99H2"}, "}": {"curly", "M1 1C6 1 5 10 5 25C5 42 5 48 9 50C5 52 5 58 5 75C5 90 6 99 1 99"},
		"⌋": {"floor", "M7 0V99H2"}, "⌉": {"ceil", "M2 1H7V100"}, "⟩": {"angle", "M2 1L7 50L2 99"}, "|": {"bar", "M5 0V100"}, "‖": {"bars", "M3 0V100M7 0V100"},
	}
	// root is the sign of a square root without its bar.
	root = drawing{"root", "M0 62L2 58L5 98L10 1"}
)

// around encloses a row by an opening and a closing bracket; "" is none. Each stays in the formula
// as text, for those who read it without styles.
func around(left, body, right string) string {
	if left == "" && right == "" {
		return "<mrow>" + body + "</mrow>"
	}
	classes := "drawn"
	side := func(text, letter string, known map[string]drawing) string {
		d, ok := known[text]
		switch {
		case text == "":
			return ""
		case !ok: // a slash, an arrow, a bracket that looks away
			return `<mo fence="true" stretchy="true">` + html.EscapeString(text) + "</mo>"
		}
		classes += " " + letter + "-" + d.name
		return `<mo class="said">` + html.EscapeString(text) + "</mo>"
	}
	left, right = side(left, "l", opening), side(right, "r", closing)
	return `<mrow class="` + classes + `">` + left + body + right + "</mrow>"
}

// bracketStyle is the CSS of drawn brackets, in the colours of the page's text.
func bracketStyle() string {
	var b strings.Builder
	b.WriteString(`.said { display: none; }
.drawn, .root { print-color-adjust: exact; -webkit-print-color-adjust: exact; background-repeat: no-repeat; }
.drawn { padding: 0.15em 0.1em; background-image: var(--open, none), var(--close, none); background-position: left, right; background-size: 0.4em 100%; }
.drawn[class*=" l-"] { padding-left: 0.45em; }
.drawn[class*=" r-"] { padding-right: 0.45em; }
.root { padding: 0.15em 0.1em 0 0.75em; background-image: var(--sign), linear-gradient(currentColor, currentColor); background-position: left, right top; background-size: 0.7em 100%, calc(100% - 0.68em) 0.07em; }
`)
	drawings(&b, "%231f2328")
	b.WriteString("@media (prefers-color-scheme: dark) {\n")
	drawings(&b, "%23e6edf3")
	b.WriteString("}\n")
	return b.String()
}

// drawings writes all drawings in a colour, as variables of their classes.
func drawings(b *strings.Builder, colour string) {
	draw := func(class, variable string, d drawing) {
		fmt.Fprintf(b, `.%s { %s: url("data:image/svg+xml,%%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 10 100' preserveAspectRatio='none'%%3E`+
			`%%3Cpath d='%s' fill='none' stroke='%s' stroke-width='1.2' vector-effect='non-scaling-stroke'/%%3E%%3C/svg%%3E"); }`+"\n", class, variable, d.path, colour)
	}
	for _, text := range slices.Sorted(maps.Keys(opening)) {
		draw("l-"+opening[text].name, "--open", opening[text])
	}
	for _, text := range slices.Sorted(maps.Keys(closing)) {
		draw("r-"+closing[text].name, "--close", closing[text])
	}
	draw("root", "--sign", root)
}
