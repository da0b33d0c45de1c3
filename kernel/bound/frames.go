package bound

import (
	"time"

	"gsmlab/kernel/engine"
)

// frames delays output that replaces other output, so that it comes at most twenty times a second.
// Output that is replaced before it was shown is never shown.
type frames struct {
	last    time.Time // the last frame
	timer   *time.Timer
	holding bool // a frame waits; held begins with a Clear
	wait    bool
	held    []item

	updates map[string]engine.Display // by ID
	order   []string
	text    overwriting
}

// due reports whether it is time for the next frame.
func (f *frames) due() bool { return time.Since(f.last) >= frameTime }

func (f *frames) mark() { f.last = time.Now() }

// clear begins a frame.
func (o *Outputs) clear(wait bool) {
	f := &o.frames
	f.updates, f.order, f.text.text = nil, nil, "" // they belong to what is cleared
	if o.limit == None || !f.holding && f.due() {
		f.mark()
		o.to.Clear(wait)
		return
	}
	f.holding, f.wait, f.held = true, wait, nil
	o.later()
}

// update replaces a display, now or when the next frame is due.
func (o *Outputs) update(d engine.Display) {
	f := &o.frames
	if !f.holding && len(f.order) == 0 && f.text.text == "" && f.due() {
		f.mark()
		o.to.Display(d)
		return
	}
	if f.updates == nil {
		f.updates = map[string]engine.Display{}
	}
	if _, waits := f.updates[d.ID]; !waits {
		f.order = append(f.order, d.ID)
	}
	f.updates[d.ID] = d
	if len(f.order) >= maxPendingFrames {
		o.release()
		return
	}
	o.later()
}

// later schedules what waits for when it is due.
func (o *Outputs) later() {
	f := &o.frames
	if f.timer != nil {
		return
	}
	f.timer = time.AfterFunc(max(0, frameTime-time.Since(f.last)), func() {
		o.lock.Lock()
		defer o.lock.Unlock()
		if f.timer != nil {
			o.release()
		}
	})
}

// release shows the output that waits.
func (o *Outputs) release() {
	f := &o.frames
	if f.timer != nil {
		f.timer.Stop()
		f.timer = nil
	}
	if f.holding {
		f.holding = false
		f.mark()
		o.to.Clear(f.wait)
		held := f.held
		f.held = nil
		for _, i := range held {
			o.show(i)
		}
	}
	f.flushText(o.show)
	order := f.order
	f.order = nil
	for _, id := range order {
		f.mark()
		o.to.Display(f.updates[id])
	}
	f.updates = nil
}
