// Each kind of error, and values, in the forms for all front ends.

package present

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gsmlab/kernel/engine"
)

// texts are the cells of a session.
func texts(all ...string) Sources {
	return func(cell int) (string, bool) {
		if cell < 1 || cell > len(all) {
			return "", false
		}
		return all[cell-1], true
	}
}

func at(cell, line, col int) engine.Place { return engine.Place{Cell: cell, Line: line, Col: col} }

// plain paints nothing; marks shows what would be painted.
type plain struct{}

func (plain) Bad(text string) string     { return text }
func (plain) Warning(text string) string { return text }
func (plain) Dim(text string) string     { return text }

var marks = strings.NewReplacer(red, "<red>", green, "<green>", reset, "</>")

// TestErrorsLookAlike: each kind of error in the three forms.
func TestErrorsLookAlike(t *testing.T) {
	cells := texts("func f(n int) {\n\tif n == 0 {\n\t\tpanic(\"boom\")\n\t}\n\tf(n-1)\n}", "\tf(30)", "%cd nowhere\nx := 1", "exit")
	for _, test := range []struct {
		name                     string
		err                      error
		jupyter, terminal, lines string
	}{
		{"compile", engine.Errors{{Kind: engine.KindCompile, Place: at(2, 1, 2), Msg: "undefined: f"}, {Kind: engine.KindCompile, Place: at(9, 1, 1), Msg: "gone"}},
			"<red>CompileError</>: cell[2]:1:2: undefined: f\n<green>---->   1</>      f(30)\n               <red>^</>\n<red>CompileError</>: cell[9]:1:1: gone",
			"cell[2]:1:2: undefined: f\n   1 |     f(30)\n     |     ^\ncell[9]:1:1: gone",
			"CompileError:\ncell[2]:1:2: undefined: f\ncell[9]:1:1: gone\n     1 | \tf(30)"},
		{"panic", &engine.CellError{Kind: engine.KindPanic, Place: at(1, 3, 0), Msg: "boom", Trace: []engine.Place{at(1, 3, 0), at(1, 5, 0), at(2, 1, 0)}},
			"<red>Panic</>: boom\n<green>cell[1]:3</>\n        1  func f(n int) {\n        2      if n == 0 {\n<green>---->   3</>          panic(\"boom\")\n        4      }\n        5      f(n-1)\n" +
				"<green>cell[1]:5</>  f(n-1)\n<green>cell[2]:1</>  f(30)",
			"cell[1]:3: panic: boom\n   3 |         panic(\"boom\")\ncalled from cell[1]:5\n   5 |     f(n-1)\ncalled from cell[2]:1\n   1 |     f(30)",
			"Panic:\ncell[1]:3: panic: boom\n  at cell[1]:3\n  at cell[1]:5\n  at cell[2]:1"},
		{"interrupt", engine.Interrupted(), "<red>Interrupted</>: the cell was stopped, the variables are kept", "interrupted", "Interrupted:\nthe cell was stopped, the variables are kept"},
		{"interrupt in a cell", &engine.CellError{Kind: engine.KindInterrupt, Place: at(1, 5, 0), Msg: "interrupted", Trace: []engine.Place{at(1, 5, 0), at(2, 1, 0)}},
			"<red>Interrupted</>: the cell was stopped at cell[1]:5, the variables are kept\n<green>cell[1]:5</>\n        3          panic(\"boom\")\n        4      }\n<green>---->   5</>      f(n-1)\n        6  }\n<green>cell[2]:1</>  f(30)",
			"interrupted at cell[1]:5, the variables are kept\n   5 |     f(n-1)\ncalled from cell[2]:1\n   1 |     f(30)",
			"Interrupted:\nthe cell was stopped at cell[1]:5, the variables are kept\n  at cell[1]:5\n  at cell[2]:1"},
		{"command", &engine.CellError{Kind: engine.KindCommand, Place: at(3, 1, 0), Msg: "%cd: open nowhere: no such file or directory"},
			"<red>CommandError</>: %cd: open nowhere: no such file or directory\n<green>cell[3]:1</>\n<green>---->   1</>  %cd nowhere\n        2  x := 1",
			"cell[3]:1: %cd: open nowhere: no such file or directory\n   1 | %cd nowhere",
			"CommandError:\ncell[3]:1: %cd: open nowhere: no such file or directory\n     1 | %cd nowhere"},
		{"crash", &engine.CellError{Kind: engine.KindCrash, Msg: "the worker ended", Lost: []string{"x"}},
			"<red>WorkerEnded</>: the worker ended\nhint: %checkpoint FILE keeps variables, %restore FILE brings them back",
			"the worker ended\nhint: %checkpoint FILE keeps variables, %restore FILE brings them back", "WorkerEnded:\nthe worker ended"},
		{"crash with a checkpoint", &engine.CellError{Kind: engine.KindCrash, Msg: "the worker ended", Lost: []string{"x", "f"}, Kept: []string{"x"}},
			"<red>WorkerEnded</>: the worker ended\nhint: %restore brings x back, as the session has saved it",
			"the worker ended\nhint: %restore brings x back, as the session has saved it", "WorkerEnded:\nthe worker ended"},
		{"crash without a loss", &engine.CellError{Kind: engine.KindCrash, Msg: "the worker ended"}, "<red>WorkerEnded</>: the worker ended", "the worker ended", "WorkerEnded:\nthe worker ended"},
		{"a word of a beginner", engine.Errors{{Kind: engine.KindCompile, Place: at(4, 1, 1), Msg: "undefined: exit"}},
			"<red>CompileError</>: cell[4]:1:1: undefined: exit\n<green>---->   1</>  exit\n           <red>^</>\nhint: Ctrl-D leaves",
			"cell[4]:1:1: undefined: exit\n   1 | exit\n     | ^\nhint: Ctrl-D leaves", "CompileError:\ncell[4]:1:1: undefined: exit\n     1 | exit"},
		{"not of a cell", errors.New("no compiler"), "<red>Error</>: no compiler", "no compiler", "Error:\nno compiler"},
		{"wrapped", fmt.Errorf("later: %w", &engine.CellError{Kind: engine.KindCompile, Place: at(2, 1, 40), Msg: "m"}),
			"<red>CompileError</>: cell[2]:1:40: m\n<green>---->   1</>      f(30)", "cell[2]:1:40: m\n   1 |     f(30)", "CompileError:\nlater: cell[2]:1:40: m\n     1 | \tf(30)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := marks.Replace(strings.Join(Traceback(test.err, cells), "\n")); got != test.jupyter {
				t.Errorf("in Jupyter:\n%s\nwant:\n%s", got, test.jupyter)
			}
			if got := Terminal(test.err, cells, plain{}); got != test.terminal {
				t.Errorf("at a terminal:\n%s\nwant:\n%s", got, test.terminal)
			}
			if got := strings.Join(Lines(test.err, cells), "\n"); got != test.lines {
				t.Errorf("in a file:\n%s\nwant:\n%s", got, test.lines)
			}
			if name := Name(test.err); !strings.HasPrefix(test.lines, name+":") || !strings.HasPrefix(test.jupyter, "<red>"+name) {
				t.Errorf("its name is %s", name)
			}
		})
	}
	if got := Message(engine.Interrupted()); strings.Contains(strings.ToLower(got), strings.ToLower(Name(engine.Interrupted()))) {
		t.Errorf("an interrupt is called %s: %s", Name(engine.Interrupted()), got)
	}
}

// TestWideColumns: the mark is below the column even after wide and combined characters.
func TestWideColumns(t *testing.T) {
	line := `s := "日本e` + "\u0301" + `" + z`
	err := engine.Errors{{Kind: engine.KindCompile, Place: at(1, 1, strings.IndexByte(line, 'z')+1), Msg: "undefined: z"}}
	if got := Terminal(err, texts(line), plain{}); !strings.HasSuffix(got, "     | "+strings.Repeat(" ", len(`s := "12345" + `))+"^") {
		t.Errorf("got\n%s", got)
	}
}

func TestSteps(t *testing.T) {
	write := func(all []step) string {
		var words []string
		for _, s := range all {
			switch {
			case s.left > 0:
				words = append(words, fmt.Sprintf("+%d", s.left))
			case s.times > 0:
				words = append(words, fmt.Sprintf("%dx%d", s.cycle, s.times))
			default:
				words = append(words, fmt.Sprint(s.at.Line))
			}
		}
		return strings.Join(words, " ")
	}
	trace := func(lines ...int) (all []engine.Place) {
		for _, line := range lines {
			all = append(all, at(1, line, 0))
		}
		return all
	}
	rising := make([]int, 40)
	for i := range rising {
		rising[i] = i + 1
	}
	for _, test := range []struct {
		lines []int
		most  int
		want  string
	}{
		{nil, 20, ""},
		{[]int{1, 2, 3}, 20, "1 2 3"},
		{[]int{1, 1}, 20, "1 1"},
		{[]int{9, 1, 1, 1, 1, 8}, 20, "9 1 1x4 8"},
		{[]int{9, 1, 2, 1, 2, 1, 2, 1, 7}, 20, "9 1 2 2x3 1 7"},
		{slices.Repeat([]int{1, 2, 3}, 1000), 8, "1 2 3 3x1000"},
		{rising, 20, "1 2 3 4 5 6 7 8 9 10 +20 31 32 33 34 35 36 37 38 39 40"},
		{rising, 8, "1 2 3 4 5 6 7 8 +32"},
		{append(slices.Clone(rising[:30]), slices.Repeat([]int{50, 51}, 100)...), 8, "1 2 3 4 5 6 7 8 +222"},
	} {
		if got := write(steps(trace(test.lines...), test.most)); got != test.want {
			t.Errorf("%d places: %s, want %s", len(test.lines), got, test.want)
		}
	}
	err := &engine.CellError{Kind: engine.KindPanic, Place: at(1, 1, 0), Msg: "deep", Trace: trace(slices.Repeat([]int{1, 2}, 100)...)}
	cells := texts("a()\nb()")
	for form, text := range map[string]string{"jupyter": strings.Join(Traceback(err, cells), "\n"), "terminal": Terminal(err, cells, plain{}), "file": strings.Join(Lines(err, cells), "\n")} {
		if !strings.Contains(text, "(the last 2 of these 100 times)") || strings.Count(text, "\n") > 7 {
			t.Errorf("%s:\n%s", form, text)
		}
	}
}

func TestInFile(t *testing.T) {
	err := engine.Errors{{Kind: engine.KindCompile, Place: at(1, 2, 3), Msg: "undefined: z"}, {Kind: engine.KindPanic, Place: at(1, 4, 0), Msg: "boom cell[1]:4"}, {Msg: "no place"}}
	got := InFile(err, func(at engine.Place) string { return Position("a.go:", at) })
	if want := "a.go:2:3: undefined: z\na.go:4: panic: boom cell[1]:4\nno place"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestData(t *testing.T) {
	got, err := json.Marshal(Data(engine.Bundle{
		"text/plain": "x", "image/png": []byte{1, 2, 3}, "image/svg+xml": []byte("<svg/>"),
		"application/json": `{"a": [1, 12345678901234567890]}`, "application/geo+json": "broken",
	}))
	want := `{"application/geo+json":"broken","application/json":{"a":[1,12345678901234567890]},"image/png":"AQID","image/svg+xml":"\u003csvg/\u003e","text/plain":"x"}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}

func TestForms(t *testing.T) {
	chart := engine.Bundle{"image/png": []byte{1}, "image/svg+xml": "<svg/>", "image/jpeg": []byte{}, "text/plain": "a chart"}
	for want, order := range map[string]Order{"image/png image/svg+xml": Pixels, "image/svg+xml image/png": Blocks, "image/svg+xml image/png text/plain": Page, "text/plain": Text} {
		if got := strings.Join(order.Forms(chart), " "); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestCaption(t *testing.T) {
	const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 50"><title>A  title</title><desc>and more</desc><g><title>not this</title></g></svg>`
	if got := Caption([]byte(svg)); got != "A title\nand more" {
		t.Errorf("caption %q", got)
	}
	for want, b := range map[string]engine.Bundle{"A title\nand more": {"image/svg+xml": svg}, "(image/png, 3 bytes)": {"image/png": []byte{1, 2, 3}}, "a": {"text/html": "<b>a</b>"}, "": {"text/plain": ""}} {
		if got := Plain(b); got != want {
			t.Errorf("%v as text: %q, want %q", b, got, want)
		}
	}
}
