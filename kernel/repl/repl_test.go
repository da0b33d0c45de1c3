// Tests of a session at a real terminal (a pty), typed as a user would.

package repl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gsmlab/internal/ptyscreen"
	"gsmlab/kernel/engine"
	"gsmlab/kernel/shell"
)

// user is a user at a terminal with a kernel. The tests in this file share one session, because
// starting a kernel takes long.
type user struct {
	*ptyscreen.Screen
	t     *testing.T
	cell  int
	ended chan error
}

// environment is what the prompt sees.
func environment(overrides map[string]string) func(string) string {
	return func(name string) string {
		if value, ok := overrides[name]; ok {
			return value
		}
		return map[string]string{"TERM": "xterm-256color", "COLORTERM": "truecolor"}[name]
	}
}

func newUser(t *testing.T, env map[string]string, begin func(context.Context, shell.Options) (*shell.Shell, error)) *user {
	t.Helper()
	t.Setenv("XTERM_VERSION", "the emulator does not break lines anew")
	history, err := shell.OpenHistory(filepath.Join(t.TempDir(), "history.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	u := &user{Screen: ptyscreen.New(t, 80, 24), t: t, cell: 1, ended: make(chan error, 1)}
	opt := Options{In: u.TTY, Out: u.TTY, Err: u.TTY, History: history, Getenv: environment(env), Start: begin}
	go func() { u.ended <- Run(context.Background(), opt) }()
	return u
}

// prompt waits for the prompt of the next cell.
func (u *user) prompt() {
	u.t.Helper()
	u.Ends(fmt.Sprintf("In[%d]:", u.cell))
}

// run types a cell and waits for its output.
func (u *user) run(keys, shows string) {
	u.t.Helper()
	if keys != "" { // else it is already typed
		u.prompt()
	}
	u.Type(keys + "\r")
	u.cell++
	if shows != "" {
		shows += "\n"
	}
	u.Ends(fmt.Sprintf("%sIn[%d]:", shows, u.cell))
}

// clean clears the screen.
func (u *user) clean() {
	u.t.Helper()
	u.Type("\x0c")
	u.Until("a clear screen", func(screen string) bool { return screen == fmt.Sprintf("In[%d]:", u.cell) })
}

func (u *user) leave() {
	u.t.Helper()
	u.prompt()
	u.Type("\x04")
	if err := <-u.ended; err != nil {
		u.t.Errorf("it ended with %v", err)
	}
}

func TestSession(t *testing.T) {
	if err := engine.Supported(); err != nil {
		t.Skip(err)
	}
	if testing.Short() {
		t.Skip("builds cells")
	}
	u := newUser(t, map[string]string{"GSM_GRAPHICS": "blocks"}, nil)
	for _, step := range []struct {
		name string
		do   func(*testing.T, *user)
	}{
		{"welcome", func(t *testing.T, u *user) {
			u.Wait("%demo", "%help", "Tab", "Ctrl-R", "Ctrl-D")
			u.run("x := 40", "")
			u.run("x + 2", "42")
		}},
		{"multi-line edit", func(t *testing.T, u *user) {
			u.clean()
			u.Type("func add(n int) int {\r")
			u.At(11, 1) // indented
			u.Type("return n\r")
			u.At(11, 2)
			u.Type("}")
			u.Ends("  ...:     return n\n  ...: }")
			u.Type("\x1b[A\x05 + x\r") // up, to the end of the line
			u.cell++
			u.run("add(1)", "41")
		}},
		{"error", func(t *testing.T, u *user) {
			u.clean()
			u.Paste("y := add(1) +\tz")
			u.Ends("z")
			u.run("", fmt.Sprintf("cell[%d]:1:15: undefined: z\n   1 | y := add(1) +    z\n     |                  ^", u.cell))
			if screen := u.Render(); !strings.Contains(screen, "\x1b[91m") {
				t.Errorf("the error is not red:\n%q", screen)
			}
		}},
		{"panic", func(t *testing.T, u *user) {
			u.clean()
			u.run("func bad() { panic(\"no\") }", "")
			u.run("bad()", fmt.Sprintf("cell[%d]:1: panic: no\n   1 | func bad() { panic(\"no\") }\ncalled from cell[%d]:1\n   1 | bad()", u.cell-1, u.cell))
		}},
		{"completion", func(t *testing.T, u *user) {
			u.clean()
			u.Type("strings.HasP\t")
			u.Ends("strings.HasPrefix")
			u.Type("(\"ab\", \"a\")\r")
			u.cell++
			u.Ends(fmt.Sprintf("true\nIn[%d]:", u.cell))
			u.clean()
			u.Type("strings.Split\t")
			u.Wait("SplitAfter ", "SplitN ", "SplitSeq ", "func")
			u.Type("\t\t")
			u.Wait("> SplitAfter ")
			u.Type("\r(")
			u.Wait("strings.SplitAfter(\n", "func strings.SplitAfter(s")
			u.Type("\x03")
			u.Wait("Ctrl-C again")
			u.Type(" \x7f") // a key removes the hint
			u.prompt()
		}},
		{"documentation", func(t *testing.T, u *user) {
			u.clean()
			u.run("strings.ToUpper?", "")
			u.Wait("func strings.ToUpper(s string) string", "upper case")
			u.run("x?", "")
			u.Wait("40")
		}},
		{"history", func(t *testing.T, u *user) {
			u.clean()
			u.Type("\x12add(1")
			u.Wait("In["+fmt.Sprint(u.cell)+"]: y := add(1) +    z", "search: add(1")
			// an older one, taken
			u.Type("\x12\r")
			// with the signature, because the cursor is in the call
			u.Ends(fmt.Sprintf("In[%d]: add(1)\nfunc add(n int) int", u.cell))
			u.run("", "41")
			u.run("\x1b[A\x1b[D\x7f2", "42") // Up, and change the number
		}},
		{"paste", func(t *testing.T, u *user) {
			u.clean()
			var b strings.Builder
			b.WriteString("total := 0\nfor i := range 40 {\n")
			for i := range 30 {
				fmt.Fprintf(&b, "\ttotal += i - %d\n", i)
			}
			b.WriteString("}\ntotal")
			u.Paste(b.String())
			u.Ends("...: total")
			u.run("", "6000")
			if all := u.All(); !strings.Contains(all, "In["+fmt.Sprint(u.cell-1)+"]: total := 0\n") || strings.Contains(all, "↑") {
				t.Errorf("the whole cell is not there:\n%s", all)
			}
		}},
		{"interrupt", func(t *testing.T, u *user) {
			u.clean()
			u.Type("n := 0; for { if n++; n == 1 { fmt.Println(\"running\") } }\r")
			u.Wait("\nrunning")
			u.Type("\x03")
			u.cell++
			u.Wait(fmt.Sprintf("interrupted at cell[%d]:1, the variables are kept\n   1 | n := 0; for", u.cell-1))
			u.prompt()
			u.run("fmt.Println(n > 0, x)", "true 40")
		}},
		{"progress", func(t *testing.T, u *user) {
			u.clean()
			u.run("for i := range 3 { fmt.Printf(\"\\r%d%%\", i*50); time.Sleep(20*time.Millisecond) }", "100%")
			u.clean()
			u.run("go func() { for i := range 5 { time.Sleep(50*time.Millisecond); fmt.Printf(\"\\r%d of 5\", i+1) } }()", "")
			u.Type("typed")
			u.Ends(fmt.Sprintf("\n5 of 5\nIn[%d]: typed", u.cell))
			if screen := u.Text(); strings.Contains(screen, "4 of 5") {
				t.Errorf("not in place:\n%s", screen)
			}
			u.Type("\x15")
			u.clean()
			u.run("go func() { for i := range 10_000 { fmt.Println(\"line\", i) } }()", "")
			u.Ends(fmt.Sprintf("\nline 9998\nline 9999\nIn[%d]:", u.cell))
		}},
		{"input", func(t *testing.T, u *user) {
			u.clean()
			u.Type("var name string; fmt.Print(\"Name: \"); fmt.Scanln(&name); name\r")
			u.Ends("Name:")
			u.cell++
			u.Type("Ada\r")
			u.Ends(fmt.Sprintf("Name: Ada\n\"Ada\"\nIn[%d]:", u.cell))
			u.Type("secret, _ := display.Password(\"Password: \"); len(secret)\r")
			u.Wait("\nPassword:")
			u.cell++
			u.Type("abc\r")
			u.Ends(fmt.Sprintf("Password: •••\n3\nIn[%d]:", u.cell))
			u.Type("display.Input(\"Go on? \")\r")
			u.Wait("\nGo on?")
			u.Type("never\x03")
			u.cell++
			u.Wait(fmt.Sprintf("interrupted at cell[%d]:1, the variables are kept", u.cell-1))
			u.prompt()
		}},
		{"picture", func(t *testing.T, u *user) {
			u.clean()
			u.Type("p := image.NewGray(image.Rect(0, 0, 6, 4)); for i := range p.Pix { p.Pix[i] = 200 }; p\r")
			u.cell++
			u.Ends(fmt.Sprintf("\n▀▀▀▀▀▀\n▀▀▀▀▀▀\nIn[%d]:", u.cell))
			u.run("gonbui.DisplaySvg(\"<svg viewBox='0 0 50 10'><title>A red box</title><rect width='50' height='10' fill='#f00'/></svg>\")", strings.Repeat("▀", 79)+"\nA red box")
		}},
		{"display in place", func(t *testing.T, u *user) {
			u.clean()
			u.run("gonbui.UpdateHtml(\"a\", \"<b>one</b>\"); fmt.Println(\"between\"); gonbui.UpdateHtml(\"a\", \"<b>two</b>\")", "two\nbetween")
			u.run("for i := range 40 { fmt.Println(\"row\", i) }; for i := range 3 { gonbui.UpdateHtml(\"a\", fmt.Sprintf(\"<b>update %d</b>\", i)) }", "row 39\nupdate 2")
			u.clean()
			u.run("fmt.Println(\"gone\"); display.Clear(true); fmt.Println(\"stays\")", "stays")
			if screen := u.Text(); strings.Contains(screen, "gone\n") {
				t.Errorf("not cleared:\n%s", screen)
			}
		}},
		{"Go is coloured", func(t *testing.T, u *user) {
			u.clean()
			u.Type("%demo show\r")
			u.cell++
			u.Ends(fmt.Sprintf("100*before)\nIn[%d]:", u.cell))
			if raw := u.Raw(); !strings.Contains(raw, "\x1b["+keywordStyle+"mimport\x1b[m") || !strings.Contains(raw, "\x1b["+numberStyle+"m3_000\x1b[m") {
				t.Errorf("not coloured: %q", raw[max(0, len(raw)-4000):])
			}
		}},
		{"commands", func(t *testing.T, u *user) {
			u.clean()
			u.run("%who", "")
			u.Wait("\nadd ", "\nx ")
			u.run("!echo from the shell", "from the shell")
			u.run("exit", fmt.Sprintf("cell[%d]:1:1: undefined: exit\n   1 | exit\n     | ^\nhint: Ctrl-D leaves", u.cell))
			u.run("%nope", "%nope: unknown command (%help lists the commands)")
		}},
		{"resize", func(t *testing.T, u *user) {
			u.clean()
			u.Type(strings.Repeat("0+", 30) + "1")
			u.Resize(40, 20)
			resized()
			u.Ends(fmt.Sprintf("In[%d]: %s0\n        +%s1", u.cell, strings.Repeat("0+", 15), strings.Repeat("0+", 14)))
			u.Resize(80, 24)
			resized()
			u.run("", "1")
		}},
		{"crash", func(t *testing.T, u *user) {
			u.clean()
			time.Sleep(3 * time.Second) // when idle, the session saves itself
			u.run("syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 3, 0, 0)", "")
			u.Wait("exit status 3", "hint: %restore brings ")
			u.run("1", "1")
		}},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.do(t, u) }) {
			t.FailNow()
		}
	}
	u.leave()
}

// TestStart checks what a user sees while the kernel starts, and when it cannot.
func TestStart(t *testing.T) {
	fail := make(chan error)
	u := newUser(t, map[string]string{"NO_COLOR": "1"}, func(ctx context.Context, opt shell.Options) (*shell.Shell, error) {
		opt.Engine.Say(engine.Step{Text: "compiling packages for cells", Done: 120, Of: 733})
		select {
		case err := <-fail:
			return nil, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	u.prompt()
	u.Type("1 + 1\r")
	u.Wait("starting the kernel, ", " s; compiling packages for cells (120 of at most 733)")
	u.Type("\x03")
	u.cell++
	u.Ends("interrupted\nIn[2]:")
	fail <- errors.New("engine: no compiler")
	u.Ends("the kernel does not start: engine: no compiler\nThe next cell tries again.\nIn[2]:")
	u.Type("1 + 1\r")
	fail <- errors.New("engine: still no compiler")
	u.cell++
	u.Wait("engine: still no compiler\nIn[3]:")
	u.Until("no colours", func(string) bool { return true })
	if raw := u.Raw(); strings.Contains(raw, "\x1b[91m") || strings.Contains(raw, "\x1b[32m") {
		t.Errorf("colours despite NO_COLOR: %q", raw)
	}
	u.leave()
}

// resized tells the process that its terminal has a new size.
func resized() { syscall.Kill(os.Getpid(), syscall.SIGWINCH) }
