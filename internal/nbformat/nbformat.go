// Package nbformat reads and writes Jupyter notebooks, format 4. It keeps fields that it does not
// know and lays files out as Jupyter does. So a notebook that is read and written changes only
// where somebody changed it.
package nbformat

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"

	"gsmlab/internal/atomicfile"
)

// Notebook is a notebook of format 4.Minor.
type Notebook struct {
	Minor    int
	Metadata map[string]any
	Cells    []*Cell
	rest     map[string]any // other fields
	mark     bool           // the file begins with a byte order mark
}

// Cell is one cell.
type Cell struct {
	Type     string // "code", "markdown" or "raw"
	ID       string // "" before format 4.5
	Source   string
	Metadata map[string]any
	Outputs  []Output // of code
	Count    int      // execution count of a code cell; 0: not executed
	rest     map[string]any
}

// Output is something that a cell has shown.
type Output struct {
	Type string // "stream", "display_data", "execute_result" or "error"

	Name, Text string // stream: "stdout" or "stderr"

	Data     map[string]any // display_data, execute_result: MIME type to string, or to a JSON value
	Metadata map[string]any // display_data, execute_result
	Count    int            // execute_result

	Ename, Evalue string // error
	Traceback     []string

	rest map[string]any
}

// New returns an empty notebook for a kernel.
func New(kernel, displayName, language string) *Notebook {
	return &Notebook{Minor: 5, Metadata: map[string]any{
		"kernelspec":    map[string]any{"name": kernel, "display_name": displayName, "language": language},
		"language_info": map[string]any{"name": language, "file_extension": "." + language, "mimetype": "text/x-" + language},
	}}
}

// Add appends a cell with the given type and source.
func (nb *Notebook) Add(kind, source string) *Cell {
	c := &Cell{Type: kind, Source: source, Metadata: map[string]any{}}
	if nb.Minor >= 5 {
		c.ID = newID()
	}
	nb.Cells = append(nb.Cells, c)
	return c
}

func newID() string {
	var id [4]byte
	rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// Tags lists the tags of a cell.
func (c *Cell) Tags() (tags []string) {
	list, _ := c.Metadata["tags"].([]any)
	for _, tag := range list {
		if text, ok := tag.(string); ok {
			tags = append(tags, text)
		}
	}
	return tags
}

// Append adds an output. Text for the same stream as the last output is appended to that output.
func (c *Cell) Append(o Output) {
	if k := len(c.Outputs); k > 0 && o.Type == "stream" {
		if last := &c.Outputs[k-1]; last.Type == "stream" && last.Name == o.Name {
			last.Text += o.Text
			return
		}
	}
	c.Outputs = append(c.Outputs, o)
}

// Bytes returns the notebook as Jupyter writes it: keys sorted, indented by one, text as lists of
// lines.
func (nb *Notebook) Bytes() ([]byte, error) {
	top := fields(nb.rest)
	top["nbformat"], top["nbformat_minor"], top["metadata"] = 4, nb.Minor, object(nb.Metadata)
	cells := make([]any, len(nb.Cells))
	for i, c := range nb.Cells {
		cells[i] = c.json()
	}
	top["cells"] = cells
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(top); err != nil {
		return nil, fmt.Errorf("nbformat: %w", err)
	}
	text := separators.Replace(b.String())
	if nb.mark {
		text = byteOrderMark + text
	}
	return []byte(text), nil
}

// separators undoes an escape of Go's that Python does not use. It passes over an escaped
// backslash.
var separators = strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029")

// Write writes the notebook to a file, which appears whole or not at all.
func (nb *Notebook) Write(path string) error {
	data, err := nb.Bytes()
	if err != nil {
		return err
	}
	before, statErr := os.Stat(path)
	if err := atomicfile.WriteBytes(path, data); err != nil {
		return fmt.Errorf("nbformat: %w", err)
	}
	if statErr == nil && before.Mode().Perm() != 0o644 {
		if err := os.Chmod(path, before.Mode().Perm()); err != nil {
			return fmt.Errorf("nbformat: %w", err)
		}
	}
	return nil
}

// fields starts an object with the fields that we do not know.
func fields(rest map[string]any) map[string]any {
	if rest == nil {
		return map[string]any{}
	}
	return maps.Clone(rest)
}

func object(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// count returns an execution count, or null if there is none.
func count(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

func (c *Cell) json() map[string]any {
	m := fields(c.rest)
	m["cell_type"], m["metadata"], m["source"] = c.Type, object(c.Metadata), splitLines(c.Source)
	if c.ID != "" {
		m["id"] = c.ID
	}
	if attachments, ok := m["attachments"].(map[string]any); ok {
		split := map[string]any{}
		for name, data := range attachments {
			if bundle, ok := data.(map[string]any); ok {
				data = splitBundle(bundle)
			}
			split[name] = data
		}
		m["attachments"] = split
	}
	if c.Type == "code" {
		outputs := make([]any, len(c.Outputs))
		for i, o := range c.Outputs {
			outputs[i] = o.json()
		}
		m["outputs"], m["execution_count"] = outputs, count(c.Count)
	}
	return m
}

func (o Output) json() map[string]any {
	m := fields(o.rest)
	m["output_type"] = o.Type
	switch o.Type {
	case "stream":
		m["name"], m["text"] = o.Name, splitLines(o.Text)
	case "execute_result":
		m["execution_count"] = count(o.Count)
		fallthrough
	case "display_data":
		m["data"], m["metadata"] = splitBundle(o.Data), object(o.Metadata)
	case "error":
		trace := o.Traceback
		if trace == nil {
			trace = []string{}
		}
		m["ename"], m["evalue"], m["traceback"] = o.Ename, o.Evalue, trace
	}
	return m
}

// splitBundle splits text into lines, as Jupyter does.
func splitBundle(data map[string]any) map[string]any {
	split := map[string]any{}
	for mime, value := range data {
		text, ok := value.(string)
		if ok && (strings.HasPrefix(mime, "text/") || mime == "application/javascript" || mime == "image/svg+xml") {
			value = splitLines(text)
		}
		split[mime] = value
	}
	return split
}

// splitLines splits like Python's splitlines(True), so that Jupyter writes the same file.
func splitLines(text string) []string {
	lines := []string{}
	start := 0
	for i, r := range text {
		switch r {
		case '\n', '\v', '\f', '\x1c', '\x1d', '\x1e', '\x85', '\u2028', '\u2029':
		case '\r':
			if strings.HasPrefix(text[i+1:], "\n") {
				continue
			}
		default:
			continue
		}
		end := i + len(string(r))
		lines = append(lines, text[start:end])
		start = end
	}
	if start < len(text) {
		lines = append(lines, text[start:])
	}
	return lines
}

// Attachments are the pictures to which the cell's markdown refers as attachment:NAME: MIME type to
// text or base64.
func (c *Cell) Attachments() map[string]map[string]string {
	all := map[string]map[string]string{}
	attachments, _ := c.rest["attachments"].(map[string]any)
	for name, value := range attachments {
		bundle, _ := value.(map[string]any)
		all[name] = map[string]string{}
		for mime, data := range bundle {
			if text, ok := data.(string); ok {
				all[name][mime] = text
			}
		}
	}
	return all
}
