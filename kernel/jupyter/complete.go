package jupyter

import (
	"unicode/utf8"

	"gsmlab/kernel/engine"
	"gsmlab/kernel/present"
	"gsmlab/kernel/shell"
)

// cursor is the cursor's position in a request; the protocol counts code points.
type cursor struct {
	Code   string `json:"code"`
	Cursor *int   `json:"cursor_pos"` // missing: the end
}

// offset returns the cursor as a byte offset. A cursor beyond the code counts as its end.
func (c cursor) offset() int {
	if c.Cursor == nil {
		return len(c.Code)
	}
	n := 0
	for i := range c.Code {
		if n >= *c.Cursor {
			return i
		}
		n++
	}
	return len(c.Code)
}

// kinds are the names that front ends show, if they differ from ours.
var kinds = map[string]string{
	"package": "module", "var": "variable", "func": "function", "const": "constant", "command": "magic", "file": "path",
}

func (k *kernel) complete(m *message) (map[string]any, error) {
	var at cursor
	if err := m.decode(&at); err != nil {
		return nil, err
	}
	offset := at.offset()
	c := engine.Completion{Start: offset, End: offset}
	if sh := k.shellNow(); sh != nil {
		c = sh.Complete(at.Code, offset)
	}
	start, end := utf8.RuneCountInString(at.Code[:c.Start]), utf8.RuneCountInString(at.Code[:c.End])
	matches, types := []string{}, []any{}
	for _, item := range c.Items {
		kind := kinds[item.Kind]
		if kind == "" {
			kind = item.Kind
		}
		matches = append(matches, item.Text)
		types = append(types, map[string]any{"start": start, "end": end, "text": item.Text, "type": kind, "signature": item.Signature})
	}
	return map[string]any{
		"matches": matches, "cursor_start": start, "cursor_end": end,
		"metadata": map[string]any{"_jupyter_types_experimental": types},
	}, nil
}

func (k *kernel) inspect(m *message) (map[string]any, error) {
	var at cursor
	if err := m.decode(&at); err != nil {
		return nil, err
	}
	answer := map[string]any{"found": false, "data": emptyObject, "metadata": emptyObject}
	sh := k.shellNow()
	if sh == nil {
		return answer, nil
	}
	if found, ok := sh.Inspect(at.Code, at.offset()); ok {
		answer["found"] = true
		answer["data"] = present.Data(shell.InspectionPage(found))
	}
	return answer, nil
}
