package present

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gsmlab/kernel/engine"
)

// Data is a bundle in the form of messages and of notebooks: binary types in base64, JSON types as
// JSON, all else as text.
func Data(b engine.Bundle) map[string]any {
	data := map[string]any{}
	for mime, value := range b {
		raw, binary := value.([]byte)
		text, isText := value.(string)
		if binary && isTextual(mime) {
			text, isText = string(raw), true
		}
		switch {
		case isText && isJSON(mime):
			data[mime] = parsed(text)
		case isText:
			data[mime] = text
		case binary:
			data[mime] = base64.StdEncoding.EncodeToString(raw)
		default:
			data[mime] = value
		}
	}
	return data
}

// parsed is JSON with its numbers as they are written; text that is none stays text.
func parsed(text string) any {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	var value any
	if !json.Valid([]byte(text)) || decoder.Decode(&value) != nil {
		return text
	}
	return value
}

// isTextual reports whether a MIME type is text.
func isTextual(mime string) bool {
	return strings.HasPrefix(mime, "text/") || strings.HasSuffix(mime, "+xml") || strings.HasSuffix(mime, "/xml") || isJSON(mime) || mime == "application/javascript"
}

func isJSON(mime string) bool { return mime == "application/json" || strings.HasSuffix(mime, "+json") }

// Order is the forms in which a bundle can be shown somewhere, the best first.
type Order []string

// The orders of front ends that choose a form themselves; in Jupyter the client does.
var (
	// Page is that of a page of HTML.
	Page = Order{"text/html", "image/svg+xml", "image/png", "image/jpeg", "image/webp", "image/gif", "text/markdown", "text/latex", "text/plain"}
	// Pixels is that of pictures at a terminal that draws pixels.
	Pixels = Order{"image/png", "image/jpeg", "image/gif", "image/svg+xml"}
	// Blocks is that of pictures at a terminal that draws half blocks: of an SVG, lines can be made
	// as wide as a block, while those of a picture in pixels vanish when it is made so small.
	Blocks = Order{"image/svg+xml", "image/png", "image/jpeg", "image/gif"}
	// Text is that of text.
	Text = Order{"text/plain", "text/markdown", "text/latex", "application/json", "application/javascript"}
)

// Forms returns the types of the bundle that are in the order.
func (o Order) Forms(b engine.Bundle) []string {
	return slices.DeleteFunc(slices.Clone(o), func(mime string) bool { return len(Bytes(b[mime])) == 0 })
}

// Bytes is a form of a bundle: binary types may also come as base64.
func Bytes(value any) []byte {
	switch value := value.(type) {
	case []byte:
		return value
	case string:
		if strings.HasPrefix(strings.TrimSpace(value), "<") {
			return []byte(value)
		}
		if data, err := base64.StdEncoding.DecodeString(value); err == nil {
			return data
		}
		return []byte(value)
	}
	return nil
}

// Plain is a bundle as text.
func Plain(b engine.Bundle) string {
	if text := b.Text(); text != "" || len(b) == 1 && b["text/plain"] != nil {
		return text
	}
	for _, mime := range Text {
		if text, ok := b[mime].(string); ok {
			return text
		}
	}
	if text, ok := b["text/html"].(string); ok {
		return htmlText(text)
	}
	if svg := Bytes(b["image/svg+xml"]); svg != nil {
		if caption := Caption(svg); caption != "" {
			return caption
		}
	}
	for _, mime := range slices.Sorted(maps.Keys(b)) {
		return fmt.Sprintf("(%s, %d bytes)", mime, len(Bytes(b[mime])))
	}
	return ""
}
