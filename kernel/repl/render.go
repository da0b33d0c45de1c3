package repl

import (
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/charmbracelet/colorprofile"

	"gsmlab/kernel/engine"
	"gsmlab/kernel/repl/edit"
	"gsmlab/kernel/repl/picture"
)

// pictures are the types that are drawn, the best first.
var pictures = []string{"image/png", "image/jpeg", "image/gif", "image/svg+xml"}

// render is a value in the richest form that the terminal has.
func (s *prompt) render(b engine.Bundle) []edit.Piece {
	for _, mime := range pictures {
		data := bytesOf(b[mime])
		if len(data) == 0 {
			continue
		}
		pieces, err := s.draw(mime, data)
		if err != nil {
			return []edit.Piece{{Text: s.theme.bad(err.Error()) + "\n"}, {Text: ended(plainText(b))}}
		}
		if pieces != nil {
			return pieces
		}
	}
	if html, ok := b["text/html"].(string); ok && (strings.Contains(html, "<svg") || strings.Contains(html, "<img")) {
		if pieces := s.drawHTML(html); pieces != nil {
			return pieces
		}
	}
	return []edit.Piece{{Text: ended(plainText(b))}}
}

// drawHTML is HTML with its pictures; nil: none of them can be drawn.
func (s *prompt) drawHTML(html string) (pieces []edit.Piece) {
	drawn := false
	for _, p := range htmlParts(html) {
		if p.mime == "" {
			pieces = append(pieces, edit.Piece{Text: ended(p.text)})
			continue
		}
		picture, err := s.draw(p.mime, p.data)
		if err != nil {
			picture = []edit.Piece{{Text: s.theme.bad(err.Error()) + "\n"}}
		} else if picture != nil {
			drawn = true
		}
		pieces = append(pieces, picture...)
	}
	if !drawn {
		return nil
	}
	return pieces
}

// draw draws a picture; nil: this terminal shows none.
func (s *prompt) draw(mime string, data []byte) ([]edit.Piece, error) {
	s.detect.Do(func() {
		var err error
		s.canvas.Protocol, s.canvas.Cell, err = picture.Detect(context.Background(), s.opt.Getenv, s.term)
		if err != nil {
			s.term.Print(s.theme.bad(err.Error()) + "\n")
		}
		if s.canvas.Protocol == picture.Blocks && !s.theme.colour {
			s.canvas.Protocol = picture.None // half blocks are colours
		}
		s.canvas.Colours = colorprofile.Env(os.Environ())
	})
	if s.canvas.Protocol == picture.None {
		return nil, nil
	}
	c := s.canvas
	width, height := s.term.Size()
	c.Cols, c.Rows = max(1, min(width-1, 120)), max(1, height-3)
	if c.Cell == (image.Point{}) {
		c.Cell = image.Pt(s.term.CellSize())
	}
	img, err := c.Decode(mime, data)
	if err != nil {
		return nil, err
	}
	text, rows, err := c.Draw(img)
	if err != nil {
		return nil, err
	}
	pieces := []edit.Piece{{Text: text, Rows: rows}}
	if mime == "image/svg+xml" && c.Protocol == picture.Blocks { // which cannot show its text
		if caption := picture.Caption(data); caption != "" {
			pieces = append(pieces, edit.Piece{Text: caption + "\n"})
		}
	}
	return pieces, nil
}

// bytesOf is a value of a bundle: binary types may also come as base64.
func bytesOf(value any) []byte {
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

// plainText is a value as text.
func plainText(b engine.Bundle) string {
	if text := b.Text(); text != "" || len(b) == 1 && b["text/plain"] != nil {
		return text
	}
	for _, mime := range []string{"text/markdown", "text/latex", "application/json", "application/javascript"} {
		if text, ok := b[mime].(string); ok {
			return text
		}
	}
	if text, ok := b["text/html"].(string); ok {
		return htmlText(text)
	}
	if svg := bytesOf(b["image/svg+xml"]); svg != nil {
		if caption := picture.Caption(svg); caption != "" {
			return caption
		}
	}
	for _, mime := range slices.Sorted(maps.Keys(b)) {
		return fmt.Sprintf("(%s, %d bytes)", mime, len(bytesOf(b[mime])))
	}
	return ""
}
