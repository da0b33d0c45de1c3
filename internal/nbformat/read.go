// Reading notebook files, with errors that name the cell.

package nbformat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Read reads a notebook from a file. Errors name the file, and the cell where there is one.
func Read(path string) (*Notebook, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("nbformat: %w", err)
	}
	nb, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", path, strings.ReplaceAll(err.Error(), "FILE", path))
	}
	return nb, nil
}

// byteOrderMark may begin a file that was written on Windows. It is kept.
const byteOrderMark = "\ufeff"

// Parse reads a notebook.
func Parse(data []byte) (*Notebook, error) {
	data, mark := bytes.CutPrefix(data, []byte(byteOrderMark))
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errors.New("the file is empty, a notebook is JSON")
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return nil, errors.New("not a notebook: the text is UTF-16, a notebook is UTF-8; convert it: iconv -f UTF-16 -t UTF-8 FILE > UTF8.ipynb")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // 1.0 and large numbers stay as they are
	var top map[string]any
	if err := decoder.Decode(&top); err != nil {
		return nil, notJSON(data, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("not a notebook: line %d: there is more text after the end of the JSON", lineOf(data, decoder.InputOffset()))
	}
	nb := &Notebook{rest: top, mark: mark}
	if err := nb.version(); err != nil {
		return nil, err
	}
	var err error
	if nb.Metadata, err = takeObject(top, "metadata"); err != nil {
		return nil, err
	}
	list, ok := top["cells"].([]any)
	if !ok {
		return nil, errors.New("not a notebook: it has no list of cells")
	}
	delete(top, "cells")
	for i, value := range list {
		m, ok := value.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("cell %d is not a JSON object", i+1)
		}
		c, err := readCell(m)
		if err != nil {
			return nil, fmt.Errorf("cell %d: %w", i+1, err)
		}
		nb.Cells = append(nb.Cells, c)
	}
	return nb, nil
}

// notJSON says where the JSON is wrong.
func notJSON(data []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("not a notebook: line %d is not JSON: %w", lineOf(data, syntax.Offset), err)
	case errors.As(err, &kind):
		return errors.New("not a notebook: it is JSON, but not an object")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("not a notebook: the JSON ends in the middle: the file may have been cut off")
	}
	return fmt.Errorf("not a notebook: %w", err)
}

func lineOf(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(max(offset, 0), int64(len(data)))], []byte("\n"))
}

func (nb *Notebook) version() error {
	major, ok := takeInt(nb.rest, "nbformat")
	minor, _ := takeInt(nb.rest, "nbformat_minor")
	switch {
	case !ok:
		return errors.New("not a notebook: it has no nbformat (the version of the format)")
	case major < 4:
		return fmt.Errorf("the notebook has format %d, which is outdated; convert it: jupyter nbconvert --to notebook --nbformat 4 FILE", major)
	case major > 4:
		return fmt.Errorf("the notebook has format %d, newer than this program knows; convert it: jupyter nbconvert --to notebook --nbformat 4 FILE", major)
	}
	nb.Minor = max(minor, 0)
	return nil
}

func takeInt(m map[string]any, key string) (n int, ok bool) {
	number, isNumber := m[key].(json.Number)
	delete(m, key)
	if !isNumber {
		return 0, false
	}
	long, err := number.Int64()
	return int(long), err == nil
}

// takeObject takes an object that may be missing out of m.
func takeObject(m map[string]any, key string) (map[string]any, error) {
	value, there := m[key]
	delete(m, key)
	if !there || value == nil {
		return map[string]any{}, nil
	}
	o, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is not a JSON object", key)
	}
	return o, nil
}

func takeString(m map[string]any, key string) (string, error) {
	value, there := m[key]
	delete(m, key)
	text, ok := value.(string)
	if there && !ok {
		return "", fmt.Errorf("%s is not a string", key)
	}
	return text, nil
}

// takeText takes text that is a string or a list of its lines.
func takeText(m map[string]any, key string) (string, error) {
	value, there := m[key]
	delete(m, key)
	text, ok := joinLines(value)
	if there && !ok {
		return "", fmt.Errorf("%s is neither a string nor a list of strings", key)
	}
	return text, nil
}

func joinLines(value any) (string, bool) {
	if text, ok := value.(string); ok {
		return text, true
	}
	list, ok := value.([]any)
	if !ok {
		return "", false
	}
	var all strings.Builder
	for _, v := range list {
		line, ok := v.(string)
		if !ok {
			return "", false
		}
		all.WriteString(line)
	}
	return all.String(), true
}

func readCell(m map[string]any) (*Cell, error) {
	c := &Cell{rest: m}
	var err error
	if c.Type, err = takeString(m, "cell_type"); err != nil {
		return nil, err
	}
	switch c.Type {
	case "code", "markdown", "raw":
	case "":
		return nil, errors.New("it has no cell_type")
	default:
		return nil, fmt.Errorf("unknown cell_type %q: code, markdown and raw are known", c.Type)
	}
	if c.ID, err = takeString(m, "id"); err != nil {
		return nil, err
	}
	if _, there := m["source"]; !there {
		return nil, errors.New("it has no source")
	}
	if c.Source, err = takeText(m, "source"); err != nil {
		return nil, err
	}
	if c.Metadata, err = takeObject(m, "metadata"); err != nil {
		return nil, err
	}
	if attachments, ok := m["attachments"].(map[string]any); ok {
		for _, data := range attachments {
			if bundle, ok := data.(map[string]any); ok {
				joinBundle(bundle)
			}
		}
	}
	if c.Type != "code" {
		return c, nil
	}
	c.Count, _ = takeInt(m, "execution_count")
	list, ok := m["outputs"].([]any)
	if value := m["outputs"]; !ok && value != nil {
		return nil, errors.New("outputs is not a list")
	}
	delete(m, "outputs")
	for i, value := range list {
		o, err := readOutput(value)
		if err != nil {
			return nil, fmt.Errorf("output %d: %w", i+1, err)
		}
		c.Outputs = append(c.Outputs, o)
	}
	return c, nil
}

func readOutput(value any) (o Output, err error) {
	m, ok := value.(map[string]any)
	if !ok {
		return o, errors.New("it is not a JSON object")
	}
	o.rest = m
	if o.Type, err = takeString(m, "output_type"); err != nil {
		return o, err
	}
	switch o.Type {
	case "stream":
		if o.Name, err = takeString(m, "name"); err == nil {
			o.Text, err = takeText(m, "text")
		}
	case "execute_result", "display_data":
		if o.Type == "execute_result" {
			o.Count, _ = takeInt(m, "execution_count")
		}
		if o.Data, err = takeObject(m, "data"); err == nil {
			joinBundle(o.Data)
			o.Metadata, err = takeObject(m, "metadata")
		}
	case "error":
		if o.Ename, err = takeString(m, "ename"); err == nil {
			o.Evalue, err = takeString(m, "evalue")
		}
		list, _ := m["traceback"].([]any)
		delete(m, "traceback")
		for _, line := range list {
			text, _ := line.(string)
			o.Traceback = append(o.Traceback, text)
		}
	default:
		err = fmt.Errorf("unknown output_type %q: stream, display_data, execute_result and error are known", o.Type)
	}
	return o, err
}

// joinBundle joins lines; JSON types may have lists that are no lines.
func joinBundle(data map[string]any) {
	for mime, value := range data {
		if mime == "application/json" || strings.HasSuffix(mime, "+json") {
			continue
		}
		if text, ok := joinLines(value); ok {
			data[mime] = text
		}
	}
}
