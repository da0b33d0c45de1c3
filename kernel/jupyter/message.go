// Messages: it turns frames into messages and back, checks signatures, and accepts each signature
// once.

package jupyter

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"gsmlab/kernel/jupyter/zmtp"
)

const (
	protocolVersion = "5.5"
	delimiter       = "<IDS|MSG>"
	remembered      = 1 << 16 // signatures, as Jupyter's own clients remember
)

// message is what a client sent.
type message struct {
	from *zmtp.Peer
	ids  [][]byte // frames before the delimiter, returned with the answer
	header
	rawHeader json.RawMessage // as received, for parent_header
	parent    header
	content   json.RawMessage
	buffers   [][]byte
}

type header struct {
	ID       string `json:"msg_id"`
	Session  string `json:"session"`
	Username string `json:"username"`
	Date     string `json:"date"`
	Type     string `json:"msg_type"`
	Version  string `json:"version"`
}

// decode reads the content into v. Keys that are missing leave v's fields as they are.
func (m *message) decode(v any) error {
	if err := json.Unmarshal(m.content, v); err != nil {
		return fmt.Errorf("the content of %s is not what the protocol says: %w", m.Type, err)
	}
	return nil
}

// codec signs outgoing messages and checks incoming ones.
type codec struct {
	key     []byte // empty: no signatures
	session string

	mu    sync.Mutex
	seen  map[[sha256.Size]byte]bool
	order [][sha256.Size]byte // of seen: a ring once it is full
	next  int
}

func newCodec(key string) *codec {
	return &codec{key: []byte(key), session: rand.Text(), seen: map[[sha256.Size]byte]bool{}}
}

func (c *codec) sign(parts [][]byte) [sha256.Size]byte {
	mac := hmac.New(sha256.New, c.key)
	for _, p := range parts {
		mac.Write(p)
	}
	return [sha256.Size]byte(mac.Sum(nil))
}

// verify checks a signature, and that no earlier message had it.
func (c *codec) verify(signature []byte, parts [][]byte) error {
	if len(c.key) == 0 {
		return nil
	}
	got, err := hex.DecodeString(string(signature))
	want := c.sign(parts)
	if err != nil || !hmac.Equal(got, want[:]) { // in constant time
		return errors.New("its signature is wrong")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[want] {
		return errors.New("it was sent before")
	}
	c.seen[want] = true
	if len(c.order) < remembered {
		c.order = append(c.order, want)
		return nil
	}
	delete(c.seen, c.order[c.next])
	c.order[c.next] = want
	c.next = (c.next + 1) % remembered
	return nil
}

// parse reads a message from its frames.
func (c *codec) parse(frames [][]byte) (*message, error) {
	at := 0
	for at < len(frames) && string(frames[at]) != delimiter {
		at++
	}
	if len(frames) < at+6 {
		return nil, errors.New("it has too few frames")
	}
	parts := frames[at+2 : at+6]
	if err := c.verify(frames[at+1], parts); err != nil {
		return nil, err
	}
	m := &message{ids: frames[:at], rawHeader: parts[0], content: parts[3], buffers: frames[at+6:]}
	for i, name := range []string{"header", "parent header", "metadata", "content"} {
		if part := bytes.TrimLeft(parts[i], " \t\r\n"); len(part) == 0 || part[0] != '{' || !json.Valid(part) {
			return nil, fmt.Errorf("its %s is not a JSON object", name)
		}
	}
	if err := json.Unmarshal(parts[0], &m.header); err != nil {
		return nil, fmt.Errorf("its header: %w", err)
	}
	if err := json.Unmarshal(parts[1], &m.parent); err != nil {
		return nil, fmt.Errorf("its parent header: %w", err)
	}
	return m, nil
}

var emptyObject = json.RawMessage("{}")

// build makes the frames of a message, which begin with prefix. It also returns the message's id.
func (c *codec) build(prefix [][]byte, kind string, parent *message, content any, buffers ...[]byte) (frames [][]byte, id string, err error) {
	id = rand.Text()
	head := header{ID: id, Session: c.session, Username: "kernel", Date: time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"), Type: kind, Version: protocolVersion}
	parts := make([][]byte, 4)
	parts[1], parts[2] = emptyObject, emptyObject
	if parent != nil {
		parts[1] = parent.rawHeader
	}
	if parts[0], err = json.Marshal(head); err == nil {
		parts[3], err = json.Marshal(content)
	}
	if err != nil {
		return nil, "", fmt.Errorf("jupyter: %s: %w", kind, err)
	}
	var signature []byte
	if len(c.key) > 0 {
		sum := c.sign(parts)
		signature = hex.AppendEncode(nil, sum[:])
	}
	frames = append(frames, prefix...)
	frames = append(frames, []byte(delimiter), signature)
	frames = append(frames, parts...)
	return append(frames, buffers...), id, nil
}
