package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"gsmlab/models/recipe"
)

// console shows progress: a bar on a terminal, an occasional line elsewhere.
type console struct {
	w        io.Writer
	terminal bool
	bar      *progressbar.ProgressBar
	stage    string
	began    time.Time // when this process began the stage
	first    int       // the first step shown in this stage, which compiles the graph
	from     time.Time // when it ended
	shown    time.Time // when something was last shown
}

func newConsole(w io.Writer) *console {
	f, ok := w.(*os.File)
	return &console{w: w, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// How often progress is shown.
const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 10 * time.Second
)

// say prints a remark, above the bar if there is one.
func (c *console) say(line string) {
	if c.bar != nil {
		c.bar.Clear()
	}
	fmt.Fprintln(c.w, line)
}

// progress shows an event; it is a recipe.Progress.
func (c *console) progress(e recipe.Event) {
	now := time.Now()
	if e.Stage != c.stage {
		c.close()
		c.stage, c.began, c.first, c.from, c.shown = e.Stage, now.Add(-e.StepTime), e.Step, now, time.Time{}
		if c.terminal {
			c.bar = progressbar.NewOptions(e.Steps, progressbar.OptionSetWriter(c.w), progressbar.OptionSetWidth(10),
				progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false), progressbar.OptionClearOnFinish())
		}
	}
	last := e.Step == e.Steps
	every := lineEvery
	if c.terminal {
		every = barEvery
	}
	if !last && now.Sub(c.shown) < every {
		return
	}
	c.shown = now
	line := c.line(e, now)
	if last || !c.terminal {
		c.close()
		fmt.Fprintln(c.w, line)
		return
	}
	c.bar.Describe(line)
	c.bar.Set(e.Step)
}

// line is an event in words.
func (c *console) line(e recipe.Event, now time.Time) string {
	line := fmt.Sprintf("%s %d/%d epoch %.1f loss %.4f", e.Stage, e.Step, e.Steps, e.Epoch, e.Loss)
	if !math.IsNaN(e.Accuracy) {
		line += " acc " + percent(e.Accuracy)
	}
	if e.Step == e.Steps {
		return fmt.Sprintf("%s in %s", line, clock(now.Sub(c.began)))
	}
	if e.Step == c.first {
		return line // too early to say how long it takes
	}
	left := time.Duration(float64(now.Sub(c.from)) / float64(e.Step-c.first) * float64(e.Steps-e.Step))
	return fmt.Sprintf("%s %s left", line, clock(left))
}

// close removes the bar.
func (c *console) close() {
	if c.bar != nil {
		c.bar.Clear()
		c.bar = nil
	}
}

// clock writes a duration as h:mm:ss or m:ss.
func clock(d time.Duration) string {
	s := int(d.Seconds() + 0.5)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
