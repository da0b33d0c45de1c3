// Tests of the sockets against plain TCP: hostile bytes, peers that do not read, order.

package zmtp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// client is a peer that has completed the handshake.
type client struct {
	net.Conn
	r *bufio.Reader
}

func dial(t testing.TB, s *Socket, kind, identity string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{conn, bufio.NewReader(conn)}
	conn.Write(slices.Concat(greeting(), introduction(kind, identity)))
	if err := readGreeting(c.r); err != nil {
		t.Fatal(err)
	}
	if _, command, err := readMessage(c.r, maxReady); err != nil || !command {
		t.Fatalf("no READY: %v", err)
	}
	return c
}

func introduction(kind, identity string) []byte {
	var b []byte
	for _, p := range [][2]string{{"socket-type", kind}, {"IDENTITY", identity}} {
		b = append(append(b, byte(len(p[0]))), p[0]...)
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(p[1]))), p[1]...)
	}
	return encodeCommand("READY", b)
}

func (c *client) receive(t testing.TB) []string {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	frames, _, err := readMessage(c.r, maxMessage)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range frames {
		all = append(all, string(f))
	}
	return all
}

func listen(t testing.TB, kind Kind, opt Options) *Socket {
	t.Helper()
	s, err := Listen(kind, "tcp", "127.0.0.1:0", opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func bytesOf(frames ...string) [][]byte {
	var all [][]byte
	for _, f := range frames {
		all = append(all, []byte(f))
	}
	return all
}

func TestRouterAnswersWhoAsked(t *testing.T) {
	s := listen(t, Router, Options{})
	one, two := dial(t, s, "DEALER", "same"), dial(t, s, "DEALER", "same")
	long := strings.Repeat("x", 100_000)
	one.Write(encode(bytesOf("a", "", long)))
	m := <-s.Messages()
	if len(m.Frames) != 3 || string(m.Frames[2]) != long || m.From.Identity() != "same" {
		t.Fatalf("got %d frames from %q", len(m.Frames), m.From.Identity())
	}
	if err := m.From.Send(bytesOf("answer", long)); err != nil {
		t.Fatal(err)
	}
	if got := one.receive(t); len(got) != 2 || got[0] != "answer" || got[1] != long {
		t.Errorf("the answer has %d frames", len(got))
	}
	two.Write(encode(bytesOf("b")))
	m = <-s.Messages()
	if s.Peer("same") != m.From || s.Peer("other") != nil {
		t.Error("a peer is not found by its identity, latest first")
	}
	two.Write(encodeCommand("PING", []byte("\x00\x00context")))
	if got := two.receive(t); got[0] != "\x04PONGcontext" {
		t.Errorf("PING is answered by %q", got)
	}
}

func TestPublishedInOrderAndWhole(t *testing.T) {
	subscribed := make(chan string, 10)
	s := listen(t, XPub, Options{Queue: 10_000, Subscribed: func(p *Peer, topic string) { subscribed <- topic }})
	all, some, none := dial(t, s, "SUB", ""), dial(t, s, "XSUB", ""), dial(t, s, "SUB", "")
	all.Write(encode(bytesOf("\x01")))
	some.Write(encode(bytesOf("\x01topic1")))
	none.Write(slices.Concat(encode(bytesOf("\x01")), encode(bytesOf("\x00")), encodeCommand("SUBSCRIBE", []byte("last"))))
	topics := []string{<-subscribed, <-subscribed, <-subscribed, <-subscribed}
	slices.Sort(topics)
	if want := []string{"", "", "last", "topic1"}; !slices.Equal(topics, want) {
		t.Fatalf("subscriptions %q, want %q", topics, want)
	}
	const n = 10_000
	go func() {
		for i := range n {
			s.Publish(bytesOf(fmt.Sprintf("topic%d", i%2), fmt.Sprint(i), "a line of text as cells print it"))
		}
		s.Publish(bytesOf("last"))
	}()
	for i := range n {
		if got := all.receive(t); got[1] != fmt.Sprint(i) {
			t.Fatalf("message %d: got %q", i, got)
		}
		if i%2 == 1 {
			if got := some.receive(t); got[1] != fmt.Sprint(i) {
				t.Fatalf("message %d by topic: got %q", i, got)
			}
		}
	}
	if got := none.receive(t); got[0] != "last" {
		t.Errorf("after taking back the subscription: got %q", got)
	}
}

func TestPeerThatDoesNotReadIsDropped(t *testing.T) {
	var mu sync.Mutex
	var logged []string
	subscribed := make(chan bool, 2)
	s := listen(t, XPub, Options{
		// on a busy machine, with the race detector, the other peer needs some of this time
		Queue: 1 << 20, Patience: time.Second,
		Subscribed: func(*Peer, string) { subscribed <- true },
		Log:        func(text string) { mu.Lock(); logged = append(logged, text); mu.Unlock() },
	})
	stuck, good := dial(t, s, "SUB", ""), dial(t, s, "SUB", "")
	for _, c := range []*client{stuck, good} {
		c.Write(encode(bytesOf("\x01")))
		<-subscribed
	}
	const n = 64
	got := make(chan int)
	go func() {
		defer close(got) // receive also ends this goroutine if the peer was dropped
		sum := 0
		for range n {
			sum += len(good.receive(t)[0])
		}
		got <- sum
	}()
	for range n {
		s.Publish([][]byte{make([]byte, 1<<20)})
	}
	if sum := <-got; sum != n<<20 {
		t.Errorf("the other peer got %d bytes, want %d", sum, n<<20)
	}
	s.Close()
	mu.Lock()
	defer mu.Unlock()
	if want := "zmtp: a peer of the XPUB socket was dropped: it does not read what is sent to it"; len(logged) != 1 || logged[0] != want {
		t.Errorf("logged %q", logged)
	}
}

func TestCloseSendsWhatWaits(t *testing.T) {
	s := listen(t, Router, Options{})
	c := dial(t, s, "DEALER", "")
	c.Write(encode(bytesOf("bye")))
	m := <-s.Messages()
	for i := range 1000 {
		m.From.Send(bytesOf(fmt.Sprint(i), strings.Repeat("x", 1000)))
	}
	done := make(chan error)
	go func() { done <- s.Close() }()
	for i := range 1000 {
		if got := c.receive(t); got[0] != fmt.Sprint(i) {
			t.Fatalf("message %d: got %q", i, got[0])
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := c.r.ReadByte(); err != io.EOF {
		t.Errorf("after the last message: %v, want EOF", err)
	}
	if _, ok := <-s.Messages(); ok {
		t.Error("messages after Close")
	}
}

// hostile is what peers may send that is not ZMTP, or too much of it.
var hostile = map[string][]byte{
	"nothing":             nil,
	"HTTP":                []byte("GET / HTTP/1.1\r\n\r\n" + strings.Repeat(" ", 64)),
	"half a greeting":     greeting()[:30],
	"ZMTP 2":              append(append(slices.Clone(greeting()[:10]), 2), make([]byte, 53)...),
	"CURVE":               append(append(slices.Clone(greeting()[:12]), "CURVE"...), make([]byte, 47)...),
	"no READY":            slices.Concat(greeting(), encode(bytesOf("hello"))),
	"wrong kind":          slices.Concat(greeting(), introduction("SUB", "")),
	"property cut short":  slices.Concat(greeting(), encodeCommand("READY", []byte{3})),
	"value cut short":     slices.Concat(greeting(), encodeCommand("READY", []byte("\x01a\xff\xff\xff\xff"))),
	"long READY":          slices.Concat(greeting(), encodeCommand("READY", make([]byte, maxReady+1))),
	"frame of 2^63 bytes": slices.Concat(greeting(), introduction("DEALER", ""), []byte{2, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}),
	"frame cut short":     slices.Concat(greeting(), introduction("DEALER", ""), []byte{0, 10, 1, 2}),
	"long frame cut":      slices.Concat(greeting(), introduction("DEALER", ""), []byte{2, 0, 0, 0, 0, 8, 0, 0, 0, 1}),
	"reserved flags":      slices.Concat(greeting(), introduction("DEALER", ""), []byte{0x80, 1, 1}),
	"command of parts":    slices.Concat(greeting(), introduction("DEALER", ""), []byte{5, 1, 0}),
	"nameless command":    slices.Concat(greeting(), introduction("DEALER", ""), []byte{4, 1, 9}),
	"too many frames":     slices.Concat(greeting(), introduction("DEALER", ""), bytes.Repeat([]byte{1, 0}, maxFrames+1)),
}

func TestHostilePeers(t *testing.T) {
	s := listen(t, Router, Options{})
	for name, data := range hostile {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.Write(data)
		conn.(*net.TCPConn).CloseWrite()
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: the connection stays open: %v", name, err)
		}
		conn.Close()
	}
	silent, err := net.Dial("tcp", s.Addr().String()) // a silent peer does not keep others out
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := dial(t, s, "DEALER", "")
	c.Write(encode(bytesOf("still there?")))
	if m := <-s.Messages(); string(m.Frames[0]) != "still there?" {
		t.Errorf("got %q", m.Frames)
	}
}

// FuzzWire: what a peer sends gives an error, or messages that read the same when they are sent on.
func FuzzWire(f *testing.F) {
	for _, data := range hostile {
		f.Add(data)
	}
	f.Add(slices.Concat(greeting(), introduction("DEALER", "me"), encode(bytesOf("a", "", strings.Repeat("b", 300)))))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(bytes.NewReader(data))
		if readGreeting(r) != nil {
			r = bufio.NewReader(bytes.NewReader(data))
		}
		for {
			frames, command, err := readMessage(r, 1<<20)
			if err != nil {
				return
			}
			if command {
				if name, body, err := parseCommand(frames[0]); err == nil && name == "READY" {
					parseReady(body)
				}
				continue
			}
			again, _, err := readMessage(bufio.NewReader(bytes.NewReader(encode(frames))), 1<<20)
			if err != nil || !slices.EqualFunc(frames, again, bytes.Equal) {
				t.Fatalf("%q became %q: %v", frames, again, err)
			}
		}
	})
}
