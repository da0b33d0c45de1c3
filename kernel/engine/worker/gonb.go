package worker

// This file makes GoNB's display package gonbui work in cells. gonbui writes displays to a pipe
// that $GONB_PIPE names, but printed text goes another way, so a reader at the other end could not
// tell which came first. Therefore our encoder replaces the one that gonbui would make for that
// pipe: it sends a display on, together with marks in the worker's streams, before gonbui's call
// returns. Answers go the way that gonbui expects, through a pipe that $GONB_PIPE_BACK names.

import (
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"

	"gsmlab/kernel/engine/rt"
	"gsmlab/kernel/engine/wire"
)

// If another version of gonbui lacks these variables, it opens $GONB_PIPE itself. We read that pipe
// too, so displays still work; only their order relative to printed text is not certain.

//go:linkname encoder github.com/janpfeifer/gonb/gonbui.gonbEncoder
var encoder *gob.Encoder

//go:linkname pipe github.com/janpfeifer/gonb/gonbui.gonbWriterPipe
var pipe *os.File

//go:linkname locked github.com/janpfeifer/gonb/gonbui.mu
var locked sync.Mutex

//go:linkname failed github.com/janpfeifer/gonb/gonbui.gonbPipesError
var failed error

var (
	mu      sync.Mutex
	back    *gob.Encoder // to gonbui
	answers [2]*os.File  // the pipe behind back
	// subscribed holds the addresses that gonbui wants to hear about; values for others would block
	// it.
	subscribed = map[string]bool{}
	// listened holds those addresses for which a cell waits, in comms.Listen, as dom.GetInnerHtml
	// does. Others have a function that is called with each value, and must not be called if there
	// is none.
	listened = map[string]bool{}
)

// settleTime is the time that a cell needs after comms.Listen to replace the channel by WithBuffer
// or LatestOnly, which lose earlier values.
const settleTime = 50 * time.Millisecond

func init() {
	gonbui.IsNotebook = true
	connect()
	rt.OnComm(func(address string, value any) {
		mu.Lock()
		wanted := subscribed[address]
		nobody := value == nil // there is no browser
		if nobody {
			wanted, value = wanted && listened[address], ""
		}
		mu.Unlock()
		switch {
		case wanted && nobody && ofWidget(address):
			leaveAlone(address)
		case wanted && nobody:
			time.AfterFunc(settleTime, func() { send(address, value) })
		case wanted:
			send(address, typed(value))
		}
	})
	rt.OnCell(func() {
		locked.Lock()
		defer locked.Unlock()
		if failed != nil {
			// by a value that gob cannot encode: an error of one cell, not of all later cells
			connect()
		}
	})
}

// connect makes new pipes, at the start and after a failure, from which gonbui does not recover by
// itself.
func connect() {
	mu.Lock()
	defer mu.Unlock()
	for _, f := range answers {
		f.Close()
	}
	r, display, err := os.Pipe()
	if err == nil {
		answers[0], answers[1], err = os.Pipe()
	}
	if failed = err; err != nil {
		return
	}
	os.Setenv(protocol.GONB_PIPE_ENV, fmt.Sprintf("/dev/fd/%d", display.Fd()))
	os.Setenv(protocol.GONB_PIPE_BACK_ENV, fmt.Sprintf("/dev/fd/%d", answers[0].Fd()))
	back = gob.NewEncoder(answers[1])
	pipe, encoder = display, gob.NewEncoder(newFeed())
	go io.Copy(newFeed(), r)
}

// send sends a value to gonbui, which reports a broken pipe itself.
func send(address string, value any) {
	mu.Lock()
	defer mu.Unlock()
	back.Encode(&protocol.CommValue{Address: address, Value: value})
}

// typed converts lists and maps, which come from JSON, to one of the types that gonbui accepts.
func typed(value any) any {
	switch v := value.(type) {
	case []any:
		if numbers, ok := all[float64](v); ok {
			return numbers
		}
		texts, _ := all[string](v)
		return texts
	case map[string]any:
		numbers, texts := map[string]float64{}, map[string]string{}
		for key, e := range v {
			switch e := e.(type) {
			case float64:
				numbers[key] = e
			case string:
				texts[key] = e
			}
		}
		if len(numbers) == len(v) {
			return numbers
		}
		return texts
	}
	return value
}

// all returns the elements of list that are a T, and whether all are.
func all[T any](list []any) (out []T, ok bool) {
	out = []T{}
	for _, e := range list {
		if v, is := e.(T); is {
			out = append(out, v)
		}
	}
	return out, len(out) == len(list)
}

// deliver carries out a message of gonbui's.
func deliver(d protocol.DisplayData) {
	if request, ok := d.Data[protocol.MIMEJupyterInput].(protocol.InputRequest); ok {
		rt.RequestLine(request.Prompt, request.Password)
		return
	}
	if value, ok := d.Data[protocol.MIMECommValue].(protocol.CommValue); ok {
		switch {
		case value.Address == protocol.GonbuiSyncAddress: // everything before it is on its way
			send(protocol.GonbuiSyncAckAddress, value.Value)
		case value.Request:
			rt.Comm(wire.CommRead, value.Address, nil)
		default:
			moved(value.Address, value.Value)
			rt.Comm(wire.CommSend, value.Address, value.Value)
		}
		return
	}
	if value, ok := d.Data[protocol.MIMECommSubscribe].(protocol.CommSubscription); ok {
		op := wire.CommSubscribe
		if value.Unsubscribe {
			op = wire.CommUnsubscribe
		}
		mu.Lock()
		subscribed[value.Address] = !value.Unsubscribe
		listened[value.Address] = !value.Unsubscribe && listening.Load()
		mu.Unlock()
		rt.Comm(op, value.Address, nil)
		return
	}
	data := make(map[string]any, len(d.Data))
	for mime, form := range d.Data {
		data[string(mime)] = form
		if html, ok := form.(string); ok && mime == protocol.MIMETextHTML {
			noteWidget(html)
		}
	}
	rt.Display(data, d.Metadata, d.DisplayID)
}

// listening says that comms.Listen is sending the message that is being decoded. gonbui sends one
// at a time.
var listening atomic.Bool

// listens says whether comms.Listen is among the callers.
func listens() bool {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "github.com/janpfeifer/gonb/gonbui/comms.Listen[") {
			return true
		}
		if !more {
			return false
		}
	}
}

// feed decodes what is written to it. A write returns when the messages in it have been handled.
type feed struct {
	in   chan []byte
	idle chan struct{} // the decoder wants more input
	done chan struct{} // the decoder met data that it does not understand
	err  error
	buf  []byte
	busy bool
}

func newFeed() *feed {
	f := &feed{in: make(chan []byte), idle: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(f.done)
		for d := gob.NewDecoder(f); ; {
			var data protocol.DisplayData
			if f.err = d.Decode(&data); f.err != nil {
				return
			}
			deliver(data)
		}
	}()
	return f
}

func (f *feed) Read(p []byte) (int, error) {
	if len(f.buf) == 0 {
		if f.busy {
			f.idle <- struct{}{}
		}
		f.buf = <-f.in
		f.busy = true
	}
	n := copy(p, f.buf)
	f.buf = f.buf[n:]
	return n, nil
}

func (f *feed) Write(p []byte) (int, error) {
	listening.Store(listens())
	select {
	case f.in <- p:
	case <-f.done:
		return 0, f.err
	}
	select {
	case <-f.idle:
	case <-f.done:
		return 0, f.err
	}
	return len(p), nil
}
