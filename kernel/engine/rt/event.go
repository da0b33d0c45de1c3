package rt

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"golang.org/x/sys/unix"
)

// Event is a line that the worker sends to the engine. Before each, the worker writes Mark(Seq) to its
// standard output and error, so that the engine can put all three into their true order.
type Event struct {
	Kind   string        `json:"kind"` // "ready", "result", "display", "clear", "input", "comm", "done"
	Seq    int           `json:"seq"`
	Text   string        `json:"text,omitempty"`   // input: the prompt; comm: the address; done: the panic's message
	Status string        `json:"status,omitempty"` // comm: "send", "read", "subscribe", "unsubscribe"; input: who asks; done: "ok", "panic", "interrupted", "failed"
	Trace  string        `json:"trace,omitempty"`  // done after a panic: the stack
	Load   time.Duration `json:"load,omitempty"`   // done: time to load the plugin
	Run    time.Duration `json:"run,omitempty"`    // done: time that the cell ran
	Dir    string        `json:"dir,omitempty"`    // done: the working folder

	Data     map[string]string `json:"data,omitempty"`     // result, display: the forms that are text, by MIME type
	Binary   map[string][]byte `json:"binary,omitempty"`   // result, display: the others; base64 in the line
	Metadata json.RawMessage   `json:"metadata,omitempty"` // display
	ID       string            `json:"id,omitempty"`       // display: to update it by
	Value    json.RawMessage   `json:"value,omitempty"`    // comm
	Request  int               `json:"request,omitempty"`  // input: which one
	Flag     bool              `json:"flag,omitempty"`     // clear: wait; input: secret
}

// Mark is what is written to the streams before event seq.
func Mark(seq int) string { return fmt.Sprintf("\x00\x01gsm%d\x02", seq) }

// MarkPattern finds marks; its group is the number.
var MarkPattern = regexp.MustCompile("\x00\x01gsm([0-9]+)\x02")

// prepare takes hold of the streams before cells can close or replace them.
func (s *serving) prepare(out io.Writer) error {
	for i := range s.streams {
		fd, err := unix.FcntlInt(uintptr(i+1), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return fmt.Errorf("rt: %w", err)
		}
		s.streams[i] = os.NewFile(uintptr(fd), "stream")
	}
	s.out = out
	return asking.prepare()
}

func (s *serving) send(e Event) {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.seq++
	e.Seq = s.seq
	for _, w := range s.streams {
		io.WriteString(w, Mark(e.Seq))
	}
	data, _ := json.Marshal(e) // the parts that could fail are already JSON
	s.out.Write(append(data, '\n'))
}

// with adds the forms of a value: text as string, binary as []byte; anything else is written as JSON.
func (e Event) with(data map[string]any) Event {
	for mime, form := range data {
		switch form := form.(type) {
		case []byte:
			if e.Binary == nil {
				e.Binary = map[string][]byte{}
			}
			e.Binary[mime] = form
			continue
		case string:
			e.Data = added(e.Data, mime, form)
		default:
			text, err := json.Marshal(form)
			if err != nil {
				text = []byte(err.Error())
			}
			e.Data = added(e.Data, mime, string(text))
		}
	}
	return e
}

func added(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

// Display shows a value in the forms of data: MIME type to string, to []byte, or to what becomes JSON.
// Displays with the same id, unless it is "", take the place of the first.
func Display(data, metadata map[string]any, id string) {
	e := Event{Kind: "display", ID: id}.with(data)
	if len(metadata) > 0 {
		e.Metadata, _ = json.Marshal(metadata) // what is no JSON cannot be sent to any front end
	}
	server.send(e)
}

// clearOutput removes what the cell has shown so far; with wait, only once something new is shown.
func clearOutput(wait bool) { server.send(Event{Kind: "clear", Flag: wait}) }
