package edit

import (
	"context"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// ReadLine asks for one line. If there is an unfinished line of output, it asks after that. A
// secret is shown as dots. Its errors are Read's.
func ReadLine(ctx context.Context, t *Terminal, prompt string, secret bool) (string, error) {
	prompt = t.adopt() + prompt
	hooks := Hooks{
		Prompt: func() (string, string) { return prompt, strings.Repeat(" ", ansi.StringWidth(prompt)) },
		Status: func(string) (string, string) { return "complete", "" },
		Secret: secret,
	}
	line, err := Read(ctx, t, hooks)
	return strings.ReplaceAll(line, "\n", " "), err
}

// adopt removes an unfinished line of output and returns it: it is a question that waits for its
// answer.
func (t *Terminal) adopt() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := t.cursor.line
	if t.shown || t.cursor.lost || t.cursor.col == 0 || t.cursor.col != ansi.StringWidth(line) || t.cursor.col > t.width/2 {
		return ""
	}
	t.write("\r\x1b[K")
	t.cursor.col, t.cursor.line = 0, ""
	return line
}
