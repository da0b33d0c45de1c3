package shell

import (
	"strings"
	"unicode/utf8"
)

// words splits at spaces. Double quotes keep them and may hold \n, \t, \" and \\.
func words(text string) (all []string) {
	var word strings.Builder
	inWord, quoted := false, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"':
			quoted, inWord = !quoted, true
		case quoted && c == '\\' && i+1 < len(text):
			i++
			word.WriteString(map[byte]string{'n': "\n", 't': "\t"}[text[i]])
			if text[i] != 'n' && text[i] != 't' {
				word.WriteByte(text[i])
			}
		case !quoted && strings.IndexByte(" \t\n", c) >= 0:
			if inWord {
				all = append(all, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		all = append(all, word.String())
	}
	return all
}

// aligned aligns all columns but the last.
func aligned(rows [][]string) string {
	var width []int
	for _, row := range rows {
		for i, text := range row[:max(len(row)-1, 0)] {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		line := ""
		for i, text := range row {
			line += text
			if i < len(row)-1 {
				line += strings.Repeat(" ", width[i]-utf8.RuneCountInString(text)+2)
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

func markdownTable(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string, escape func(string) string) {
		for _, c := range cells {
			b.WriteString("| " + escape(c) + " ")
		}
		b.WriteString("|\n")
	}
	plain := func(s string) string { return s }
	line(head, plain)
	b.WriteString(strings.Repeat("| --- ", len(head)) + "|\n")
	for _, row := range rows {
		line(append([]string{"`" + row[0] + "`"}, row[1:]...), func(s string) string { return strings.ReplaceAll(s, "|", `\|`) })
	}
	return b.String()
}
