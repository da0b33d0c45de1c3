package engine

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// shownDisplays collects displays; an update replaces what it updates.
type shownDisplays struct {
	Outputs
	seen []string
}

func (s *shownDisplays) Display(d Display) {
	text := d.Data.Text()
	if d.Update {
		text = "-> " + text
	}
	s.seen = append(s.seen, text)
}

// TestBuildingIsShown: an import that is built for long says how far it is, in one display, and how
// long it took; a short one says nothing.
func TestBuildingIsShown(t *testing.T) {
	packages := []Step{{Text: "compiling", Of: 9}, {Text: "compiling", Done: 2, Of: 9}, {Text: "compiling", Done: 8, Of: 9}, {Text: "linking"}}
	for _, c := range []struct {
		each time.Duration
		err  error
		want []string
	}{
		{each: buildShown / 10},
		{each: 2100 * time.Millisecond, want: []string{"compiling (2 of at most 9)", "-> compiling (8 of at most 9)", "-> built what the cell imports: 8s"}},
		{each: 2100 * time.Millisecond, err: errors.New("interrupted"), want: []string{"compiling (2 of at most 9)", "-> compiling (8 of at most 9)"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			d, out := newDelivery(), &shownDisplays{}
			d.to(1, out)
			say, done := d.building("1")
			for _, step := range packages {
				say(step)
				time.Sleep(c.each)
			}
			done(c.err)
			if !slices.Equal(out.seen, c.want) {
				t.Errorf("steps of %v, error %v: %q, want %q", c.each, c.err, out.seen, c.want)
			}
		})
	}
}
