// Package jupyter is the Jupyter front end of the live kernel: it serves the messages of protocol
// 5.5 with kernel/shell, and writes the kernelspec by which Jupyter finds it.
package jupyter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gsmlab/kernel/engine"
	"gsmlab/kernel/jupyter/zmtp"
	"gsmlab/kernel/shell"
)

// Options configure Serve.
type Options struct {
	ConnectionFile string // written if it does not exist; "" means one of our own
	// digest of the checkout at Shell.Engine.Root from which this program was built; "" for any
	Source string
	Shell  shell.Options
	Log    io.Writer // gets a line for each refused message or peer
}

// kernel is a serving kernel.
type kernel struct {
	codec      *codec
	connection connection
	log        *logger
	history    *shell.History
	warning    string // shown with the first cell
	id         string // from the Jupyter server; "" if unknown
	comms      comms
	debug      debugging

	shell, control, stdin, iopub, heartbeat *zmtp.Socket

	start   chan struct{} // closed when sh or failed is set
	sh      *shell.Shell
	failed  error
	stopped context.CancelFunc
	step    atomic.Pointer[engine.Step] // of the start, if it takes long

	publishing sync.Mutex // keeps messages to iopub in one order, and guards running
	running    *message   // the request in progress

	executions executions
	asking     sync.Mutex
	answers    chan *message // input_reply
}

// Serve runs a kernel until a client or a signal ends it. SIGINT interrupts the running cell.
func Serve(ctx context.Context, opt Options) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	path := opt.ConnectionFile
	if path == "" {
		var err error
		if path, err = ownConnectionFile(); err != nil {
			return err
		}
	}
	c, isNew, err := readConnection(path)
	if err != nil {
		return err
	}
	k := &kernel{id: kernelID(path), codec: newCodec(c.Key), connection: c, log: &logger{w: opt.Log}, start: make(chan struct{}), stopped: stop, answers: make(chan *message, 16), debug: debugging{requests: make(chan *message, 1000)}}
	k.executions.changed.L = &k.executions.mu
	if opt.Source != "" {
		if digest, err := sourceDigest(opt.Shell.Engine.Root); err != nil || digest != opt.Source {
			k.warning = "the checkout of gsmlab has changed since this kernel was installed; in it, run: go run ./kernel install"
			k.log.print(k.warning)
		}
	}
	if k.history, err = shell.OpenHistory(""); err != nil {
		k.log.print(err.Error()) // it continues in memory
	}
	k.history.At = shell.AtJupyter
	opt.Shell.History, opt.Shell.Page = k.history, true
	if err := k.listen(); err != nil {
		k.close()
		return err
	}
	if isNew {
		if err := k.connection.write(path); err != nil {
			k.close()
			return err
		}
		defer os.Remove(path)
		fmt.Fprintf(opt.Log, "the kernel serves; connect by: jupyter console --existing %s\n", path)
	}
	if !c.loopback() {
		k.log.print("warning: the sockets are open to other machines, as the connection file wants it: ip " + c.IP)
	}
	k.serve(ctx, opt.Shell)
	return nil
}

func (k *kernel) listen() error {
	opt := zmtp.Options{Log: k.log.print}
	published := opt
	published.Subscribed = k.welcome
	c := &k.connection
	var err error
	for _, s := range []struct {
		to   **zmtp.Socket
		kind zmtp.Kind
		port *int
		opt  zmtp.Options
	}{
		{&k.shell, zmtp.Router, &c.Shell, opt},
		{&k.control, zmtp.Router, &c.Control, opt},
		{&k.stdin, zmtp.Router, &c.Stdin, opt},
		{&k.iopub, zmtp.XPub, &c.IOPub, published},
		{&k.heartbeat, zmtp.Rep, &c.Heartbeat, opt},
	} {
		if *s.to, err = c.listen(s.kind, s.port, s.opt); err != nil {
			return fmt.Errorf("jupyter: %w", err)
		}
	}
	return nil
}

// serve handles messages until ctx ends, and then ends the session and closes the sockets.
func (k *kernel) serve(ctx context.Context, opt shell.Options) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer signal.Stop(signals)
	go func() {
		for s := range signals {
			switch s {
			case os.Interrupt:
				k.interrupt()
			case syscall.SIGPIPE: // nobody reads our stderr any more, but that is no reason to end
			default:
				k.stopped()
			}
		}
	}()
	defer close(signals)
	go k.endWithParent(ctx)

	var loops sync.WaitGroup
	loops.Go(func() {
		// the sockets answer while the worker starts, or is built for the first time
		opt.Engine.Say = func(s engine.Step) { k.step.Store(&s) }
		k.sh, k.failed = shell.New(ctx, opt)
		close(k.start)
	})
	loops.Go(func() { k.execute(ctx) })
	loops.Go(func() { k.debugLoop(ctx) })
	loops.Go(func() { k.receive(k.shell, func(m *message) { k.onShell(ctx, m) }) })
	loops.Go(func() { k.receive(k.control, k.onControl) })
	loops.Go(func() { k.receive(k.stdin, k.onStdin) })
	loops.Go(func() {
		for m := range k.heartbeat.Messages() {
			m.From.Send(m.Frames) // an error means that the peer is gone
		}
	})
	k.publish(nil, "status", map[string]any{"execution_state": "starting"})
	<-ctx.Done()
	k.executions.close()
	<-k.start
	if k.sh != nil {
		if err := k.sh.Close(); err != nil {
			k.log.print(err.Error())
		}
	}
	k.close()
	loops.Wait()
}

func (k *kernel) close() {
	for _, s := range []*zmtp.Socket{k.shell, k.control, k.stdin, k.iopub, k.heartbeat} {
		if s != nil {
			s.Close()
		}
	}
}

// endWithParent ends the kernel when the server that started it is gone, as JPY_PARENT_PID
// requests.
func (k *kernel) endWithParent(ctx context.Context) {
	parent := os.Getppid()
	if os.Getenv("JPY_PARENT_PID") == "" || parent == 1 {
		return
	}
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for os.Getppid() == parent {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
	k.stopped()
}

// receive passes on the messages of a socket, one after the other.
func (k *kernel) receive(s *zmtp.Socket, handle func(*message)) {
	for in := range s.Messages() {
		m, err := k.codec.parse(in.Frames)
		if err != nil {
			k.log.print(fmt.Sprintf("a message was refused: %v", err))
			continue
		}
		m.from = in.From
		handle(m)
	}
}

// onShell queues executions. Everything else is answered at once, even while a cell runs; requests
// that need the engine wait until it has started.
func (k *kernel) onShell(ctx context.Context, m *message) {
	switch m.Type {
	case "execute_request":
	case "debug_request":
		k.onDebug(m)
		return
	case "complete_request", "inspect_request", "is_complete_request":
		if k.shellNow() == nil {
			go func() {
				select {
				case <-k.start:
					k.handle(m)
				case <-ctx.Done():
				}
			}()
			return
		}
		fallthrough
	default:
		k.handle(m)
		return
	}
	if !k.executions.push(m) {
		k.status(m, "busy")
		k.reply(m, "execute_reply", failure("QueueFull", errors.New("too many cells are waiting")))
		k.status(m, "idle")
	}
}

// onControl handles requests that must not wait for anything.
func (k *kernel) onControl(m *message) {
	if m.Type == "interrupt_request" {
		k.interrupt() // first, because a stuck client may delay what is published
	}
	if m.Type == "debug_request" {
		k.onDebug(m)
		return
	}
	k.handle(m)
	if m.Type == "shutdown_request" {
		k.stopped()
	}
}

func (k *kernel) onStdin(m *message) {
	if m.Type != "input_reply" {
		k.log.print(fmt.Sprintf("a message was refused: %q is not for the stdin socket", m.Type))
		return
	}
	select {
	case k.answers <- m:
	default: // nobody asked
	}
}

// reply answers a request on the socket it came from. A client that is gone needs no answer.
func (k *kernel) reply(m *message, kind string, content any) {
	frames, _, err := k.codec.build(m.ids, kind, m, content)
	if err != nil {
		k.log.print(err.Error())
		return
	}
	m.from.Send(frames)
}

// publish sends a message to all clients. parent may be nil.
func (k *kernel) publish(parent *message, kind string, content any, buffers ...[]byte) {
	k.publishing.Lock()
	defer k.publishing.Unlock()
	k.publishLocked(parent, kind, content, buffers...)
}

func (k *kernel) publishLocked(parent *message, kind string, content any, buffers ...[]byte) {
	topic := []byte("kernel." + k.codec.session + "." + kind)
	frames, _, err := k.codec.build([][]byte{topic}, kind, parent, content, buffers...)
	if err != nil {
		k.log.print(err.Error())
		return
	}
	k.iopub.Publish(frames)
}

// status publishes what the kernel does for a request. Clients show the latest status as the
// kernel's. So if a request was answered while a cell runs, the cell's busy status is published
// again.
func (k *kernel) status(m *message, state string) {
	k.publishing.Lock()
	defer k.publishing.Unlock()
	execution := m.Type == "execute_request"
	switch {
	case execution && state == "busy":
		k.running = m
	case execution && k.running == m:
		k.running = nil
	}
	k.publishLocked(m, "status", map[string]any{"execution_state": state})
	if state == "idle" && k.running != nil {
		k.publishLocked(k.running, "status", map[string]any{"execution_state": "busy"})
	}
}

// welcome tells a client that it receives what is published from now on (JEP 65).
func (k *kernel) welcome(p *zmtp.Peer, topic string) {
	frames, _, err := k.codec.build([][]byte{[]byte("iopub_welcome")}, "iopub_welcome", nil, map[string]any{"subscription": topic})
	if err != nil {
		k.log.print(err.Error())
		return
	}
	p.Send(frames) // an error means that the client is gone
}

// shellNow returns the shell if it has started.
func (k *kernel) shellNow() *shell.Shell {
	select {
	case <-k.start:
		return k.sh
	default:
		return nil
	}
}

// logger writes lines, up to a number beyond which nobody would read them.
type logger struct {
	mu    sync.Mutex
	w     io.Writer
	lines int
}

const maxLogged = 1000

func (l *logger) print(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines++; l.lines > maxLogged {
		return
	}
	fmt.Fprintln(l.w, "gsmlab kernel: "+text)
	if l.lines == maxLogged {
		fmt.Fprintln(l.w, "gsmlab kernel: what is refused from now on is not listed")
	}
}
