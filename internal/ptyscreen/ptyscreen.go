// Package ptyscreen is a terminal for tests. A program writes to a real pty, an emulator keeps the
// screen that a user would see, and tests type and look.
package ptyscreen

import (
	"fmt"
	"image/color"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// Screen is a terminal with a screen that tests can look at.
type Screen struct {
	TTY *os.File // what the program gets

	t        testing.TB
	master   *os.File
	mu       sync.Mutex
	changed  *sync.Cond
	emulator *vt.Emulator
	raw      strings.Builder
}

// patience is how long a test waits for what it expects to see.
const patience = 20 * time.Second

// New opens a terminal of the given size.
func New(t testing.TB, width, height int) *Screen {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := &Screen{TTY: tty, t: t, master: master, emulator: vt.NewEmulator(width, height)}
	s.changed = sync.NewCond(&s.mu)
	s.size(width, height)
	go io.Copy(master, s.emulator) // answers to queries
	go func() {
		buf := make([]byte, 32<<10)
		for {
			n, err := master.Read(buf)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.raw.Write(buf[:n])
			s.emulator.Write(buf[:n])
			s.changed.Broadcast()
			s.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		tty.Close()
		master.Close()
		// so that the goroutine that copies answers notices that master is closed
		io.WriteString(s.emulator.InputPipe(), " ")
	})
	return s
}

func (s *Screen) size(width, height int) {
	if err := pty.Setsize(s.master, &pty.Winsize{Rows: uint16(height), Cols: uint16(width)}); err != nil {
		s.t.Fatal(err)
	}
	if err := syscall.SetNonblock(int(s.master.Fd()), true); err != nil {
		// so that HangUp ends reading
		s.t.Fatal(err)
	}
}

// Resize changes the terminal's size. The caller tells the program: a test's pty is not its
// controlling terminal, so no signal comes.
func (s *Screen) Resize(width, height int) {
	s.mu.Lock()
	s.emulator.Resize(width, height)
	s.mu.Unlock()
	s.size(width, height)
}

// Type sends keys the way a terminal does; "\r" is Enter.
func (s *Screen) Type(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.master, keys); err != nil {
		s.t.Fatal(err)
	}
}

// Paste sends text as a bracketed paste.
func (s *Screen) Paste(text string) {
	s.Type("\x1b[200~" + strings.ReplaceAll(text, "\n", "\r") + "\x1b[201~")
}

// Text is the screen without trailing blanks and trailing empty lines.
func (s *Screen) Text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text()
}

func (s *Screen) text() string {
	lines := strings.Split(s.emulator.String(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// All is what has scrolled off the top of the screen, and the screen itself.
func (s *Screen) All() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for y := range s.emulator.ScrollbackLen() {
		var line strings.Builder
		for x := range s.emulator.Width() {
			if cell := s.emulator.ScrollbackCellAt(x, y); cell != nil {
				line.WriteString(cell.Content)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String() + s.text()
}

// Render is the screen with its colours, as escape sequences.
func (s *Screen) Render() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.emulator.Render()
}

// Cell is what a cell of the screen shows, and its colours; nil means the terminal's own.
func (s *Screen) Cell(x, y int) (content string, fg, bg color.Color) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cell := s.emulator.CellAt(x, y)
	if cell == nil {
		return "", nil, nil
	}
	return cell.Content, cell.Style.Fg, cell.Style.Bg
}

// Raw is everything written since the start or since the last call.
func (s *Screen) Raw() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw := s.raw.String()
	s.raw.Reset()
	return raw
}

// At waits until the cursor is at column x of line y of the screen, both counted from 0.
func (s *Screen) At(x, y int) {
	s.t.Helper()
	s.Until(fmt.Sprintf("the cursor at %d, %d", x, y), func(string) bool {
		p := s.emulator.CursorPosition()
		return p.X == x && p.Y == y
	})
}

// Wait waits until the screen shows all of the texts.
func (s *Screen) Wait(texts ...string) {
	s.t.Helper()
	s.Until(fmt.Sprintf("%q", texts), func(screen string) bool {
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return false
			}
		}
		return true
	})
}

// Ends waits until the screen ends with text.
func (s *Screen) Ends(text string) {
	s.t.Helper()
	s.Until(fmt.Sprintf("%q at the end", text), func(screen string) bool { return strings.HasSuffix(screen, text) })
}

// Until waits until wanted accepts the screen.
func (s *Screen) Until(what string, wanted func(screen string) bool) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	late := false
	timer := time.AfterFunc(patience, func() {
		s.mu.Lock()
		late = true
		s.mu.Unlock()
		s.changed.Broadcast()
	})
	defer timer.Stop()
	for !wanted(s.text()) {
		if late {
			s.t.Fatalf("waited for %s; the screen is:\n%s", what, s.text())
		}
		s.changed.Wait()
	}
}

// HangUp disconnects the terminal from the program.
func (s *Screen) HangUp() { s.master.Close() }
