// Tests of the editor and the terminal, on a screen in memory.

package edit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/vt"

	"gsmlab/internal/ptyscreen"
)

// status is the status of a text in which only brackets open and close.
func status(text string) (string, string) {
	if open := strings.Count(text, "{") - strings.Count(text, "}"); open > 0 {
		return "incomplete", strings.Repeat("\t", open)
	}
	return "complete", ""
}

var hooks = Hooks{
	Prompt: func() (string, string) { return "In[1]: ", "   ..: " },
	Status: status,
	Dim:    "2",
	Chosen: "7",
}

// session reads inputs with hooks until reading fails, and prints them as results. It returns the
// screen.
func session(t *testing.T, width, height int, hooks Hooks) (*ptyscreen.Screen, *Terminal, <-chan error) {
	t.Helper()
	t.Setenv("XTERM_VERSION", "the emulator does not break lines anew")
	screen := ptyscreen.New(t, width, height)
	terminal, err := Open(screen.TTY, screen.TTY)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		for {
			text, err := Read(context.Background(), terminal, hooks)
			if err != nil {
				ended <- errors.Join(err, terminal.Close())
				return
			}
			hooks.History = append(hooks.History, text)
			terminal.Print(fmt.Sprintf("got %q\n", text))
		}
	}()
	return screen, terminal, ended
}

// leave ends a session with Ctrl-D.
func leave(t *testing.T, screen *ptyscreen.Screen, ended <-chan error) {
	t.Helper()
	screen.Type("\x03")
	screen.Wait("Ctrl-C again")
	screen.Type("\x04")
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("it ended with %v", err)
	}
}

func TestKeys(t *testing.T) {
	screen, _, ended := session(t, 60, 20, hooks)
	for _, test := range []struct{ name, keys, want string }{
		{"plain", "a b\r", "a b"},
		{"left and right", "ac\x1b[Db\x1b[Cd\r", "abcd"},
		{"home and end", "bc\x01a\x05d\r", "abcd"},
		{"backspace and delete", "axxb\x1b[D\x7f\x1b[D\x1b[3~\r", "ab"},
		{"words", "one two three\x1bb\x1bb_\x1bf!\r", "one _two! three"},
		{"kill a word and yank it", "one two\x17three \x19\r", "one three two"},
		{"kill a line", "abc\x01\x0bd\r", "d"},
		{"undo", "ab cd\x1f\r", "ab"},
		{"wide runes", "a日本\x1b[D語\r", "a日語本"},
		{"combined runes", "e\u0301x\x1b[D\x7f\r", "x"},
		{"go back up", "f {\x1b\rx\x1b\r}\x1b[A\x05y\r", "f {\nxy\n}"},
		{"up keeps the column", "ab {\x1b\rcde\x1b\r}\x1b[A\x1b[A!\r", "a!b {\ncde\n}"},
		{"Alt-Enter", "a\x1b\rb\r", "a\nb"},
		{"two blank lines end", "f {\x1b\r\x1b\r\r", "f {\n\n"},
		{"history", "\x1b[A\x1b[5~!\r", "a\nb!"},
		{"history and back", "draft\x1b[A\x1b[6~s\r", "drafts"},
		{"search", "\x12one t\r!\r", "one t!hree two"},
		{"search older", "\x12one\x12\r?\r", "one? three two"},
		{"search and back", "x\x12wor\x1b\r", "x"},
		{"paste", "\x1b[200~if {\r\tx\r}\r\x1b[201~\r", "if {\n\tx\n}"},
		{"unknown keys", "a\x1b[99~\x1b[1;9Xb\r", "ab"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "search and back" {
				// a lone Esc is recognised only when nothing follows
				screen.Type("x\x12wor")
				screen.Wait("search: wor")
				screen.Type("\x1b")
				screen.Until("no search", func(text string) bool { return !strings.Contains(text, "search:") })
				screen.Type("\r")
			} else {
				screen.Type(test.keys)
			}
			screen.Wait(fmt.Sprintf("got %q", test.want))
			screen.Type("\x0c") // a clear screen for the next
			screen.Until("a clear screen", func(text string) bool { return strings.TrimSpace(text) == "In[1]:" })
		})
	}
	leave(t, screen, ended)
}

func TestIndent(t *testing.T) {
	screen, _, ended := session(t, 60, 20, hooks)
	screen.Type("f {\r")
	screen.At(11, 1)
	screen.Type("g {\r")
	screen.At(15, 2)
	screen.Type("}")
	screen.Ends("   ..:     }")
	screen.Type("\r")
	screen.At(11, 3)
	screen.Type("}\r")
	screen.Wait(`got "f {\n\tg {\n\t}\n}"`)
	leave(t, screen, ended)
}

// TestUnbracketedPasteWithBlankLines: two blank lines within a function do not end it, even if the
// terminal delivers the paste in pieces.
func TestUnbracketedPasteWithBlankLines(t *testing.T) {
	screen, _, ended := session(t, 60, 20, hooks)
	for _, piece := range []string{"f {\r  x\r\r\r", "\r\r  y\r}\r"} {
		screen.Type(piece)
		time.Sleep(20 * time.Millisecond)
	}
	screen.Wait(`got "f {\n  x\n\n\n\n\n  y\n}"`)
	leave(t, screen, ended)
}

// TestUnbracketedPaste: keys that come faster than they are handled bring their own indentation.
func TestUnbracketedPaste(t *testing.T) {
	screen := ptyscreen.New(t, 40, 10)
	terminal, err := Open(screen.TTY, screen.TTY)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	for _, r := range "f {\r  x\r}\r" {
		key := uv.KeyPressEvent{Code: r, Text: string(r)}
		if r == '\r' {
			key = uv.KeyPressEvent{Code: uv.KeyEnter}
		}
		terminal.push(key)
	}
	text, err := Read(context.Background(), terminal, hooks)
	if err != nil || text != "f {\n  x\n}" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestTallInput(t *testing.T) {
	screen, terminal, ended := session(t, 40, 8, hooks)
	var b strings.Builder
	b.WriteString("f {\n")
	for i := range 20 {
		fmt.Fprintf(&b, "\tline %d\n", i)
	}
	screen.Paste(b.String())
	screen.Ends("line 19")
	screen.Type(strings.Repeat("\x1b[A", 18) + "!")
	screen.Wait("line 1!", "↓")
	screen.Resize(30, 10)
	terminal.signals <- syscall.SIGWINCH
	screen.Wait("line 7", "↓")
	screen.Type("\x1b[1;5F\r}\r")
	screen.Wait(`\tline 19\n}"`)
	if text := screen.All(); !strings.Contains(text, "In[1]: f {\n   ..:     line 0\n") || !strings.Contains(text, "..:     line 19\n   ..: }\ngot") {
		t.Errorf("the whole input is not on the screen:\n%s", text)
	}
	leave(t, screen, ended)
}

func TestOutputAboveThePrompt(t *testing.T) {
	screen, terminal, ended := session(t, 40, 10, hooks)
	screen.Type("typing")
	screen.Ends("In[1]: typing")
	terminal.Print("late\n")
	screen.Ends("late\nIn[1]: typing")
	for _, percent := range []string{"10%", "20%", "100%"} {
		terminal.Print("\r" + percent)
		screen.Ends("late\n" + percent + "\nIn[1]: typing")
	}
	terminal.Print(" done\n")
	screen.Ends("late\n100% done\nIn[1]: typing")
	screen.Type(" on\r")
	screen.Ends("late\n100% done\nIn[1]: typing on\ngot \"typing on\"\nIn[1]:")
	for i := range 30 {
		terminal.Print(fmt.Sprintf("line %d\n", i))
	}
	screen.Ends("line 28\nline 29\nIn[1]:")
	leave(t, screen, ended)
}

func TestReplace(t *testing.T) {
	screen, terminal, ended := session(t, 20, 6, hooks)
	screen.Wait("In[1]:")
	terminal.Hide()
	terminal.Print("kept\n")
	terminal.Mark()
	terminal.Print("one line that is longer than the screen\ntwo")
	if !terminal.Replace(Piece{Text: "new"}) {
		t.Error("not replaced")
	}
	screen.Ends("kept\nnew")
	terminal.Show([]string{"block"}, 0, 5)
	if !terminal.Replace(Piece{Text: "newer\nlines"}) {
		t.Error("not replaced above the block")
	}
	screen.Ends("kept\nnewer\nlines\nblock")
	terminal.Hide()
	terminal.Print("\x1b[3A")
	if terminal.Replace() {
		t.Error("replaced though the cursor was moved")
	}
	terminal.Print("\n\n\n\n")
	terminal.FreshLine()
	terminal.Mark()
	terminal.Print(strings.Repeat("x\n", 6))
	if terminal.Replace() {
		t.Error("replaced though the mark is no longer on the screen")
	}
	leave(t, screen, ended)
}

func TestBlockTallerThanTheScreen(t *testing.T) {
	screen, terminal, ended := session(t, 20, 6, hooks)
	screen.Wait("In[1]:")
	terminal.Show(strings.Split("a b c d e f g h", " "), 4, 3)
	screen.Ends("c\nd\ne\nf\ng\nh")
	screen.At(3, 2)
	leave(t, screen, ended)
}

func TestMenu(t *testing.T) {
	h := hooks
	h.Complete = func(_ context.Context, text string, offset int) Completion {
		c := Completion{Start: strings.LastIndexAny(text[:offset], " .(") + 1, End: offset}
		for _, item := range []Item{{"Print", "func(a ...any)"}, {"Printf", "func(format string, a ...any)"}, {"Println", "func(a ...any)"}, {"Sprint", "func(a ...any) string"}} {
			if strings.HasPrefix(item.Text, text[c.Start:offset]) {
				c.Items = append(c.Items, item)
			}
		}
		return c
	}
	h.Signature = func(_ context.Context, text string, offset int) string {
		return "signature of " + text[:offset]
	}
	screen, _, ended := session(t, 60, 20, h)
	screen.Type("S\t\r")
	screen.Wait(`got "Sprint"`)
	screen.Type("P\t")
	screen.Ends("In[1]: Print\n  Print    func(a ...any)\n  Printf   func(format string, a ...any)\n  Println  func(a ...any)")
	screen.Type("l")
	screen.Ends("In[1]: Printl\n  Println  func(a ...any)")
	screen.Type("\x7f\t\t\t")
	screen.Wait("In[1]: Printf\n", "> Printf")
	screen.Type("\r")
	screen.Ends("In[1]: Printf")
	screen.Type("(")
	screen.Ends("In[1]: Printf(\nsignature of Printf")
	screen.Type(")\r")
	screen.Wait(`got "Printf()"`)
	screen.Type("P\t\t\x1b")
	screen.Ends("In[1]: Print")
	leave(t, screen, ended)
}

func TestLeaving(t *testing.T) {
	screen, _, ended := session(t, 40, 10, hooks)
	screen.Type("text\x03")
	screen.Ends("In[1]: text\nIn[1]:\nCtrl-C again, or Ctrl-D, leaves")
	screen.Type("more\x03\x03")
	if err := <-ended; !errors.Is(err, ErrLeave) {
		t.Errorf("it ended with %v", err)
	}
}

func TestEndOfTheTerminal(t *testing.T) {
	screen, _, ended := session(t, 40, 10, hooks)
	screen.Type("text")
	screen.Ends("text")
	screen.HangUp()
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("it ended with %v", err)
	}
}

func TestReflows(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want bool
	}{
		{map[string]string{"TERM": "xterm-256color"}, true},
		{map[string]string{"TERM": "xterm", "XTERM_VERSION": "XTerm(390)"}, false},
		{map[string]string{"TERM": "linux"}, false},
		{map[string]string{"TERM": "screen"}, false},
		{map[string]string{"TERM": "screen-256color", "TMUX": "/tmp/x"}, true},
	} {
		if got := reflows(func(name string) string { return test.env[name] }); got != test.want {
			t.Errorf("%v: %v", test.env, got)
		}
	}
}

func FuzzEditor(f *testing.F) {
	f.Add("a\x1b[Db\x12x\r\tf {\r")
	f.Fuzz(func(t *testing.T, keys string) {
		if len(keys) > 200 {
			return
		}
		e := &Editor{Hooks: hooks, term: &Terminal{width: 20, height: 5}, call: -1, ctx: context.Background()}
		e.History = []string{"one", "two\nlines"}
		e.past.at = 2
		for _, r := range keys {
			name := string(r)
			if int(r) < len(keyNames) {
				name = keyNames[r]
			}
			if e.search == nil || !e.searchKey(name, string(r)) {
				e.key(name, string(r))
			}
			rows, row, col := e.layout(20)
			if row < 0 || row >= len(rows) || col < 0 || col > 20 || e.at < 0 || e.at > len(e.text) {
				t.Fatalf("cursor at %d of %q: %d, %d of %d rows", e.at, e.text, row, col, len(rows))
			}
		}
	})
}

// FuzzTracker compares the tracker's cursor with the terminal's.
func FuzzTracker(f *testing.F) {
	f.Add("abc\tdef\r\n日本語日本語\b\x1b[31mred\x1b[m", 9)
	alphabet := []string{"a", "b", " ", "日", "é", "\n", "\r", "\t", "\b", "\x1b[31m", "\x1b[K", "0123456789"}
	f.Fuzz(func(t *testing.T, choice string, width int) {
		if len(choice) > 200 || width < 8 || width > 40 {
			return
		}
		c := tracker{width: width}
		e := vt.NewEmulator(width, 5)
		seen := ""
		for _, b := range []byte(choice) {
			text := alphabet[int(b)%len(alphabet)]
			if text == "日" && c.col > width-3 {
				// the emulator does not know that a wide rune can fill a line
				continue
			}
			seen += text
			c.follow(text)
			e.WriteString(crlf(text))
			if x := e.CursorPosition().X; !c.lost && min(c.col, width-1) != x {
				t.Fatalf("after %q in %d columns: %d, the terminal says %d", seen, width, c.col, x)
			}
		}
	})
}

// keyNames stand for the low runes of a fuzzed text.
var keyNames = []string{"left", "right", "up", "down", "home", "end", "alt+b", "alt+f", "backspace", "delete", "ctrl+k", "ctrl+u", "ctrl+w", "alt+d",
	"ctrl+y", "ctrl+_", "ctrl+r", "alt+enter", "enter", "alt+up", "alt+down", "esc"}
