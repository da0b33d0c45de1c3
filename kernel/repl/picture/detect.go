package picture

import (
	"context"
	"fmt"
	"image"
	"slices"
	"strings"
	"time"

	uv "github.com/charmbracelet/ultraviolet"

	"gsmlab/internal/settings"
)

// Asker is a terminal that answers queries.
type Asker interface {
	// Query writes a request and waits for the first event that wanted accepts.
	Query(ctx context.Context, request string, wanted func(uv.Event) bool) bool
}

// patience is how long a terminal may take to answer.
const patience = time.Second

// Setting is the environment variable that overrides detection.
const Setting = settings.Graphics

// Detect finds out how a terminal draws pictures, from the environment or, if that does not say, by
// asking the terminal. An unknown setting is an error, returned with what was detected.
func Detect(ctx context.Context, getenv func(string) string, t Asker) (p Protocol, cell image.Point, err error) {
	p = Protocol(strings.ToLower(getenv(Setting)))
	known := []Protocol{None, Blocks, Sixel, ITerm, Kitty}
	if p != "" && !slices.Contains(known, p) {
		err = fmt.Errorf("kernel: %s=%s: must be one of kitty, iterm, sixel, blocks, none", Setting, p)
		p = ""
	}
	if p == "" {
		p = fromEnvironment(getenv)
	}
	if p == None || p == Blocks || t == nil {
		return p, cell, err
	}
	found, cell := ask(ctx, t)
	if p == "" {
		p = found
	}
	return p, cell, err
}

// fromEnvironment knows terminals by name; "" if it does not know this one.
func fromEnvironment(getenv func(string) string) Protocol {
	name, program := getenv("TERM"), getenv("TERM_PROGRAM")
	switch {
	case name == "" || name == "dumb":
		return None
	case strings.HasPrefix(name, "linux"):
		return Blocks
	case getenv("TMUX") != "" || strings.HasPrefix(name, "tmux") || strings.HasPrefix(name, "screen"):
		return "" // the terminal around it does not count: the multiplexer may have sixels itself
	case getenv("KITTY_WINDOW_ID") != "" || strings.Contains(name, "kitty") || strings.Contains(name, "ghostty") || program == "ghostty":
		return Kitty
	case program == "iTerm.app" || getenv("LC_TERMINAL") == "iTerm2" || program == "WezTerm":
		return ITerm
	case program == "Apple_Terminal":
		return Blocks
	}
	return ""
}

// ask sends the terminal three requests: a picture of kitty's protocol to check, the size of a
// cell, and a question that every terminal answers. The last keeps the wait short if the others get
// no answer.
func ask(ctx context.Context, t Asker) (p Protocol, cell image.Point) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p = Blocks
	const check, size, attributes = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\", "\x1b[16t", "\x1b[c"
	t.Query(ctx, check+size+attributes, func(e uv.Event) bool {
		switch e := e.(type) {
		case uv.KittyGraphicsEvent:
			if e.Options.ID == 31 && string(e.Payload) == "OK" {
				p = Kitty
			}
		case uv.CellSizeEvent:
			cell = image.Pt(e.Width, e.Height)
		case uv.PrimaryDeviceAttributesEvent:
			if p == Blocks && slices.Contains(e, 4) {
				p = Sixel
			}
			return true
		}
		return false
	})
	return p, cell
}
