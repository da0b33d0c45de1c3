// The table of commands: it feeds %help, completion and inspection.

package shell

import (
	"fmt"
	"slices"
	"strings"

	"gsmlab/internal/nearest"
	"gsmlab/kernel/engine"
)

// Command is a line that starts with %.
type Command struct {
	Name, Args string
	Help       string // one line
	More       string // what %help NAME adds: details and examples
	Files      bool   // its argument is the name of a file
	also       []string
	run        func(r *run, args string) error
}

// commands is the table of commands: it feeds %help, completion and inspection. init fills it,
// because %help lists it.
var commands []Command

// Commands lists all commands.
func Commands() []Command { return commands }

func init() {
	commands = slices.Concat(sessionCommands, programCommands, debugCommands, fileCommands, foreignCommands)
}

var sessionCommands = []Command{
	{Name: "help", Args: "[COMMAND]", Help: "this list, or what one command does", run: help,
		More: "%help time\n%who?      the same"},
	{Name: "who", Help: "what cells have declared", run: who, also: []string{"ls", "list"}},
	{Name: "rm", Args: "NAME...", Help: "forget names; what uses them keeps them", run: remove, also: []string{"remove"},
		More: "%rm x f    later cells can declare the names again"},
	{Name: "reset", Help: "forget everything declared, and start a new worker process", run: reset,
		More: "Folder and environment stay as %cd and %env made them."},
	{Name: "time", Args: "[GO]", Help: "how long the rest of the cell takes: to check, build, load and run", run: startTimer,
		More: "%time f(100)     one expression\n%time            all that follows in the cell"},
	{Name: "timeout", Args: "TIME", Help: "interrupt the rest of the cell after that time, as Ctrl-C does", run: setTimeout,
		More: "%timeout 30s\ntrain()    the variables are kept, and later cells see how far it came"},
	{Name: "output", Args: "[SIZE|all]", Help: "limit what a cell shows on a page, or show the limit", run: setOutput,
		More: "%output 5MB    of longer output, show the beginning and the end; a note names a file with all of it\n%output all    no limit\nGSM_OUTPUT sets the limit for new sessions. At a prompt there is no limit until one is set."},
	{Name: "version", Help: "versions of the kernel and of Go", run: version},
}

var programCommands = []Command{
	{Name: "%", Args: "[ARGS...]", Help: "the rest of the cell is one function: its variables are local, return ends it", also: []string{"main"}, run: notHere,
		More: "%% -n=3\nfor i := range *n {\n\tfmt.Println(i)\n}\nARGS become os.Args[1:], and flags are parsed. Commands below a %% run before it. At a prompt an empty line ends the cell."},
	{Name: "exec", Args: "FUNC [ARGS...]", Help: "call a function with arguments, as %% does with its body", run: notHere},
	{Name: "test", Args: "[FLAGS]", Help: "run the tests and benchmarks of the cell with go test; if it has none, those of the session", run: setTest,
		More: "func TestDouble(t *testing.T) {\n\tif double(2) != 4 {\n\t\tt.Error(\"not 4\")\n\t}\n}\n%test\nTests run in a separate process. There, variables have the values that they were declared with.\n%test -test.run=Double -test.count=2"},
	{Name: "args", Args: "[ARGS...]", Help: "set os.Args[1:] for later cells; quotes keep spaces", run: setArgs,
		More: "%args -name=\"Ada Lovelace\" -v"},
	{Name: "env", Args: "[NAME[=]VALUE]", Help: "set an environment variable for cells and shell lines, or list them", run: setenv,
		More: "%env GOMLX_BACKEND xla:cpu\n%env NAME=value\n%env NAME        its value"},
	{Name: "cd", Args: "[DIR]", Help: "change the folder of cells and shell lines, or show it; - is the previous one", Files: true, run: chdir},
	{Name: "with_inputs", Help: "the next shell line may ask for input", run: func(r *run, _ string) error { r.ask = plainInput; return nil },
		More: "%with_inputs\n!read name; echo \"hello $name\""},
	{Name: "with_password", Help: "the next shell line may ask for a password", run: func(r *run, _ string) error { r.ask = secretInput; return nil }},
}

// foreignCommands are GoNB commands that mean nothing here. Notebooks with them still run.
var foreignCommands = []Command{
	foreign("goflags", "[FLAGS...]", "cells are loaded into one process, so all are built with the same flags"),
	foreign("autoget", "", "missing imports of the standard library, gsmlab and GoMLX are added automatically; get others with !*go get"),
	foreign("noautoget", "", "nothing is downloaded unless you ask with !*go get"),
	foreign("track", "[PATH]", "completion reads packages when they are imported, so nothing has to be tracked"),
	foreign("untrack", "[PATH]", "completion reads packages when they are imported, so nothing is tracked"),
	foreign("goworkfix", "", "the session has no go.work; use !*go mod edit -replace MODULE=DIR"),
	{Name: "widgets", Help: "of GoNB: not needed: gonbui's widgets work in a browser without it", run: widgets("widgets")},
	{Name: "widgets_hb", Help: "of GoNB: not needed: gonbui's widgets work in a browser without it", run: widgets("widgets_hb")},
	{Name: "wasm", Help: "of GoNB: does not apply here", run: func(r *run, _ string) error {
		r.skip = true
		r.out.Note("%wasm: cells run in this process and are not built for the browser: the Go of this cell is skipped")
		return nil
	}},
}

func foreign(name, args, why string) Command {
	return Command{Name: name, Args: args, Help: "of GoNB: does not apply here", More: why + ".", run: func(r *run, _ string) error {
		r.out.Note("%" + name + " does not apply: " + why)
		return nil
	}}
}

// widgets explains what replaces GoNB's command: the first widget opens the connection to the
// browser.
func widgets(name string) func(*run, string) error {
	return func(r *run, _ string) error {
		if _, browser := r.out.front.(engine.Widgets); browser {
			r.out.Note("%" + name + " is not needed: widgets work without it")
		} else {
			r.out.Note("%" + name + ": widgets need a browser, and there is none; values that cells read from them are empty")
		}
		return nil
	}
}

// notHere is for commands that parseCell handles where they are allowed.
func notHere(*run, string) error {
	return fmt.Errorf("a cell can have only one of %%%%, %%main and %%exec")
}

// find returns the command with the given name. If there is none, it returns the nearest name, or
// "" if none is near.
func find(name string) (Command, string) {
	var known []string
	for _, c := range commands {
		for _, n := range append([]string{c.Name}, c.also...) {
			if n == name {
				return c, ""
			}
			known = append(known, n)
		}
	}
	if guess, ok := nearest.Name(name, known); ok {
		return Command{}, guess
	}
	return Command{}, ""
}

// command carries out a line with %, ! or ?.
func (r *run) command(line string) error {
	if inspection.MatchString(line) {
		return r.inspect(strings.TrimSpace(strings.Trim(strings.TrimSpace(line), "?")))
	}
	if rest, ok := strings.CutPrefix(line, "!"); ok {
		if err := r.inTheWay(); err != nil && strings.HasPrefix(rest, "*") {
			return err
		}
		return r.shellLine(rest)
	}
	word, args, _ := strings.Cut(line[1:], " ")
	if r.cell.magic {
		if err := r.inTheWay(); err != nil {
			return err
		}
		return r.bodyCommand(line)
	}
	if bodyCommands["%"+word] {
		return fmt.Errorf("%%%s can only stand at the start of a cell, because it takes the whole cell", word)
	}
	if word == "%time" { // as in IPython
		word = "time"
	}
	c, nearest := find(word)
	if c.run == nil {
		remedy := "%help lists the commands"
		if nearest != "" {
			remedy = fmt.Sprintf("did you mean %%%s? %s", nearest, remedy)
		}
		return fmt.Errorf("%%%s: unknown command (%s)", word, remedy)
	}
	if err := r.inTheWay(); err != nil && !whileHeld[c.Name] {
		return err
	}
	return c.run(r, strings.TrimSpace(args))
}

func help(r *run, args string) error {
	name := strings.TrimLeft(args, "%!")
	switch {
	case name == "gonb":
		r.out.Page(helpPage(gonbStart, "", []topic{{"", foreignRows()}}))
		return nil
	case args == "!" || args == "!*":
		r.out.Page(engine.Bundle{"text/plain": shellHelp})
		return nil
	case args != "" && args != "%%":
		c, nearest := find(name)
		if c.run == nil {
			if nearest != "" {
				nearest = ": did you mean %" + nearest + "?"
			}
			return fmt.Errorf("%%help: there is no command %%%s%s", name, nearest)
		}
		r.out.Page(engine.Bundle{"text/plain": c.text()})
		return nil
	case args == "%%":
		c, _ := find("%")
		r.out.Page(engine.Bundle{"text/plain": c.text()})
		return nil
	}
	r.out.Page(helpPage(helpStart, helpEnd, topics()))
	return nil
}

const (
	helpStart = "A cell is Go: imports, declarations, statements and expressions in any order. Values stay from cell to cell.\n" +
		"Lines that start with % or ! are commands; they run where they are.\n"
	helpEnd   = "%help COMMAND says more about one, Tab completes, %demo shows GSM at work, %help gonb lists what remains of GoNB.\n"
	gonbStart = "Commands of GoNB that have nothing to do here. Notebooks with them run all the same.\n"
	shellHelp = "!COMMAND     run a shell command in the folder of the session (see %cd); a \\ at the end of a line joins the next\n" +
		"!*COMMAND    run it in the folder of the session's module, before all else in the cell\n" +
		"!*go get PKG add a module to the session\n"
)

// otherLines are what %help lists besides % commands.
var otherLines = [][2]string{
	{"%%writefile [-a] FILE", "write the rest of the cell to a file; -a appends"},
	{"%%bash, %%sh", "run the rest of the cell as a shell script"},
	{"%%script PROGRAM", "give the rest of the cell to a program as its input"},
	{"!COMMAND", "run a shell command"},
	{"!*COMMAND", "run it in the folder of the session's module: !*go get PACKAGE"},
	{"NAME?  ?NAME", "what a name is: type, documentation, value"},
}

// usage is how a command is written.
func (c Command) usage() string { return strings.TrimSpace("%" + c.Name + " " + c.Args) }

// text is the help of one command.
func (c Command) text() string {
	text := c.usage() + "\n    " + c.Help + "\n"
	for _, name := range c.also {
		text += "    also: %" + name + "\n"
	}
	for line := range strings.Lines(c.More) {
		text += "    " + strings.TrimSuffix(line, "\n") + "\n"
	}
	return text
}
