package present

import (
	"bytes"
	"encoding/xml"
	"strings"
)

// Caption is an SVG's own description in words: its title and description.
func Caption(data []byte) string {
	decoder := xml.NewDecoder(bytes.NewReader(data))
	decoder.Strict = false
	var lines []string
	depth, inside := 0, ""
	for {
		token, err := decoder.Token()
		if err != nil {
			return strings.Join(lines, "\n")
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth++; depth == 2 {
				inside = token.Name.Local
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if words := strings.Join(strings.Fields(string(token)), " "); depth == 2 && words != "" && (inside == "title" || inside == "desc") {
				lines = append(lines, words)
			}
		}
	}
}
