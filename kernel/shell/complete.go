// Completion and inspection of commands and file names, and of Go through the engine.

package shell

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gsmlab/kernel/engine"
)

// Complete says what may be at offset, in bytes: commands, file names, then Go. It answers while a
// cell runs too.
func (s *Shell) Complete(text string, offset int) engine.Completion {
	offset = min(max(offset, 0), len(text))
	if c := s.completeLone(text, offset); len(c.Items) > 0 {
		return c
	}
	p, at, isCommand := partAt(text, offset)
	if isCommand {
		line, _, _ := strings.Cut(p, "\n")
		return s.completeCommand(line, at, offset)
	}
	return s.eng.Complete(p, offset)
}

// completeLone lists the commands after a % that has its line to itself. That is no command yet,
// and no Go where a statement could start.
func (s *Shell) completeLone(text string, offset int) engine.Completion {
	if !strings.HasSuffix("\n"+text[:offset], "\n%") || !strings.HasPrefix(text[offset:]+"\n", "\n") {
		return engine.Completion{}
	}
	if _, at, isCommand := partAt(text[:offset]+"x"+text[offset:], offset); isCommand {
		return s.completeCommand("%", at, offset)
	}
	return engine.Completion{}
}

func shifted(c engine.Completion, by int) engine.Completion {
	c.Start += by
	c.End += by
	return c
}

// partAt returns the command that contains offset, and where it starts. Otherwise it returns all Go
// of the text, with blanks for the commands, so that offsets stay.
func partAt(text string, offset int) (part string, start int, command bool) {
	golang := []byte(text)
	for start < len(text) {
		start += nextCommand(text[start:])
		if start == len(text) {
			break
		}
		_, used := joined(text[start:])
		if end := start + used; start <= offset && (offset < end || end == len(text) && !strings.HasSuffix(text, "\n")) {
			return text[start:end], start, true
		}
		for i := range used {
			if golang[start+i] != '\n' {
				golang[start+i] = ' '
			}
		}
		start += used
	}
	return string(golang), 0, false
}

// completeCommand completes a command line that starts at start in the text.
func (s *Shell) completeCommand(line string, start, offset int) engine.Completion {
	typed := line[:min(offset-start, len(line))]
	blank := strings.LastIndexAny(typed, " \t")
	if blank < 0 && !strings.HasPrefix(typed, "!") {
		c := engine.Completion{Start: start, End: offset}
		for _, cmd := range commands {
			for _, name := range append([]string{cmd.Name}, cmd.also...) {
				if strings.HasPrefix("%"+name, typed) {
					c.Items = append(c.Items, engine.Item{Text: "%" + name, Kind: "command", Signature: cmd.Args})
				}
			}
		}
		for name := range bodyCommands {
			if strings.HasPrefix(name, typed) {
				c.Items = append(c.Items, engine.Item{Text: name, Kind: "command"})
			}
		}
		slices.SortFunc(c.Items, func(a, b engine.Item) int { return cmp.Compare(a.Text, b.Text) })
		return c
	}
	word := typed[blank+1:]
	c := engine.Completion{Start: offset - len(word), End: offset}
	name, _, _ := strings.Cut(strings.TrimPrefix(line, "%"), " ")
	switch cmd, _ := find(name); {
	case name == "help":
		return s.completeHelp(word, c)
	case name == "time":
		from := len("%time ")
		return shifted(s.eng.Complete(line[from:], offset-start-from), start+from)
	case name == "rm", name == "remove":
		for _, n := range s.eng.Who() {
			if strings.HasPrefix(n.Name, word) {
				c.Items = append(c.Items, engine.Item{Text: n.Name, Kind: n.Kind, Signature: n.Type})
			}
		}
	case strings.HasPrefix(line, "!"), bodyCommands["%"+name], cmd.Files:
		if blank < 0 { // the word is the name of a program
			word = strings.TrimPrefix(strings.TrimPrefix(word, "!"), "*")
			c.Start = offset - len(word)
		}
		c.Items = s.fileNames(word)
	}
	return c
}

func (s *Shell) completeHelp(word string, c engine.Completion) engine.Completion {
	for _, cmd := range commands {
		if strings.HasPrefix(cmd.Name, strings.TrimPrefix(word, "%")) {
			c.Items = append(c.Items, engine.Item{Text: cmd.Name, Kind: "command", Signature: cmd.Args})
		}
	}
	return c
}

const maxFileNames = 500

// fileNames lists the files and folders whose paths begin with word.
func (s *Shell) fileNames(word string) (items []engine.Item) {
	dir, base := filepath.Split(word)
	where := s.eng.Dir()
	if dir != "" {
		where = s.path(dir)
	}
	entries, _ := os.ReadDir(where) // nothing to read, nothing to complete
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, base) || base == "" && strings.HasPrefix(name, ".") || len(items) == maxFileNames {
			continue
		}
		if info, err := os.Stat(filepath.Join(where, name)); err == nil && info.IsDir() {
			name += "/"
		}
		items = append(items, engine.Item{Text: dir + name, Kind: "file"})
	}
	return items
}

// Inspect says what is at offset, in bytes: a command or a Go name. It answers while a cell runs
// too.
func (s *Shell) Inspect(text string, offset int) (engine.Inspection, bool) {
	offset = min(max(offset, 0), len(text))
	p, _, isCommand := partAt(text, offset)
	if !isCommand {
		return s.eng.Inspect(p, offset)
	}
	line := strings.TrimSpace(p)
	if inspection.MatchString(line) {
		name := strings.TrimSpace(strings.Trim(line, "?"))
		if !strings.HasPrefix(name, "%") {
			return s.inspectName(name)
		}
		line = name
	}
	word, _, _ := strings.Cut(strings.TrimPrefix(line, "%"), " ")
	if bodyCommands["%"+word] {
		for _, row := range otherLines {
			if strings.Contains(row[0], "%"+word) {
				return engine.Inspection{Name: "%" + word, Kind: "command", Signature: row[0], Doc: row[1]}, true
			}
		}
	}
	c, _ := find(word)
	if c.run == nil {
		return engine.Inspection{}, false
	}
	doc := c.Help
	if c.More != "" {
		doc += "\n\n" + c.More
	}
	return engine.Inspection{Name: "%" + c.Name, Kind: "command", Signature: c.usage(), Doc: doc}, true
}

// inspectName looks up a Go name.
func (s *Shell) inspectName(name string) (engine.Inspection, bool) {
	return s.eng.Inspect(name, len(name))
}

// inspect is `x?` in a cell.
func (r *run) inspect(name string) error {
	found, ok := r.Inspect(name+"?", 0)
	if !ok {
		return fmt.Errorf("%s?: nothing is called %s", name, name)
	}
	r.out.Page(InspectionPage(found))
	return nil
}

// InspectionText is an inspection as plain text.
func InspectionText(i engine.Inspection) string {
	text := inspected(i)
	if i.Doc != "" {
		text += "\n" + strings.TrimSpace(i.Doc) + "\n"
	}
	return text
}

// inspected is an inspection without documentation, as Go.
func inspected(i engine.Inspection) string {
	text := cmp.Or(i.Signature, i.Kind+" "+i.Name) + "\n"
	if i.Value != "" {
		text += "= " + i.Value + "\n"
	}
	return text
}

// InspectionPage is an inspection as text, and as Markdown for those that render it.
func InspectionPage(i engine.Inspection) engine.Bundle {
	code := strings.TrimSpace(inspected(i))
	fence := "```" // longer than any in the code
	for strings.Contains(code, fence) {
		fence += "`"
	}
	page := fence + "go\n" + code + "\n" + fence + "\n"
	if i.Doc != "" {
		page += "\n" + i.Markdown()
	}
	return engine.Bundle{"text/plain": InspectionText(i), "text/markdown": page}
}
