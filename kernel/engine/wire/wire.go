// Package wire is what goes between the engine and its worker process: commands in one direction,
// events in the other, each a line of JSON. Marks in the worker's two streams put events and
// streams in order. Everything that either side names is a typed constant here.
package wire

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"
)

// Do says what a command asks for.
type Do string

// The commands.
const (
	DoRun       Do = "run"       // load a plugin and run its cell
	DoLook      Do = "look"      // evaluate an expression
	DoInterrupt Do = "interrupt" // stop the running cell
	DoSetenv    Do = "setenv"
	DoChdir     Do = "chdir"
	DoArgs      Do = "args"     // change os.Args
	DoAnswer    Do = "answer"   // what the user typed
	DoComm      Do = "comm"     // a value for a widget
	DoSave      Do = "save"     // write variables to files
	DoLoad      Do = "load"     // read variables from files
	DoAutosave  Do = "autosave" // like save, without what takes long or runs code of cells
	DoAbort     Do = "abort"    // end an autosave early
	DoDebug     Do = "debug"    // a request of the debugger
)

// Command is a line that the engine sends to the worker.
type Command struct {
	Do      Do     `json:"do"`
	Path    string `json:"path,omitempty"`    // run: the plugin; chdir, save, load: the folder
	Package string `json:"package,omitempty"` // run: the import path of the plugin's package
	// run: plugins of packages that must be loaded first
	Before []string `json:"before,omitempty"`
	Cell   int      `json:"cell,omitempty"` // run, look: its number
	// run: its number as front ends show it; 0 for the engine's own
	Shown int    `json:"shown,omitempty"`
	Name  string `json:"name,omitempty"`  // setenv; comm: the address
	Value string `json:"value,omitempty"` // setenv; answer: the line; comm: JSON

	Look *Expr `json:"look,omitempty"` // look: what to evaluate
	Line int   `json:"line,omitempty"` // look: where it is in the cell
	// look: the value is the text of the event "done", and is not shown
	Quiet bool `json:"quiet,omitempty"`

	Request int    `json:"request,omitempty"` // answer: the input event that it answers
	Answer  Answer `json:"answer,omitempty"`  // answer: why there is no line

	Args  []string   `json:"args,omitempty"`  // args: os.Args from 1 on
	Flags []string   `json:"flags,omitempty"` // args: flags that are about to be defined again
	Vars  []Variable `json:"vars,omitempty"`  // save, load

	Debugging bool   `json:"debugging,omitempty"` // run: the plugin was built for debugging
	Debug     *Debug `json:"debug,omitempty"`     // debug
}

// Answer says how a question to the user ended.
type Answer string

// The answers.
const (
	AnswerLine      Answer = ""          // with a line
	AnswerEnd       Answer = "eof"       // the input has ended
	AnswerNobody    Answer = "none"      // there is nobody to ask
	AnswerWithdrawn Answer = "withdrawn" // the question was withdrawn
)

// EventKind says what an event reports.
type EventKind string

// The events.
const (
	EventReady   EventKind = "ready"   // the worker has started
	EventResult  EventKind = "result"  // the value of a last expression
	EventDisplay EventKind = "display" // rich output
	EventClear   EventKind = "clear"   // remove what the cell has shown
	EventInput   EventKind = "input"   // a question to the user
	EventComm    EventKind = "comm"    // a message of a widget
	EventDone    EventKind = "done"    // the end of a command's work
	// a goroutine that a cell started has ended by a panic, or by os.Exit
	EventFailed EventKind = "failed"
	// the cell that was interrupted runs deferred functions; with a text, one waits for another
	EventLeaving EventKind = "leaving"
	EventDebug   EventKind = "debug" // what the debugger has to say
)

// Event is a line that the worker sends to the engine. Before each, the worker writes Mark(Seq) to
// its standard output and error, so that the engine can restore the true order of all three.
type Event struct {
	Kind EventKind `json:"kind"`
	Seq  int       `json:"seq"`
	// input: the prompt; comm: the address; done, failed: the panic's message; done: the value of a
	// quiet look-up
	Text string `json:"text,omitempty"`

	Status Status `json:"status,omitempty"` // done, failed
	Trace  string `json:"trace,omitempty"`  // done after a panic or an interrupt, failed: the stack
	// failed: the cell that started the goroutine, as front ends show it; leaving: the cell; 0: not
	// known
	Cell int           `json:"cell,omitempty"`
	Load time.Duration `json:"load,omitempty"` // done: time to load the plugin
	Run  time.Duration `json:"run,omitempty"`  // done: time that the cell ran
	Dir  string        `json:"dir,omitempty"`  // done: the working folder
	// done: the cell's changes to the environment
	Env []Setenv `json:"env,omitempty"`

	// done: a goroutine that the cell started has failed, not the cell itself
	Goroutine bool `json:"goroutine,omitempty"`
	Shown     bool `json:"shown,omitempty"` // done: a failed event has said so before

	// result, display: the forms that are text, by MIME type
	Data map[string]string `json:"data,omitempty"`
	// result, display: the others; base64 in the line
	Binary   map[string][]byte `json:"binary,omitempty"`
	Metadata json.RawMessage   `json:"metadata,omitempty"` // display
	ID       string            `json:"id,omitempty"`       // display: its ID for updates
	// clear: only when something new is shown
	Wait bool `json:"wait,omitempty"`

	Asker   Asker `json:"asker,omitempty"`   // input
	Request int   `json:"request,omitempty"` // input: its number
	Secret  bool  `json:"secret,omitempty"`  // input

	Comm  CommOp          `json:"comm,omitempty"`  // comm
	Value json.RawMessage `json:"value,omitempty"` // comm

	Debug *Debugged `json:"debug,omitempty"` // debug
}

// Setenv is a change of the environment.
type Setenv struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	Unset bool   `json:"unset,omitempty"`
}

// Status says how a cell ended.
type Status string

// The ways a cell ends.
const (
	StatusOK          Status = "ok"
	StatusPanic       Status = "panic"
	StatusInterrupted Status = "interrupted"
	StatusFailed      Status = "failed" // its plugin could not be loaded
	// it called os.Exit, with the code in the text, or runtime.Goexit
	StatusExit Status = "exit"
)

// Asker says what in the worker asks the user.
type Asker string

// The askers.
const (
	AskerRead    Asker = "read"    // a read of os.Stdin
	AskerCall    Asker = "call"    // a call of package display, which waits
	AskerRequest Asker = "request" // gonbui.RequestInput, which does not wait
)

// CommOp says what a widget wants from the browser.
type CommOp string

// The operations of widgets.
const (
	CommSend        CommOp = "send"        // the value is for the browser
	CommRead        CommOp = "read"        // the browser should send the value of the address
	CommSubscribe   CommOp = "subscribe"   // the browser should send each change of the value
	CommUnsubscribe CommOp = "unsubscribe" // the browser should stop sending changes
)

// Stream is one of the worker's two streams.
type Stream int

// The streams.
const (
	Stdout  Stream = 0
	Stderr  Stream = 1
	Streams        = 2 // how many there are
)

// CommandsFile and EventsFile are the worker's file descriptors for the two pipes.
const (
	CommandsFile = 3
	EventsFile   = 4
)

// Mark is written to the streams before event seq.
func Mark(seq int) string { return fmt.Sprintf("\x00\x01gsm%d\x02", seq) }

// MarkStart begins a mark.
const MarkStart = "\x00\x01"

// MarkPattern finds marks; its group is the number.
var MarkPattern = regexp.MustCompile("\x00\x01gsm([0-9]+)\x02")

// Variable is a variable to save or load.
type Variable struct {
	Name  string `json:"name"`
	Cell  int    `json:"cell"`          // the number of its package
	Built string `json:"built"`         // its name there
	File  string `json:"file"`          // its file or folder
	Err   string `json:"err,omitempty"` // why it could not be saved or loaded
}

// Report says how saving or loading went; it is in the file ReportFile of the command's folder.
type Report struct {
	Vars  []Variable
	Types map[string]bool // the types that interfaces in the saved values held
}

// ReportFile is the name of the file with the Report.
const ReportFile = "report.json"
