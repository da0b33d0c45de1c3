package engine

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// progress collects what it is told.
type progress struct {
	Outputs
	seen []string
}

func (p *progress) Progress(text string) { p.seen = append(p.seen, text) }

// TestBuildingIsShown: an import that is built for long says how far it is, and how long it took; a
// short one says nothing.
func TestBuildingIsShown(t *testing.T) {
	packages := []Step{{Text: "compiling", Of: 9}, {Text: "compiling", Done: 2, Of: 9}, {Text: "compiling", Done: 8, Of: 9}, {Text: "linking"}}
	for _, c := range []struct {
		each time.Duration
		err  error
		want []string
	}{
		{each: buildShown / 10},
		{each: 2100 * time.Millisecond, want: []string{"compiling (2 of at most 9)", "compiling (8 of at most 9)", "built what the cell imports: 8s"}},
		{each: 2100 * time.Millisecond, err: errors.New("interrupted"), want: []string{"compiling (2 of at most 9)", "compiling (8 of at most 9)"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			d, out := newDelivery(), &progress{}
			d.to(1, out)
			say, done := d.building()
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
