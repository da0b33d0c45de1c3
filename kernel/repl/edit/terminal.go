// Package edit is a terminal with one writer, and a multi-line editor for whole cells of code.
// Output can come at any time and from any goroutine; what the user types stays below it.
package edit

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Terminal owns a terminal: its keys, its mode and everything written to it.
type Terminal struct {
	in, out *os.File
	cooked  *term.State
	stop    context.CancelFunc
	reader  io.Closer
	ended   sync.WaitGroup
	signals chan os.Signal

	eventsMu    sync.Mutex
	events      []uv.Event          // typed and not yet read, even while a cell runs
	closed      bool                // no more keys will come
	changed     chan struct{}       // closed when there are more events
	query       func(uv.Event) bool // takes events first while set
	onInterrupt func()              // Ctrl-C while set

	mu            sync.Mutex // guards everything below: what is on the screen
	width, height int
	cursor        tracker
	block         []string // the rows below the output: prompt, input, menu
	row, col      int      // of the cursor in block
	shown         bool
	broke         bool // a line break separates an unfinished line of output from the block
}

type resized struct{}

// Open puts the terminal into raw mode until Close.
func Open(in, out *os.File) (*Terminal, error) {
	t := &Terminal{in: in, out: out, changed: make(chan struct{}), signals: make(chan os.Signal, 8)}
	if err := t.raw(); err != nil {
		return nil, err
	}
	t.measure()
	reader, err := uv.NewCancelReader(in)
	if err != nil {
		return nil, fmt.Errorf("kernel: terminal: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.stop = func() { cancel(); reader.Cancel() }
	t.reader = reader
	keys := make(chan uv.Event)
	t.ended.Go(func() {
		// an error ends the keys
		uv.NewTerminalReader(reader, os.Getenv("TERM")).StreamEvents(ctx, keys)
		close(keys)
	})
	signal.Notify(t.signals, syscall.SIGWINCH, syscall.SIGCONT)
	t.ended.Go(func() { t.dispatch(keys) })
	t.write("\x1b[?2004h") // bracketed paste
	return t, nil
}

func (t *Terminal) raw() error {
	state, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		return fmt.Errorf("kernel: terminal: %w", err)
	}
	t.cooked = state
	return nil
}

// Close restores the terminal.
func (t *Terminal) Close() error {
	t.Hide()
	t.FreshLine()
	t.write("\x1b[?2004l")
	signal.Stop(t.signals)
	t.stop()
	t.ended.Wait()
	t.reader.Close()
	return term.Restore(int(t.in.Fd()), t.cooked)
}

func (t *Terminal) measure() {
	w, h, err := term.GetSize(int(t.out.Fd()))
	if err != nil || w <= 0 || h <= 0 {
		w, h = 80, 24
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.width
	t.width, t.height, t.cursor.width = w, h, w
	if old == w || old == 0 {
		return
	}
	t.cursor.lost, t.cursor.uncounted = t.cursor.col > 0, true
	if t.shown && reflows(os.Getenv) { // the terminal has broken rows that became too long
		up := (t.col) / w
		for _, row := range t.block[:t.row] {
			up += max(0, ansi.StringWidth(row)-1) / w
		}
		t.row += up
	}
	t.hide() // the editor redraws it
}

// reflows reports whether the terminal breaks and joins lines when its width changes.
func reflows(getenv func(string) string) bool {
	name := getenv("TERM")
	plain := strings.HasPrefix(name, "linux") || strings.HasPrefix(name, "st") || strings.HasPrefix(name, "screen") && getenv("TMUX") == ""
	return getenv("XTERM_VERSION") == "" && !plain
}

// Size is the width and height in cells.
func (t *Terminal) Size() (width, height int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.width, t.height
}

// dispatch takes events until the keys end.
func (t *Terminal) dispatch(keys <-chan uv.Event) {
	for {
		select {
		case e, ok := <-keys:
			if !ok {
				t.eventsMu.Lock()
				t.closed = true
				t.notify()
				t.eventsMu.Unlock()
				return
			}
			t.take(e)
		case s := <-t.signals:
			if s == syscall.SIGCONT {
				t.raw()
			}
			t.measure()
			t.push(resized{})
		}
	}
}

func (t *Terminal) take(e uv.Event) {
	if key, ok := e.(uv.KeyPressEvent); ok && key.MatchString("ctrl+c") {
		t.eventsMu.Lock()
		f := t.onInterrupt
		if f != nil {
			t.events = nil // like the terminal's own Ctrl-C, which discards what was typed before
		}
		t.eventsMu.Unlock()
		if f != nil {
			f()
			return
		}
	}
	t.push(e)
}

func (t *Terminal) push(e uv.Event) {
	t.eventsMu.Lock()
	defer t.eventsMu.Unlock()
	if t.query != nil && t.query(e) {
		t.query = nil
	} else {
		t.events = append(t.events, e)
	}
	t.notify()
}

// notify wakes all waiting goroutines; the caller holds eventsMu.
func (t *Terminal) notify() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// OnInterrupt makes Ctrl-C call f; with nil, the editor gets it as a key.
func (t *Terminal) OnInterrupt(f func()) {
	t.eventsMu.Lock()
	t.onInterrupt = f
	t.eventsMu.Unlock()
}

// next waits for the next event and returns it; io.EOF means that none will come.
func (t *Terminal) next(ctx context.Context) (uv.Event, error) {
	for {
		t.eventsMu.Lock()
		if len(t.events) > 0 {
			e := t.events[0]
			t.events = t.events[1:]
			t.eventsMu.Unlock()
			return e, nil
		}
		closed, changed := t.closed, t.changed
		t.eventsMu.Unlock()
		if closed {
			return nil, io.EOF
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Query writes a request to the terminal and waits until wanted has taken an event. One query at a
// time.
func (t *Terminal) Query(ctx context.Context, request string, wanted func(uv.Event) bool) bool {
	taken := make(chan struct{})
	t.eventsMu.Lock()
	t.query = func(e uv.Event) bool {
		if !wanted(e) {
			return false
		}
		close(taken)
		return true
	}
	t.eventsMu.Unlock()
	t.mu.Lock()
	t.write(request)
	t.mu.Unlock()
	select {
	case <-taken:
		return true
	case <-ctx.Done():
		t.eventsMu.Lock()
		t.query = nil
		t.eventsMu.Unlock()
		return false
	}
}

// CellSize is the size of a cell in pixels if the terminal driver knows it, or zero.
func (t *Terminal) CellSize() (width, height int) {
	size, err := unix.IoctlGetWinsize(int(t.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || size.Row == 0 {
		return 0, 0
	}
	return int(size.Xpixel / size.Col), int(size.Ypixel / size.Row)
}

// How long to wait for more keys of a paste without brackets: at each line, and where a mistake
// would run half of the paste.
const (
	typingGap = 5 * time.Millisecond
	pasteGap  = 150 * time.Millisecond
)

// more reports whether more keys come within a time, faster than anyone can type.
func (t *Terminal) more(within time.Duration) bool {
	late := time.After(within)
	for {
		t.eventsMu.Lock()
		keys := slices.ContainsFunc(t.events, func(e uv.Event) bool { _, isKey := e.(uv.KeyPressEvent); return isKey })
		changed := t.changed
		t.eventsMu.Unlock()
		if keys {
			return true
		}
		select {
		case <-changed:
		case <-late:
			return false
		}
	}
}

// pending reports whether more keys have already been typed.
func (t *Terminal) pending() bool {
	t.eventsMu.Lock()
	defer t.eventsMu.Unlock()
	return len(t.events) > 0
}

// suspend stops the program, as Ctrl-Z does elsewhere.
func (t *Terminal) suspend() {
	t.Hide()
	t.write("\x1b[?2004l")
	term.Restore(int(t.in.Fd()), t.cooked)
	syscall.Kill(0, syscall.SIGTSTP)
	t.write("\x1b[?2004h") // SIGCONT has made the terminal raw again, or will
}

func (t *Terminal) write(text string) {
	if text != "" {
		io.WriteString(t.out, text) // a closed terminal ends the keys too
	}
}
