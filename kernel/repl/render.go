package repl

import (
	"context"
	"image"
	"os"
	"strings"

	"github.com/charmbracelet/colorprofile"

	"gsmlab/kernel/engine"
	"gsmlab/kernel/present"
	"gsmlab/kernel/repl/edit"
	"gsmlab/kernel/repl/picture"
)

// render turns a value into the richest form that the terminal can show.
func (s *prompt) render(b engine.Bundle) []edit.Piece {
	forms := present.Pixels.Forms(b)
	if len(forms) > 0 && s.surface().Protocol == picture.Blocks {
		forms = present.Blocks.Forms(b)
	}
	for _, mime := range forms {
		pieces, err := s.draw(mime, present.Bytes(b[mime]))
		if err != nil {
			return []edit.Piece{{Text: s.theme.Bad(err.Error()) + "\n"}, {Text: ended(present.Plain(b))}}
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
	if text, ok := b["text/markdown"].(string); ok && s.theme.colour {
		if before, code, after, ok := goBlock(text); ok {
			return []edit.Piece{{Text: ended(before + s.theme.golang(code) + after)}}
		}
	}
	return []edit.Piece{{Text: ended(present.Plain(b))}}
}

// goBlock finds the code in Markdown that has Go.
func goBlock(text string) (before, code, after string, ok bool) {
	before, rest, begins := strings.Cut(text, "```go\n")
	code, after, ends := strings.Cut(rest, "```\n")
	return before, code, after, begins && ends
}

// drawHTML draws HTML with its pictures; nil if none of them can be drawn.
func (s *prompt) drawHTML(html string) (pieces []edit.Piece) {
	drawn := false
	for _, p := range present.HTMLParts(html) {
		if p.Mime == "" {
			pieces = append(pieces, edit.Piece{Text: ended(p.Text)})
			continue
		}
		picture, err := s.draw(p.Mime, p.Data)
		if err != nil {
			picture = []edit.Piece{{Text: s.theme.Bad(err.Error()) + "\n"}}
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

// surface is the canvas for pictures. The terminal is queried when the first picture comes.
func (s *prompt) surface() picture.Canvas {
	s.detect.Do(func() {
		var err error
		s.canvas.Protocol, s.canvas.Cell, err = picture.Detect(context.Background(), s.opt.Getenv, s.term)
		if err != nil {
			s.term.Print(s.theme.Bad(err.Error()) + "\n")
		}
		if s.canvas.Protocol == picture.Blocks && !s.theme.colour {
			s.canvas.Protocol = picture.None // half blocks need colours
		}
		s.canvas.Colours = colorprofile.Env(os.Environ())
	})
	return s.canvas
}

// draw draws a picture; nil if this terminal shows none.
func (s *prompt) draw(mime string, data []byte) ([]edit.Piece, error) {
	c := s.surface()
	if c.Protocol == picture.None {
		return nil, nil
	}
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
	if mime == "image/svg+xml" && c.Protocol == picture.Blocks { // half blocks cannot show its text
		if caption := present.Caption(data); caption != "" {
			pieces = append(pieces, edit.Piece{Text: caption + "\n"})
		}
	}
	return pieces, nil
}
