// The history of inputs, shared by the kernels on a machine.

package shell

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/gofrs/flock"

	"gsmlab/internal/atomicfile"
)

// Entry is an input of the history. Lines count from 1 within a session; line 0 only marks the
// start of a session.
type Entry struct {
	Session int    `json:"session"`
	Line    int    `json:"line"`
	Input   string `json:"input,omitempty"`
	Output  string `json:"output,omitempty"` // the text of the result, or ""
	At      string `json:"at,omitempty"`     // the front end; "" if unknown
}

const (
	maxHistory = 4 << 20   // size of the file in bytes, beyond which the older half is dropped
	maxInput   = 256 << 10 // a longer input is not kept
	maxOutput  = 8 << 10   // a longer output is cut
)

// History is the list of inputs of all sessions. It is a file of JSON lines that several kernels
// can use at once. If the file cannot be used, the history lives in memory.
type History struct {
	At   string // the front end that adds: AtPrompt, AtJupyter
	path string // "": memory only

	mu      sync.Mutex
	session int
	line    int
	memory  []Entry
}

// HistoryFile is the file of the history: $XDG_STATE_HOME/gsmlab/history.jsonl or the like.
func HistoryFile() (string, error) {
	dir := os.Getenv("XDG_STATE_HOME")
	if dir == "" && runtime.GOOS == "linux" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(home, ".local", "state")
	}
	if dir == "" {
		var err error
		if dir, err = os.UserConfigDir(); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "gsmlab", "history.jsonl"), nil
}

// The front ends that add to the history.
const (
	AtPrompt  = "prompt"
	AtJupyter = "jupyter"
)

// OpenHistory opens the history at path, or at HistoryFile if path is "", and begins a session. It
// always returns a history: after an error, one in memory.
func OpenHistory(path string) (*History, error) {
	h := &History{session: 1}
	if path == "" {
		var err error
		if path, err = HistoryFile(); err != nil {
			return h, fmt.Errorf("shell: the history is kept in memory only: %w", err)
		}
	}
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = locked(path, func() error { return h.begin(path) })
	}
	if err != nil {
		return &History{session: 1}, fmt.Errorf("shell: the history is kept in memory only: %w", err)
	}
	h.path = path
	return h, nil
}

// locked runs f while no other kernel changes the file.
func locked(path string, f func() error) error {
	lock := flock.New(path + ".lock")
	if err := lock.Lock(); err != nil {
		return err
	}
	return errors.Join(f(), lock.Unlock())
}

// begin takes the next session number. It shrinks the file if it has grown too large.
func (h *History) begin(path string) error {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries := decode(data)
	for _, e := range entries {
		h.session = max(h.session, e.Session+1)
	}
	if len(data) > maxHistory {
		data = newest(entries, maxHistory/2)
		if err := atomicfile.WritePrivate(path, data); err != nil {
			return err
		}
	}
	return appendTo(path, Entry{Session: h.session})
}

// newest encodes the last entries that fit into size bytes. It drops the marks of sessions without
// inputs.
func newest(entries []Entry, size int) []byte {
	var lines [][]byte
	for _, e := range slices.Backward(entries) {
		if e.Line == 0 {
			continue
		}
		line, err := json.Marshal(e)
		if size -= len(line) + 1; err != nil || size < 0 {
			break
		}
		lines = append(lines, append(line, '\n'))
	}
	slices.Reverse(lines)
	return bytes.Join(lines, nil)
}

// appendTo adds a line in one write. If a crash cut off the last line, it first ends that line.
func appendTo(path string, e Entry) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600) // inputs may hold secrets
	if err != nil {
		return err
	}
	defer f.Close()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if info, err := f.Stat(); err != nil {
		return err
	} else if last := []byte{'\n'}; info.Size() > 0 {
		if _, err := f.ReadAt(last, info.Size()-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	if _, err := f.Write(line); err != nil {
		return err
	}
	return f.Close()
}

// decode reads what it can and passes over lines that are not entries.
func decode(data []byte) (entries []Entry) {
	for line := range bytes.Lines(data) {
		var e Entry
		if json.Unmarshal(line, &e) == nil && e.Session > 0 && e.Line >= 0 {
			entries = append(entries, e)
		}
	}
	return entries
}

// Session is the number of this session.
func (h *History) Session() int { return h.session }

// Add appends an input of this session with the text of its result.
func (h *History) Add(input, output string) error { return h.add(input, output, true) }

// AddUnattended is Add for inputs that nobody typed, in a notebook that runs unattended. Only this
// session sees them; they do not enter a person's history.
func (h *History) AddUnattended(input, output string) error { return h.add(input, output, false) }

func (h *History) add(input, output string, typed bool) error {
	if strings.TrimSpace(input) == "" {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.line++
	if len(input) > maxInput {
		return nil
	}
	if len(output) > maxOutput {
		output = strings.ToValidUTF8(output[:maxOutput], "") + "..."
	}
	e := Entry{h.session, h.line, input, output, h.At}
	if h.path == "" || !typed {
		h.memory = append(h.memory, e)
		return nil
	}
	if err := locked(h.path, func() error { return appendTo(h.path, e) }); err != nil {
		return fmt.Errorf("shell: history: %w", err)
	}
	return nil
}

// entries returns all inputs in the order of sessions and lines.
func (h *History) entries() []Entry {
	h.mu.Lock()
	all := slices.Clone(h.memory)
	h.mu.Unlock()
	if h.path != "" {
		data, _ := os.ReadFile(h.path) // nothing to read is an empty history
		all = append(decode(data), all...)
	}
	all = slices.DeleteFunc(all, func(e Entry) bool { return e.Line == 0 })
	slices.SortStableFunc(all, func(a, b Entry) int { return cmp.Or(cmp.Compare(a.Session, b.Session), cmp.Compare(a.Line, b.Line)) })
	return all
}

// last returns the last n entries, or all if n <= 0.
func last(entries []Entry, n int) []Entry {
	if n <= 0 || n > len(entries) {
		return entries
	}
	return entries[len(entries)-n:]
}

// Tail returns the last n entries of all sessions, oldest first, or all if n <= 0.
func (h *History) Tail(n int) []Entry { return last(h.entries(), n) }

// Recall is Tail for a user who steps back through it: the latest session of the same front end
// comes last, even if another front end started after it.
func (h *History) Recall(n int) []Entry {
	all := h.entries()
	latest := 0
	for _, e := range all {
		if e.At == h.At && e.Session != h.session {
			latest = max(latest, e.Session)
		}
	}
	slices.SortStableFunc(all, func(a, b Entry) int { return cmp.Compare(recency(a, latest, h.session), recency(b, latest, h.session)) })
	return last(all, n)
}

// recency puts the latest session after all others, and the running one after that.
func recency(e Entry, latest, now int) int {
	switch e.Session {
	case now:
		return 2
	case latest:
		return 1
	}
	return 0
}

// Range returns the entries of a session from line start up to, but not including, stop; with stop
// <= 0, up to its end. Session 0 is this one, -1 the one before it, and so on.
func (h *History) Range(session, start, stop int) []Entry {
	if session <= 0 {
		session += h.session
	}
	return slices.DeleteFunc(h.entries(), func(e Entry) bool {
		return e.Session != session || e.Line < start || stop > 0 && e.Line >= stop
	})
}

// Search returns the last n entries (all if n <= 0), oldest first, whose whole input matches a glob
// with *, ? and [a-z]. With unique, it keeps only the latest of equal inputs.
func (h *History) Search(glob string, n int, unique bool) []Entry {
	match := globPattern(glob)
	seen := map[string]bool{}
	var found []Entry
	for _, e := range slices.Backward(h.entries()) {
		if !match.MatchString(e.Input) || unique && seen[e.Input] {
			continue
		}
		seen[e.Input] = true
		if found = append(found, e); len(found) == n {
			break
		}
	}
	slices.Reverse(found)
	return found
}

// globPattern turns a glob into a regular expression. A [ that opens no class is an ordinary
// character.
func globPattern(glob string) *regexp.Regexp {
	var b strings.Builder
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		case '[':
			end := strings.IndexByte(glob[min(i+2, len(glob)):], ']')
			if end < 0 {
				b.WriteString(`\[`)
				continue
			}
			class := glob[i+1 : i+2+end]
			if rest, ok := strings.CutPrefix(class, "^"); ok {
				class = "^" + classText(rest)
			} else {
				class = classText(class)
			}
			b.WriteString("[" + class + "]")
			i += 2 + end
		default:
			b.WriteString(regexp.QuoteMeta(glob[i : i+1]))
		}
	}
	re, err := regexp.Compile("(?s)^(?:" + b.String() + ")$")
	if err != nil { // a class such as [z-a]
		re = regexp.MustCompile("(?s)^" + regexp.QuoteMeta(glob) + "$")
	}
	return re
}

func classText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `^`, `\^`).Replace(s)
}
