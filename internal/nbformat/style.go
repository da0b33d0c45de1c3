package nbformat

import (
	"strconv"
	"strings"
)

// style is a set of text colours and attributes, as an index into a palette; 0 has none.
type style int32

// sgr is a style spelled out. Each colour is stored as parameters of an SGR sequence.
type sgr struct {
	attributes             uint16 // bit n: the attribute n
	foreground, background string
}

// palette numbers the styles of a screen, so that a cell needs only four bytes for its style.
type palette struct {
	list    []sgr // style n is list[n-1]
	numbers map[sgr]style
}

// maxStyles limits a palette. A text with more styles loses some.
const maxStyles = 1 << 16

func (p *palette) spelled(s style) sgr {
	if s == 0 {
		return sgr{}
	}
	return p.list[s-1]
}

func (p *palette) number(look sgr) style {
	if look == (sgr{}) {
		return 0
	}
	n, known := p.numbers[look]
	if !known && len(p.list) < maxStyles {
		if p.numbers == nil {
			p.numbers = map[sgr]style{}
		}
		p.list = append(p.list, look)
		n = style(len(p.list))
		p.numbers[look] = n
	}
	return n
}

// undo lists the attributes that a parameter ends.
var undo = map[int]uint16{22: 1<<1 | 1<<2, 23: 1 << 3, 24: 1 << 4, 25: 1<<5 | 1<<6, 27: 1 << 7, 28: 1 << 8, 29: 1 << 9}

// apply returns the style after an SGR sequence with these parameters.
func (p *palette) apply(s style, parameters string) style {
	look := p.spelled(s)
	list := strings.Split(parameters, ";")
	for i := 0; i < len(list); i++ {
		if base, more, colon := strings.Cut(list[i], ":"); colon { // 38:2::r:g:b in one parameter
			switch base {
			case "38":
				look.foreground = list[i]
			case "48":
				look.background = list[i]
			case "4":
				look.attributes &^= 1 << 4
				if more != "0" {
					look.attributes |= 1 << 4
				}
			}
			continue
		}
		n, _ := strconv.Atoi(list[i]) // an empty parameter counts as 0
		switch {
		case n == 0:
			look = sgr{}
		case n <= 9:
			look.attributes |= 1 << n
		case undo[n] != 0:
			look.attributes &^= undo[n]
		case n >= 30 && n <= 37 || n >= 90 && n <= 97:
			look.foreground = list[i]
		case n >= 40 && n <= 47 || n >= 100 && n <= 107:
			look.background = list[i]
		case n == 39:
			look.foreground = ""
		case n == 49:
			look.background = ""
		case n == 38 || n == 48:
			used := 0
			if i+1 < len(list) {
				used = map[string]int{"5": 2, "2": 4}[list[i+1]]
			}
			if used == 0 || i+used >= len(list) {
				return p.number(look) // broken
			}
			colour := strings.Join(list[i:i+used+1], ";")
			if n == 38 {
				look.foreground = colour
			} else {
				look.background = colour
			}
			i += used
		}
	}
	return p.number(look)
}

// change returns the sequence that turns one style into another.
func (p *palette) change(from, to style) string {
	if from == to {
		return ""
	}
	if to == 0 {
		return "\x1b[0m"
	}
	var list []string
	if from != 0 {
		list = append(list, "0")
	}
	look := p.spelled(to)
	for n := 1; n <= 9; n++ {
		if look.attributes&(1<<n) != 0 {
			list = append(list, strconv.Itoa(n))
		}
	}
	for _, colour := range []string{look.foreground, look.background} {
		if colour != "" {
			list = append(list, colour)
		}
	}
	return "\x1b[" + strings.Join(list, ";") + "m"
}
