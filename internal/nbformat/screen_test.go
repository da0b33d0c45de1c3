// Tests of overwritten text, such as progress bars, against what terminals show, and of the
// language of a notebook.

package nbformat

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/charmbracelet/x/vt"
	"github.com/schollz/progressbar/v3"
)

func TestScreen(t *testing.T) {
	for name, test := range map[string][2]string{
		"colours stay":            {"\x1b[31mred\x1b[0m and \x1b[1;4mbold\x1b[m\n", "\x1b[31mred\x1b[0m and \x1b[1;4mbold\x1b[m\n"},
		"over colours":            {"\x1b[31m10%\x1b[0m\r\x1b[32m100%\x1b[0m\n", "\x1b[32m100%\x1b[0m\n"},
		"half over colours":       {"\x1b[31mabcd\x1b[0m\r\x1b[32mxy\x1b[0m", "\x1b[32mxy\x1b[0;31mcd\x1b[0m"},
		"rest of the line":        {"long text\rab\x1b[K\nend", "ab\nend"},
		"rest, with a number":     {"long text\rab\x1b[0K", "ab"},
		"start of the line":       {"long text\x1b[3D\x1b[1K", "       xt"},
		"the line":                {"gone\x1b[2K\rhere", "here"},
		"the line, cursor stays":  {"gone\x1b[2Khere", "    here"},
		"up and down":             {"one\ntwo\nthree\n\x1b[3A1\x1b[1B\x1b[G2\x1b[E3\n", "1ne\n2wo\n3hree\n"},
		"bars of several lines":   {"a 1\nb 1\n\x1b[2A\x1b[2Ka 2\n\x1b[2Kb 2\n\x1b[2Fa 3\nb 3\n", "a 3\nb 3\n"},
		"below":                   {"a\nb\nc\n\x1b[2A\x1b[JB\n", "a\nB\n"},
		"clear the screen":        {"old\nold\n\x1b[2J\x1b[Hnew\n", "new\n"},
		"home and clear":          {"old\nold\n\x1b[H\x1b[2Jnew\n", "new\n"},
		"save and restore":        {"ab\x1b7cd\x1b8x\x1b[scd\x1b[uy", "abxyd"},
		"columns":                 {"abcdef\x1b[2Gx\x1b[2Cy", "axcdyf"},
		"beyond the end":          {"ab\x1b[6Gx", "ab   x"},
		"characters":              {"abcdef\r\x1b[2P\x1b[1@\x1b[2C\x1b[1X", " c ef"},
		"wide characters":         {"日本語\b\bx", "日本x "},
		"tabs":                    {"a\tb\rx", "x\tb"},
		"titles and pictures":     {"a\x1b]0;title\ab\x1bP0q#0~-\x1b\\c\x1b_Gf=1;AAAA\x1b\\d", "abcd"},
		"links keep their text":   {"\x1b]8;;https://go.dev\x1b\\Go\x1b]8;;\x1b\\", "Go"},
		"modes go":                {"\x1b[?25lbar\x1b[?25h\x1b(B\x1b=", "bar"},
		"colours over lines":      {"\x1b[33ma\nb\rc\nd\x1b[0m", "\x1b[33ma\nc\nd\x1b[0m"},
		"many colours":            {"\x1b[38;5;208ma\x1b[48;2;1;2;3mb\x1b[39mc\x1b[22;0md\r\n\re", "\x1b[38;5;208ma\x1b[48;2;1;2;3mb\x1b[39mc\x1b[22;0md\ne"},
		"many colours, written":   {"....\r\x1b[38;5;208ma\x1b[48;2;1;2;3mb\x1b[39mc\x1b[0md", "\x1b[38;5;208ma\x1b[0;38;5;208;48;2;1;2;3mb\x1b[0;48;2;1;2;3mc\x1b[0md"},
		"cut off in a sequence":   {"ab\x1b[3", "ab"},
		"a broken sequence":       {"a\x1b[3\nb", "a\nb"},
		"huge numbers":            {"a\x1b[999999999Cb\x1b[999999999A\x1b[99999999999999999999Dc", "c" + strings.Repeat(" ", 78) + "b"},
		"line feeds of a program": {"a\r\nb\r\n", "a\nb\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Overwritten(test[0]); got != test[1] {
				t.Errorf("%q: %q, want %q", test[0], got, test[1])
			}
			var s Screen
			for i := range len(test[0]) { // in pieces of a byte, where all bytes are characters
				if strings.Contains(name, "wide") {
					s.Write(test[0])
					break
				}
				s.Write(test[0][i : i+1])
			}
			if got := s.String(); got != test[1] {
				t.Errorf("%q in pieces: %q, want %q", test[0], got, test[1])
			}
		})
	}
}

// TestProgressBars: each progress bar of GoNB's tutorial ends as one line, with its colours.
func TestProgressBars(t *testing.T) {
	for name, options := range map[string][]progressbar.Option{
		"plain":   nil,
		"colours": {progressbar.OptionEnableColorCodes(true), progressbar.OptionSetDescription("[green]work[reset]")},
		"ansi":    {progressbar.OptionUseANSICodes(true), progressbar.OptionSetDescription("work")},
		"both":    {progressbar.OptionUseANSICodes(true), progressbar.OptionEnableColorCodes(true), progressbar.OptionSetDescription("[cyan]work[reset]"), progressbar.OptionShowCount()},
	} {
		var written strings.Builder
		bar := progressbar.NewOptions(50, append(options, progressbar.OptionSetWriter(&written), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false), progressbar.OptionThrottle(0))...)
		for range 50 {
			if err := bar.Add(1); err != nil {
				t.Fatal(err)
			}
		}
		io.WriteString(&written, "\ndone\n")
		got := Overwritten(written.String())
		lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
		if len(lines) != 2 || lines[1] != "done" || !strings.Contains(lines[0], "100%") || strings.Count(lines[0], "%") != 1 || strings.ContainsAny(got, "\r\b") {
			t.Errorf("%s: %q of %q", name, got, written.String())
		}
		if colours := strings.Contains(written.String(), "\x1b[32m") || strings.Contains(written.String(), "\x1b[36m"); colours != strings.Contains(lines[0], "\x1b[3") {
			t.Errorf("%s: %q: colours are to stay", name, lines[0])
		}
		if rest := strings.NewReplacer("\x1b[36m", "", "\x1b[32m", "", "\x1b[0m", "").Replace(got); strings.Contains(rest, "\x1b") {
			t.Errorf("%s: sequences are left in %q", name, got)
		}
	}
}

// TestScreenIsThatOfATerminal compares with a terminal emulator, on texts that fit on its screen.
// Wide characters are left out, because the emulator keeps half of one.
func TestScreenIsThatOfATerminal(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		var text strings.Builder
		for range 2 + random.IntN(25) {
			n := random.IntN(6)
			switch random.IntN(14) {
			case 0:
				text.WriteString("\r")
			case 1:
				text.WriteString("\b")
			case 2:
				text.WriteString("\r\n")
			case 3:
				fmt.Fprintf(&text, "\x1b[%dK", n%3)
			case 4:
				text.WriteString(fmt.Sprintf("\x1b[%d", n+1) + string("ABCDEFG"[random.IntN(7)]))
			case 5:
				fmt.Fprintf(&text, "\x1b[%dm", 30+n)
			case 7:
				fmt.Fprintf(&text, "\x1b[%dX", n+1)
			default:
				text.WriteString("abcdef"[:n])
			}
		}
		terminal := vt.NewEmulator(150, 30)
		terminal.WriteString(text.String())
		lines := strings.Split(terminal.String(), "\n")
		for i := range lines {
			lines[i] = strings.TrimRight(lines[i], " ")
		}
		want := strings.TrimRight(strings.Join(lines, "\n"), "\n")
		lines = strings.Split(escapes.Replace(Overwritten(text.String())), "\n")
		for i := range lines {
			lines[i] = strings.TrimRight(lines[i], " ")
		}
		if got := strings.TrimRight(strings.Join(lines, "\n"), "\n"); got != want {
			t.Fatalf("%q:\n%s\nwant:\n%s", text.String(), got, want)
		}
	}
}

// escapes removes the sequences that TestScreenIsThatOfATerminal uses.
var escapes = func() *strings.Replacer {
	list := []string{"\r", "", "\x1b[0m", ""}
	for n := range 6 {
		list = append(list, fmt.Sprintf("\x1b[%dm", 30+n), "", fmt.Sprintf("\x1b[0;%dm", 30+n), "")
	}
	return strings.NewReplacer(list...)
}()

func FuzzScreen(f *testing.F) {
	f.Add("a\x1b[31m\tb\r日\x1b[2Ac\x1b[J\b\x1b[K\x1b]0;x\a\x1b[5Gx\n", 3)
	f.Fuzz(func(t *testing.T, text string, cut int) {
		if len(text) > 4000 {
			return
		}
		var s Screen
		s.Write(text)
		if once := s.String(); Overwritten(once) != once {
			t.Errorf("%q: %q, and again %q", text, once, Overwritten(once))
		}
	})
}

func TestLanguage(t *testing.T) {
	const code = `{"cell_type":"code","metadata":{"vscode":{"languageId":%q}},"source":"x"}`
	for _, test := range []struct{ metadata, cells, want string }{
		{`{"kernelspec":{"name":"a","language":"golang"}}`, "", "go"},
		{`{"kernelspec":{"name":"gonb","display_name":"Go (gonb)"}}`, "", "go"},
		{`{"kernelspec":{"name":"go1.26"}}`, "", "go"},
		{`{"kernelspec":{"name":"google"}}`, "", ""},
		{`{"kernelspec":{"name":"a"},"language_info":{"name":"Go"}}`, "", "go"},
		{`{}`, fmt.Sprintf(code, "shellscript") + "," + fmt.Sprintf(code, "go"), "go"},
		{`{}`, fmt.Sprintf(code, "python"), "python"},
		{`{"kernelspec":{"name":"gonb"}}`, fmt.Sprintf(code, "shellscript"), "go"},
		{`{"kernelspec":{"name":"python3"}}`, fmt.Sprintf(code, "go"), "go"},
		{`{"kernelspec":{"name":"python3","language":"python"}}`, fmt.Sprintf(code, "go"), "go"},
		{`{"language_info":{"name":"python"}}`, fmt.Sprintf(code, "go") + "," + fmt.Sprintf(code, "go"), "go"},
		{`{"kernelspec":{"name":"python3","language":"python"}}`, fmt.Sprintf(code, "go") + "," + fmt.Sprintf(code, "python"), "python"},
	} {
		data := `{"cells":[` + test.cells + `],"metadata":` + test.metadata + `,"nbformat":4,"nbformat_minor":4}`
		for _, mark := range []string{"", "\ufeff"} {
			nb, err := Parse([]byte(mark + data))
			if err != nil {
				t.Fatal(err)
			}
			if _, got := nb.Kernel(); got != test.want {
				t.Errorf("%s %s: %q, want %q", test.metadata, test.cells, got, test.want)
			}
			written, err := nb.Bytes()
			if err != nil || strings.HasPrefix(string(written), "\ufeff") != (mark != "") || !strings.Contains(string(written), "languageId") != (test.cells == "") {
				t.Errorf("%v: written as %q", err, written)
			}
		}
	}
	if _, err := Parse([]byte("\xff\xfe{\x00}\x00")); err == nil || !strings.Contains(err.Error(), "iconv -f UTF-16 -t UTF-8 FILE") {
		t.Errorf("UTF-16: %v", err)
	}
}
