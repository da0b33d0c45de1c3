// %help: what there is to do, by task.

package shell

import (
	"cmp"
	"fmt"
	"strings"

	"gsmlab/kernel/engine"
)

// topic is a part of %help: what it is about, and lines with what they do.
type topic struct {
	title string
	rows  [][]string
}

// tasks are the titles of %help in order, with the commands of each. Commands that no task names
// are under the last one, so that none is forgotten.
var tasks = []struct {
	title    string
	commands []string
}{
	{"Look around", []string{"help", "who", "demo", "version"}},
	{"Run Go", []string{"%", "exec", "args", "time", "timeout", "test"}},
	{"Look into a cell that stops", []string{"break", "step", "next", "out", "continue", "locals", "stack"}},
	{"Keep your work", []string{"save", "load", "checkpoint", "restore", "rm", "reset"}},
	{"Files, folders and the shell", []string{"cd", "env", "capture", "output", "with_inputs", "with_password"}},
	{"More", nil},
}

// showing says how a cell shows something.
var showing = [][]string{
	{"chart.Density(run)", "a chart: end the cell with a value that has a method SVG, PNG, HTML, Markdown or LaTeX, as charts do"},
	{"img", "an image: end the cell with an image.Image, or with the bytes of a PNG, a JPEG or an SVG"},
	{"gonbui.DisplayHTML(text)", "HTML; gonbui.UpdateHTML(id, text) replaces what it showed, while the cell runs"},
	{"gonbui.DisplayMarkdown(text)", "Markdown, with formulas between dollars"},
	{"display.Clear(true)", "begin again: what the cell shows next takes the place of what it has shown"},
}

// topics lists all commands but those of GoNB, by task.
func topics() []topic {
	var all []topic
	listed := map[string]bool{}
	for _, c := range foreignCommands {
		listed[c.Name] = true
	}
	for i, task := range tasks {
		t := topic{title: task.title}
		for _, name := range task.commands {
			if c, _ := find(name); c.run != nil {
				t.rows = append(t.rows, []string{c.usage(), c.Help})
				listed[c.Name] = true
			}
		}
		if i == len(tasks)-1 {
			for _, c := range commands {
				if !listed[c.Name] {
					t.rows = append(t.rows, []string{c.usage(), c.Help})
				}
			}
		}
		for _, row := range otherLines {
			if name := strings.HasPrefix(row[0], "NAME"); name && i == 0 || !name && task.title == "Files, folders and the shell" {
				t.rows = append(t.rows, row[:])
			}
		}
		if len(t.rows) > 0 {
			all = append(all, t)
		}
		if task.title == "Run Go" {
			all = append(all, topic{"Show something", showing})
		}
	}
	return all
}

// foreignRows lists GoNB's commands.
func foreignRows() (rows [][]string) {
	for _, c := range foreignCommands {
		why, _, _ := strings.Cut(c.More, "\n")
		rows = append(rows, []string{c.usage(), strings.TrimPrefix(strings.TrimSuffix(cmp.Or(why, c.Help), "."), "of GoNB: ")})
	}
	return rows
}

// helpPage lays topics out for a terminal, in one column for all, and for a page.
func helpPage(start, end string, topics []topic) engine.Bundle {
	var rows [][]string
	for _, t := range topics {
		rows = append(rows, t.rows...)
	}
	lines := strings.Split(aligned(rows), "\n")
	var plain, page strings.Builder
	plain.WriteString(start)
	page.WriteString(start)
	for _, t := range topics {
		if t.title != "" {
			fmt.Fprintf(&plain, "\n%s\n", t.title)
			fmt.Fprintf(&page, "\n**%s**\n", t.title)
		}
		for _, line := range lines[:len(t.rows)] {
			plain.WriteString("  " + line + "\n")
		}
		lines = lines[len(t.rows):]
		page.WriteString("\n" + markdownTable([]string{"line", "what it does"}, t.rows))
	}
	if end != "" {
		plain.WriteString("\n" + end)
		page.WriteString("\n" + end)
	}
	return engine.Bundle{"text/plain": plain.String(), "text/markdown": page.String()}
}
