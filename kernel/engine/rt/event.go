package rt

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"gsmlab/kernel/engine/wire"
)

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

func (s *serving) send(e wire.Event) {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.seq++
	e.Seq = s.seq
	for _, w := range s.streams {
		io.WriteString(w, wire.Mark(e.Seq))
	}
	data, _ := json.Marshal(e) // the parts that could fail are already JSON
	s.out.Write(append(data, '\n'))
}

// with adds the forms of a value to an event: text as string, binary as []byte; anything else
// becomes JSON.
func with(e wire.Event, data map[string]any) wire.Event {
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

// Display shows a value in the forms of data: MIME type to string, to []byte, or to what becomes
// JSON. Displays with the same id, unless it is "", take the place of the first.
func Display(data, metadata map[string]any, id string) {
	e := with(wire.Event{Kind: wire.EventDisplay, ID: id}, data)
	if len(metadata) > 0 {
		e.Metadata, _ = json.Marshal(metadata) // what is no JSON cannot be sent to any front end
	}
	server.send(e)
}

// clearOutput removes what the cell has shown so far; with wait, only once something new is shown.
func clearOutput(wait bool) { server.send(wire.Event{Kind: wire.EventClear, Wait: wait}) }
