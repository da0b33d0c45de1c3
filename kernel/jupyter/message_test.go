// Tests of messages: signatures, replays, broken frames; of bundles, tracebacks and connection
// files.

package jupyter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// frames is a signed message as a client sends it.
func frames(t testing.TB, c *codec, header, parent, metadata, content string) [][]byte {
	t.Helper()
	parts := [][]byte{[]byte(header), []byte(parent), []byte(metadata), []byte(content)}
	sum := c.sign(parts)
	return slices.Concat([][]byte{[]byte("client"), []byte(delimiter), fmt.Appendf(nil, "%x", sum)}, parts)
}

const goodHeader = `{"msg_id": "1", "session": "s", "username": "u", "date": "2026-01-01T00:00:00Z", "msg_type": "kernel_info_request", "version": "5.3", "more": [1]}`

func TestMessagesAreChecked(t *testing.T) {
	c := newCodec("secret")
	good := frames(t, c, goodHeader, "{}", "{}", `{"a": 1}`)
	m, err := c.parse(append(slices.Clone(good), []byte("buffer")))
	if err != nil {
		t.Fatal(err)
	}
	if m.Type != "kernel_info_request" || m.ID != "1" || string(m.ids[0]) != "client" || string(m.content) != `{"a": 1}` || string(m.buffers[0]) != "buffer" {
		t.Errorf("read as %+v", m)
	}
	if string(m.rawHeader) != goodHeader {
		t.Errorf("the header became %s", m.rawHeader)
	}
	other := newCodec("other key")
	unsigned := slices.Clone(good)
	unsigned[2] = nil
	changed := frames(t, c, goodHeader, "{}", "{}", `{"a": 2}`)
	changed[6] = []byte(`{"a": 3}`)
	for name, test := range map[string]struct {
		frames [][]byte
		want   string
	}{
		"replay":             {good, "it was sent before"},
		"other key":          {frames(t, other, goodHeader, "{}", "{}", "{}"), "its signature is wrong"},
		"no signature":       {unsigned, "its signature is wrong"},
		"changed":            {changed, "its signature is wrong"},
		"no frames":          {nil, "it has too few frames"},
		"no delimiter":       {[][]byte{[]byte("a"), []byte("b")}, "it has too few frames"},
		"cut short":          {good[:6], "it has too few frames"},
		"broken JSON":        {frames(t, c, goodHeader, "{}", "{}", `{"a":`), "its content is not a JSON object"},
		"content is a list":  {frames(t, c, goodHeader, "{}", "{}", "[]"), "its content is not a JSON object"},
		"empty metadata":     {frames(t, c, goodHeader, "{}", " ", "{}"), "its metadata is not a JSON object"},
		"number for a text":  {frames(t, c, `{"msg_type": 1}`, "{}", "{}", "{}"), "its header: json"},
		"odd parent":         {frames(t, c, goodHeader, `{"msg_id": []}`, "{}", "{}"), "its parent header: json"},
		"nested without end": {frames(t, c, goodHeader, "{}", "{}", `{"a":`+strings.Repeat("[", 100_000)), "its content is not a JSON object"},
	} {
		if _, err := c.parse(test.frames); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	open := newCodec("")
	for range 2 { // without a key nothing is signed, and a replay cannot be recognised
		if _, err := open.parse(frames(t, c, goodHeader, "{}", "{}", "{}")); err != nil {
			t.Error(err)
		}
	}
}

func TestSignaturesAreForgottenInOrder(t *testing.T) {
	c := newCodec("secret")
	first := frames(t, c, goodHeader, "{}", "{}", "{}")
	if _, err := c.parse(first); err != nil {
		t.Fatal(err)
	}
	for i := range remembered {
		if _, err := c.parse(first); err == nil {
			t.Fatalf("taken again after %d others", i)
		}
		part := fmt.Appendf(nil, "%d", i)
		sum := c.sign([][]byte{part})
		if err := c.verify(fmt.Appendf(nil, "%x", sum), [][]byte{part}); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.seen) != remembered || len(c.order) != remembered {
		t.Errorf("%d and %d signatures are kept, want %d", len(c.seen), len(c.order), remembered)
	}
}

func TestBuiltMessagesCanBeRead(t *testing.T) {
	c, client := newCodec("secret"), newCodec("secret")
	parent := &message{rawHeader: json.RawMessage(goodHeader)}
	built, id, err := c.build([][]byte{[]byte("topic")}, "stream", parent, map[string]any{"text": "a\xff<b>\n"}, []byte{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	m, err := client.parse(built)
	if err != nil {
		t.Fatal(err)
	}
	var content struct{ Text string }
	if err := m.decode(&content); err != nil || content.Text != "a\ufffd<b>\n" {
		t.Errorf("content %q, %v", content.Text, err)
	}
	if m.ID != id || m.Type != "stream" || m.Version != protocolVersion || m.parent.ID != "1" || !bytes.Equal(m.buffers[0], []byte{1, 2}) {
		t.Errorf("read as %+v", m)
	}
}

// FuzzMessage: frames from anywhere give an error or a message, and never end the kernel.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(goodHeader), []byte("{}"), []byte("{}"), []byte(`{"code": "1"}`), true)
	f.Add([]byte("{"), []byte(""), []byte("null"), []byte("[]"), false)
	c := newCodec("secret")
	f.Fuzz(func(t *testing.T, header, parent, metadata, content []byte, signed bool) {
		all := [][]byte{header, []byte(delimiter), nil, header, parent, metadata, content}
		if signed {
			sum := c.sign(all[3:])
			all[2] = fmt.Appendf(nil, "%x", sum)
		}
		c.mu.Lock()
		clear(c.seen)
		c.mu.Unlock()
		m, err := c.parse(all)
		if err != nil {
			return
		}
		if !signed {
			t.Fatal("taken without a signature")
		}
		for _, into := range []any{&executeRequest{}, &commContent{}} {
			m.decode(into)
		}
		if _, _, err := c.build(nil, "reply", m, map[string]any{}); err != nil {
			t.Fatalf("no answer to %q: %v", header, err)
		}
	})
}

func TestConnectionFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "runtime", "kernel.json")
	c, isNew, err := readConnection(path)
	if err != nil || !isNew || c.Key == "" || !c.loopback() {
		t.Fatalf("a new one: %+v, %v, %v", c, isNew, err)
	}
	c.Shell = 1234
	if err := c.write(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v: others can read the key", info.Mode(), err)
	}
	if again, isNew, err := readConnection(path); err != nil || isNew || again != c {
		t.Errorf("read again: %+v, %v, %v", again, isNew, err)
	}
	for text, want := range map[string]string{
		`{"ip": `: "unexpected end of JSON input",
		`{"key": "k", "signature_scheme": "hmac-md5"}`: `signature_scheme "hmac-md5": only hmac-sha256 is known`,
		`{"transport": "pgm"}`:                         `transport "pgm": only tcp and ipc are known`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := readConnection(path); err == nil || !strings.HasSuffix(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	for ip, want := range map[string]bool{"127.0.0.1": true, "127.1.2.3": true, "::1": true, "localhost": true, "0.0.0.0": false, "192.0.2.1": false, "*": false} {
		if (connection{Transport: "tcp", IP: ip}).loopback() != want {
			t.Errorf("%s: loopback is %v", ip, !want)
		}
	}
}

func TestMistakesAreErrors(t *testing.T) {
	if err := guarded(func() error { panic("slip") }); err == nil || !strings.HasPrefix(err.Error(), "a mistake in the kernel, please report it: slip\n") {
		t.Errorf("got %v", err)
	}
	if err := guarded(func() error { return nil }); err != nil {
		t.Errorf("got %v", err)
	}
}
