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

// Data is a bundle in the form that messages and notebooks use: binary types in base64, JSON types
// as JSON, everything else as text.
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

// parsed is JSON with its numbers as written; text that is not JSON stays text.
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

// Order lists the forms in which a bundle can be shown somewhere, the best first.
type Order []string

// The orders of front ends that choose a form themselves. In Jupyter the client chooses.
var (
	// Page is the order for an HTML page.
	Page = Order{"text/html", "image/svg+xml", "image/png", "image/jpeg", "image/webp", "image/gif", "text/markdown", "text/latex", "text/plain"}
	// Pixels is the order for pictures at a terminal that draws pixels.
	Pixels = Order{"image/png", "image/jpeg", "image/gif", "image/svg+xml"}
	// Blocks is the order for pictures at a terminal that draws half blocks. The lines of an SVG
	// can be made as wide as a block; those of a picture in pixels vanish when it is made that
	// small.
	Blocks = Order{"image/svg+xml", "image/png", "image/jpeg", "image/gif"}
	// Text is the order for text.
	Text = Order{"text/plain", "text/markdown", "text/latex", "application/json", "application/javascript"}
)

// Forms returns the bundle's types that are in the order.
func (o Order) Forms(b engine.Bundle) []string {
	return slices.DeleteFunc(slices.Clone(o), func(mime string) bool { return len(Bytes(b[mime])) == 0 })
}

// Bytes returns a form of a bundle as bytes. Binary types may also come as base64.
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

// Plain is a bundle as plain text.
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
