package shell

import (
	"strings"
	"testing"
)

// TestHelp: %help names each command once, by task, and leaves GoNB's to a page of their own.
func TestHelp(t *testing.T) {
	text, _ := helpPage(helpStart, helpEnd, topics())["text/plain"].(string)
	foreign, _ := helpPage(gonbStart, "", []topic{{"", foreignRows()}})["text/plain"].(string)
	for _, c := range commands {
		isForeign := false
		for _, f := range foreignCommands {
			isForeign = isForeign || f.Name == c.Name
		}
		line := "\n  " + strings.TrimSpace(c.usage()) + " "
		if in, other := strings.Count(text, line), strings.Count(foreign, line); isForeign && (in != 0 || other != 1) || !isForeign && (in != 1 || other != 0) {
			t.Errorf("%%%s: %d times in %%help, %d times in %%help gonb", c.Name, in, other)
		}
	}
	for _, row := range otherLines {
		if strings.Count(text, "\n  "+row[0]+" ") != 1 {
			t.Errorf("%s is not in %%help once", row[0])
		}
	}
	for _, task := range tasks {
		for _, name := range task.commands {
			if c, _ := find(name); c.Name != name {
				t.Errorf("%s: there is no command %%%s", task.title, name)
			}
		}
	}
	for _, want := range []string{"Show something", "SVG", "image.Image", "gonbui.DisplayHTML", "gonbui.DisplayMarkdown"} {
		if !strings.Contains(text, want) {
			t.Errorf("%%help does not say %q", want)
		}
	}
}

// TestPercentTab: after a lone % Tab lists the commands.
func TestPercentTab(t *testing.T) {
	s := &Shell{}
	for text, want := range map[string]bool{"%": true, "x := 1\n%": true, "x := a %": false, "f(\n%": false} {
		if c := s.completeLone(text, len(text)); (len(c.Items) > 20) != want || want && (c.Start != len(text)-1 || c.End != len(text)) {
			t.Errorf("%q: %d commands from %d to %d", text, len(c.Items), c.Start, c.End)
		}
	}
}
