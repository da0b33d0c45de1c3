// Package bound limits what a cell shows to what a browser, or a notebook file, can take. The
// beginning is passed on as it comes, and the end once the cell has ended. A note between them says
// what was left out and which file has all of it. Output that replaces other output (progress bars,
// updates, animations) does not count, but comes at most twenty times a second.
package bound

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gsmlab/internal/nbformat"
	"gsmlab/internal/utf8tail"
	"gsmlab/kernel/engine"
)

// Outputs passes on what a cell shows, within a limit. Its methods must be called one at a time,
// under the lock that New got.
type Outputs struct {
	to    engine.Outputs
	lock  sync.Locker
	limit Limit
	spill *spill

	head  strings.Builder // the printed text, until there is a file for it
	shown cost
	over  bool // more was shown than there is room for, so everything goes to the end

	end  []item // the last part of what was shown
	size cost   // of end
	left cost   // what was left out before end

	frames frames
}

// item is one piece of a cell's output.
type item struct {
	stream  int // for text: 0 is stdout, 1 is stderr
	text    string
	display *engine.Display
	result  engine.Bundle
}

// New returns the outputs of a cell, which pass on to others. The caller holds the lock; Outputs
// takes it itself for what it shows later. dir makes the folder for what does not fit.
func New(to engine.Outputs, lock sync.Locker, limit Limit, name string, dir func() (string, error)) *Outputs {
	return &Outputs{to: to, lock: lock, limit: limit, spill: &spill{name: name, dir: dir}}
}

// SetLimit changes the limit for output from now on.
func (o *Outputs) SetLimit(limit Limit) { o.limit = limit }

func (o *Outputs) Stdout(text string) { o.print(0, text) }
func (o *Outputs) Stderr(text string) { o.print(1, text) }

// print passes text on while there is room.
func (o *Outputs) print(stream int, text string) {
	if o.limit == None {
		o.send(item{stream: stream, text: text})
		return
	}
	o.record(text)
	if !o.over {
		fits := o.shown.fit(text, o.limit)
		if fits > 0 {
			o.send(item{stream: stream, text: text[:fits]})
		}
		if text = text[fits:]; text == "" {
			return
		}
		o.overflow()
	}
	o.keep(item{stream: stream, text: text})
}

// record keeps everything printed: in memory while it is short, then in the file.
func (o *Outputs) record(text string) {
	if o.over {
		o.spill.write(text)
		return
	}
	o.head.WriteString(text)
	if int64(o.head.Len()) > 2*int64(o.limit) { // of a progress bar
		short := nbformat.Overwritten(o.head.String())
		o.head.Reset()
		o.head.WriteString(short)
	}
}

// overflow starts the file.
func (o *Outputs) overflow() {
	o.over = true
	o.spill.write(o.head.String())
	o.head.Reset()
	o.release()
	o.to.Note(fmt.Sprintf("the cell shows more than %s: all of it goes to %s, and its end is shown when the cell has ended (%s changes the limit)", o.limit, o.spill.where(), Command))
}

// keep adds something to the end, which is shown later, and drops what is too much.
func (o *Outputs) keep(i item) {
	if k := len(o.end); k > 0 && i.text != "" && o.end[k-1].text != "" && o.end[k-1].stream == i.stream && len(o.end[k-1].text) < 4<<10 {
		o.end[k-1].text += i.text
	} else {
		o.end = append(o.end, i)
	}
	o.size.add(i)
	room := o.limit / tailPart
	for len(o.end) > 0 && (o.size.bytes > int64(room) || o.size.lines > room.lines() || o.size.displays > keptDisplays || o.size.displayed > int64(room)*displayBytes) {
		first := &o.end[0]
		if len(o.end) == 1 && first.text == "" || first.result != nil {
			// a result is always shown
			break
		}
		dropped := *first
		if extra := o.size.bytes - int64(room); first.text != "" && len(o.end) == 1 {
			// a single long piece
			at := cutAt(first.text, max(int(extra), afterLines(first.text, o.size.lines-room.lines())))
			dropped.text = first.text[:at]
			first.text = first.text[at:]
		} else {
			o.end = o.end[1:]
		}
		if dropped.display != nil {
			o.spill.display(*dropped.display)
		}
		o.size.take(dropped)
		o.left.add(dropped)
	}
}

// cutAt is the first place, from at on, that does not cut a character.
func cutAt(text string, at int) int {
	for at = min(at, len(text)); at < len(text) && !utf8.RuneStart(text[at]); {
		at++
	}
	return at
}

// afterLines is the offset after the first n lines.
func afterLines(text string, n int) (at int) {
	for range n {
		next := strings.IndexByte(text[at:], '\n')
		if next < 0 {
			return at
		}
		at += next + 1
	}
	return at
}

// End shows what was kept for the end of the cell.
func (o *Outputs) End() {
	o.release()
	if o.over {
		o.flush()
		o.spill.close()
	}
	o.over, o.shown = false, cost{} // for what the cell's goroutines show from now on
	o.head.Reset()
}

// flush shows the end, after a note about what is missing before it.
func (o *Outputs) flush() {
	if first := 0; o.left.bytes > 0 && len(o.end) > 0 && o.end[0].text != "" {
		// begin with a whole line
		if first = strings.IndexByte(o.end[0].text, '\n') + 1; first < len(o.end[0].text) {
			o.left.add(item{text: o.end[0].text[:first]})
			o.end[0].text = o.end[0].text[first:]
		}
	}
	if o.left != (cost{}) {
		o.to.Note(fmt.Sprintf("%s left out here; %s", o.left, o.spill.has()))
	}
	for k, i := range o.end {
		if i.text != "" {
			o.end[k].text = nbformat.Overwritten(i.text)
		}
		o.send(o.end[k])
	}
	o.end, o.size, o.left = nil, cost{}, cost{}
	o.release()
}

func (o *Outputs) Result(value engine.Bundle) {
	o.shown.add(item{result: value})
	if o.over {
		o.keep(item{result: value})
		return
	}
	o.send(item{result: value})
}

// Display passes a display on while there is room. Updates take no room.
func (o *Outputs) Display(d engine.Display) {
	if o.limit == None {
		o.send(item{display: &d})
		return
	}
	if d.Update {
		o.update(d)
		return
	}
	i := item{display: &d}
	if o.over {
		o.keep(i)
		return
	}
	o.shown.add(i)
	if o.shown.displays <= maxDisplays && o.shown.displayed <= int64(o.limit)*displayBytes {
		o.send(i)
		return
	}
	o.overflow()
	o.keep(i)
}

// Clear removes what was shown, which frees its room.
func (o *Outputs) Clear(wait bool) {
	o.shown, o.size, o.left, o.end = cost{}, cost{}, cost{}, nil
	if o.over {
		o.over = false
		o.spill.close()
	}
	o.head.Reset()
	o.clear(wait)
}

func (o *Outputs) Page(text engine.Bundle) { o.to.Page(text) }

func (o *Outputs) Progress(text string) {
	o.release()
	o.to.Progress(text)
}

func (o *Outputs) Note(text string) {
	o.release()
	o.to.Note(text)
}

// Input asks the user, who first sees everything shown so far.
func (o *Outputs) Input(ctx context.Context, prompt string, secret bool) (string, error) {
	o.lock.Lock()
	o.release()
	if o.over {
		o.flush()
	}
	o.lock.Unlock()
	return o.to.Input(ctx, prompt, secret)
}

// cost is how much room output takes.
type cost struct {
	bytes, displayed int64 // of text and of displays
	lines, displays  int

	line  int // bytes of the line being written, and of what it replaced
	most  int
	above [32]int // bytes of the lines before it, which may be rewritten
}

func (c *cost) add(i item) {
	c.bytes += int64(len(i.text))
	c.lines += strings.Count(i.text, "\n")
	if i.display != nil {
		c.displays++
		for _, form := range i.display.Data {
			switch form := form.(type) {
			case string:
				c.displayed += int64(len(form))
			case []byte:
				c.displayed += int64(len(form))
			}
		}
	}
}

func (c *cost) take(i item) {
	var d cost
	d.add(i)
	c.bytes, c.lines, c.displays, c.displayed = c.bytes-d.bytes, c.lines-d.lines, c.displays-d.displays, c.displayed-d.displayed
}

// fit adds text as long as it fits into the limit, and returns how much fits: whole lines, if
// possible.
func (c *cost) fit(text string, limit Limit) (fits int) {
	for fits < len(text) {
		rest := text[fits:]
		n := strings.IndexAny(rest, "\n\r\x1b") + 1
		if n == 0 {
			n = len(rest)
		}
		grown := max(0, c.line+n-c.most)
		if room := int64(limit) - c.bytes; int64(grown) > room || c.lines >= limit.lines() {
			if fits == 0 && c.lines < limit.lines() { // a line that has no end
				cut := rest[:min(max(int(room), 0), len(rest))]
				fits = len(cut) - utf8tail.Cut(cut)
				c.bytes += int64(fits)
			}
			return fits
		}
		c.bytes += int64(grown)
		c.line += n
		c.most = max(c.most, c.line)
		switch rest[n-1] {
		case '\n':
			copy(c.above[1:], c.above[:])
			c.above[0] = c.most
			c.lines++
			c.line, c.most = 0, 0
		case '\r':
			c.line = 0
		case '\x1b':
			c.escape(rest[n:])
		}
		fits += n
	}
	return fits
}

// escape frees the room of lines to which a sequence moves the cursor up.
func (c *cost) escape(rest string) {
	digits := strings.TrimPrefix(rest, "[")
	end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 || len(digits) == len(rest) || digits[end] != 'A' && digits[end] != 'F' {
		return
	}
	n, _ := strconv.Atoi(digits[:end])
	n = min(max(n, 1), len(c.above), c.lines)
	for _, line := range c.above[:n] {
		c.bytes -= int64(line)
	}
	c.lines -= n
	copy(c.above[:], c.above[n:])
	c.line, c.most = 0, 0
}

func (c cost) String() string {
	var parts []string
	if c.bytes > 0 {
		parts = append(parts, fmt.Sprintf("%d lines (%s)", c.lines, size(c.bytes)))
	}
	if c.displays > 0 {
		parts = append(parts, fmt.Sprintf("%d displays (%s)", c.displays, size(c.displayed)))
	}
	verb := " are"
	return strings.Join(parts, " and ") + verb
}

// send passes something on, or keeps it for the next frame.
func (o *Outputs) send(i item) {
	switch f := &o.frames; {
	case f.holding:
		f.held = append(f.held, i)
	case i.text != "" && o.limit != None:
		f.print(i, o.show, o.later)
	default:
		f.flushText(o.show)
		o.show(i)
	}
}

func (o *Outputs) show(i item) {
	switch {
	case i.display != nil:
		o.to.Display(*i.display)
	case i.result != nil:
		o.to.Result(i.result)
	case i.text == "":
	case i.stream == 1:
		o.to.Stderr(i.text)
	default:
		o.to.Stdout(i.text)
	}
}

// frameTime is the least time for which output that replaces other output stays.
const frameTime = 50 * time.Millisecond
