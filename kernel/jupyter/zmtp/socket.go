// Sockets: they listen, shake hands, and pass messages to and from peers, with bounded memory for
// each.

package zmtp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Kind is the type of a socket.
type Kind string

// The kinds of socket that a kernel listens on.
const (
	Router Kind = "ROUTER" // requests come together with the peer to answer
	// messages go to all peers that subscribed to the beginning of the first frame
	XPub Kind = "XPUB"
	Rep  Kind = "REP" // like Router, for peers that wait for one answer
)

var partners = map[Kind][]string{
	Router: {"DEALER", "REQ", "ROUTER"},
	XPub:   {"SUB", "XSUB"},
	Rep:    {"REQ", "DEALER"},
}

// ordinaryEnds are the errors that clients leave behind when they end, even by a crash.
var ordinaryEnds = []error{io.EOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE}

const (
	maxPeers         = 256
	maxSubscriptions = 1000
	handshakeTime    = 30 * time.Second
	lingerTime       = time.Second
)

// Options of a socket. The zero value is right outside tests.
type Options struct {
	// a peer of an XPub has subscribed; it receives what is sent from now on
	Subscribed func(p *Peer, topic string)
	Log        func(text string) // gets one line about a refused peer
	Queue      int               // bytes that may wait for a peer; 0: 64 MiB
	Patience   time.Duration     // how long a full queue may stop the sender; 0: 10 s
}

// Message is what a peer sent.
type Message struct {
	From   *Peer
	Frames [][]byte
}

// Socket listens for peers.
type Socket struct {
	kind     Kind
	listener net.Listener
	opt      Options
	messages chan Message
	closing  chan struct{}
	running  sync.WaitGroup

	mu     sync.Mutex
	peers  []*Peer // newest last, including those that have not introduced themselves
	closed bool
}

// Listen opens a socket at an address of net.Listen; network is "tcp" or "unix".
func Listen(kind Kind, network, address string, opt Options) (*Socket, error) {
	if opt.Queue == 0 {
		opt.Queue = 64 << 20
	}
	if opt.Patience == 0 {
		opt.Patience = 10 * time.Second
	}
	if opt.Log == nil {
		opt.Log = func(string) {}
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, fmt.Errorf("zmtp: %w", err)
	}
	s := &Socket{kind: kind, listener: l, opt: opt, messages: make(chan Message), closing: make(chan struct{})}
	s.running.Add(1)
	go s.accept()
	return s, nil
}

// Addr is where the socket listens.
func (s *Socket) Addr() net.Addr { return s.listener.Addr() }

// Messages delivers what peers send, in order for each peer. Close closes it.
func (s *Socket) Messages() <-chan Message { return s.messages }

// Publish sends a message to all peers that subscribed to it. It waits for peers whose queue is
// full, and drops those that do not read at all.
func (s *Socket) Publish(frames [][]byte) {
	s.mu.Lock()
	peers := slices.Clone(s.peers)
	s.mu.Unlock()
	var b []byte
	for _, p := range peers {
		if !p.wants(frames[0]) {
			continue
		}
		if b == nil {
			b = encode(frames)
		}
		p.enqueue(b) // an error means that the peer is gone
	}
}

// Peer returns the latest peer with the given identity, or nil.
func (s *Socket) Peer(identity string) *Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range slices.Backward(s.peers) {
		if p.introduced && p.identity == identity {
			return p
		}
	}
	return nil
}

// Close sends what still waits, for at most a second, and closes all connections.
func (s *Socket) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	peers := slices.Clone(s.peers)
	s.mu.Unlock()
	err := s.listener.Close()
	deadline := time.Now().Add(lingerTime)
	for _, p := range peers {
		p.drain(deadline)
	}
	close(s.closing)
	s.running.Wait()
	close(s.messages)
	return err
}

func (s *Socket) accept() {
	defer s.running.Done()
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // too many open files: others may close meanwhile
			s.opt.Log(fmt.Sprintf("zmtp: %v", err))
			select {
			case <-time.After(100 * time.Millisecond):
				continue
			case <-s.closing:
				return
			}
		}
		p := &Peer{socket: s, conn: conn}
		p.changed.L = &p.mu
		s.mu.Lock()
		ok := !s.closed && len(s.peers) < maxPeers
		if ok {
			s.peers = append(s.peers, p)
			s.running.Add(1)
		}
		s.mu.Unlock()
		if !ok {
			conn.Close()
			continue
		}
		go p.serve()
	}
}

// Peer is a connection.
type Peer struct {
	socket     *Socket
	conn       net.Conn
	identity   string
	introduced bool // guarded by socket.mu, like identity

	mu       sync.Mutex
	changed  sync.Cond
	queue    [][]byte
	queued   int // bytes in queue and in the current write
	topics   []string
	draining bool
	err      error // why the peer was closed
}

// Identity is the name that the peer gave itself, the same on all sockets of a Jupyter client.
func (p *Peer) Identity() string { return p.identity }

// Send sends a message; see Publish for peers that do not read.
func (p *Peer) Send(frames [][]byte) error { return p.enqueue(encode(frames)) }

func (p *Peer) enqueue(b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	full := func() bool { return p.err == nil && p.queued > 0 && p.queued+len(b) > p.socket.opt.Queue }
	if full() {
		late := time.AfterFunc(p.socket.opt.Patience, func() {
			p.close(fmt.Errorf("it does not read what is sent to it"))
		})
		for full() {
			p.changed.Wait()
		}
		late.Stop()
	}
	if p.err != nil {
		return p.err
	}
	p.queue = append(p.queue, b)
	p.queued += len(b)
	p.changed.Broadcast()
	return nil
}

// write sends what is queued until the peer is closed, or drained.
func (p *Peer) write() {
	for {
		p.mu.Lock()
		for len(p.queue) == 0 && p.err == nil && !p.draining {
			p.changed.Wait()
		}
		if len(p.queue) == 0 || p.err != nil {
			p.mu.Unlock()
			p.close(net.ErrClosed)
			return
		}
		var batch net.Buffers
		size := 0
		for len(p.queue) > 0 && size < 1<<20 && len(batch) < 1000 {
			batch, size = append(batch, p.queue[0]), size+len(p.queue[0])
			p.queue[0] = nil
			p.queue = p.queue[1:]
		}
		p.mu.Unlock()
		_, err := batch.WriteTo(p.conn)
		p.mu.Lock()
		p.queued -= size
		p.changed.Broadcast()
		p.mu.Unlock()
		if err != nil {
			p.close(err)
		}
	}
}

func (p *Peer) close(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
		p.queue = nil
		p.conn.Close()
		p.changed.Broadcast()
	}
}

// drain sends the queue before the connection closes.
func (p *Peer) drain(deadline time.Time) {
	p.conn.SetWriteDeadline(deadline)
	p.mu.Lock()
	p.draining = true
	p.changed.Broadcast()
	for p.err == nil && p.introduced {
		p.changed.Wait()
	}
	p.mu.Unlock()
	p.close(net.ErrClosed)
}

// serve handles a peer from beginning to end.
func (p *Peer) serve() {
	defer p.socket.running.Done()
	r := bufio.NewReader(p.conn)
	p.conn.SetDeadline(time.Now().Add(handshakeTime))
	err := p.shakeHands(r)
	if err == nil {
		p.socket.running.Add(1)
		go func() {
			defer p.socket.running.Done()
			p.write()
		}()
		for err == nil {
			err = p.read(r)
		}
	}
	p.close(err)
	p.socket.mu.Lock()
	p.socket.peers = slices.DeleteFunc(p.socket.peers, func(other *Peer) bool { return other == p })
	p.socket.mu.Unlock()
	if err = p.err; !slices.ContainsFunc(ordinaryEnds, func(end error) bool { return errors.Is(err, end) }) {
		p.socket.opt.Log(fmt.Sprintf("zmtp: a peer of the %s socket was dropped: %v", p.socket.kind, err))
	}
}

func (p *Peer) shakeHands(r *bufio.Reader) error {
	if _, err := p.conn.Write(greeting()); err != nil {
		return err
	}
	if err := readGreeting(r); err != nil {
		return err
	}
	if _, err := p.conn.Write(ready(p.socket.kind)); err != nil {
		return err
	}
	frames, command, err := readMessage(r, maxReady)
	if err != nil {
		return err
	}
	name, body, err := parseCommand(frames[0])
	if err != nil || !command || name != "READY" {
		return errors.New("the peer does not say READY")
	}
	about, err := parseReady(body)
	if err != nil {
		return err
	}
	if kind := about["socket-type"]; !slices.Contains(partners[p.socket.kind], kind) {
		return fmt.Errorf("a %q socket does not go with a %s socket", kind, p.socket.kind)
	}
	p.conn.SetDeadline(time.Time{})
	p.socket.mu.Lock()
	p.mu.Lock() // drain reads it too
	p.identity, p.introduced = about["identity"], true
	p.mu.Unlock()
	p.socket.mu.Unlock()
	return nil
}

// read takes one message from the peer.
func (p *Peer) read(r *bufio.Reader) error {
	limit := maxMessage
	if p.socket.kind == XPub {
		limit = maxReady // subscriptions
	}
	frames, command, err := readMessage(r, limit)
	switch {
	case err != nil:
		return err
	case command:
		return p.command(frames[0])
	case p.socket.kind == XPub:
		if len(frames) == 1 && len(frames[0]) > 0 && frames[0][0] <= 1 {
			return p.subscribe(string(frames[0][1:]), frames[0][0] == 1)
		}
		return nil // XSUB peers may send anything
	}
	select {
	case p.socket.messages <- Message{p, frames}:
		return nil
	case <-p.socket.closing:
		return net.ErrClosed
	}
}

// command handles what ZMTP 3.1 peers may say. It ignores unknown commands, as the protocol
// requires.
func (p *Peer) command(frame []byte) error {
	name, body, err := parseCommand(frame)
	switch {
	case err != nil:
		return err
	case name == "PING" && len(body) >= 2:
		return p.enqueue(encodeCommand("PONG", body[2:min(len(body), 18)]))
	case p.socket.kind == XPub && (name == "SUBSCRIBE" || name == "CANCEL"):
		return p.subscribe(string(body), name == "SUBSCRIBE")
	}
	return nil
}

func (p *Peer) subscribe(topic string, on bool) error {
	p.mu.Lock()
	at := slices.Index(p.topics, topic)
	switch {
	case on && len(p.topics) == maxSubscriptions:
		p.mu.Unlock()
		return fmt.Errorf("more than %d subscriptions", maxSubscriptions)
	case on: // counted, to be cancelled as often
		p.topics = append(p.topics, topic)
	case at >= 0:
		p.topics = slices.Delete(p.topics, at, at+1)
	}
	p.mu.Unlock()
	if on && p.socket.opt.Subscribed != nil {
		p.socket.opt.Subscribed(p, topic)
	}
	return nil
}

func (p *Peer) wants(topic []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.topics, func(t string) bool {
		return len(t) <= len(topic) && string(topic[:len(t)]) == t
	})
}
