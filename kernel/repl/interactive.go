// The prompt with the editor: welcome, cells, completion, waiting for the worker.

package repl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gsmlab/kernel/engine"
	"gsmlab/kernel/repl/edit"
	"gsmlab/kernel/shell"
)

const welcome = `gsmlab: live Go. What you type is compiled and keeps its values.
%demo prunes a network in seconds, %help lists commands, x? explains x.
Tab completes, Ctrl-R searches, Alt-Enter begins a line, Ctrl-D leaves.
`

// prompts returns the text before the first line of a cell, and before the others.
func prompts(number int) (first, more string) {
	first = fmt.Sprintf("In[%d]: ", number)
	return first, strings.Repeat(" ", max(0, len(first)-len("...: "))) + "...: "
}

// interactive is the prompt with the editor.
func (s *prompt) interactive(ctx context.Context) error {
	s.theme = newTheme(s.opt.Getenv)
	s.term.Print(welcome)
	out := newPrinter(s)
	go s.reportStart()
	var inputs []string
	for _, e := range s.opt.History.Recall(5000) {
		inputs = append(inputs, strings.TrimRight(e.Input, "\n"))
	}
	for {
		hooks := s.hooks(inputs)
		hooks.Describe = func(ctx context.Context, text string, offset int) string {
			out.freeze()
			return s.describe(ctx, text, offset)
		}
		code, err := edit.Read(ctx, s.term, hooks)
		out.freeze()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, edit.ErrLeave):
			return nil
		case err != nil:
			return err
		}
		code = strings.TrimRight(code, " \t\n")
		if strings.TrimSpace(code) == "" {
			continue
		}
		if len(inputs) == 0 || inputs[len(inputs)-1] != code {
			inputs = append(inputs, code)
		}
		out = newPrinter(s)
		s.cell(ctx, code, out)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// reportStart reports at once that the kernel cannot start, before anyone waits for it.
func (s *prompt) reportStart() {
	<-s.kernel.started()
	if _, err := s.kernel.now(); err != nil && !errors.Is(err, context.Canceled) {
		s.term.Print(s.explain(fmt.Errorf("the kernel does not start: %w", err)) + "\n" +
			s.theme.Dim("The next cell tries again.") + "\n")
	}
}

// cell runs a cell; Ctrl-C interrupts it.
func (s *prompt) cell(ctx context.Context, code string, out *printer) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	interrupt := func() {
		cancel()
		time.AfterFunc(time.Second, func() { out.stopping() })
	}
	s.term.OnInterrupt(interrupt)
	stop := interruptible(interrupt)
	defer stop()
	s.kernel.retry()
	number := s.count(code)
	s.awaitKernel(ctx)
	s.term.Mark()
	err := s.execute(ctx, number, code, out)
	s.term.OnInterrupt(nil)
	out.end()
	if errors.Is(err, context.Canceled) {
		err = engine.Interrupted()
	}
	if err != nil {
		out.freeze()
		s.term.FreshLine()
		s.term.Print(s.explain(err) + "\n")
	}
	s.remember(code, out.result, out)
}

// awaitKernel shows that the kernel is starting while a cell waits for it.
func (s *prompt) awaitKernel(ctx context.Context) {
	began := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	defer s.term.Hide()
	for i := 0; ; i++ {
		select {
		case <-s.kernel.started():
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		line := fmt.Sprintf("%c starting the kernel, %.0f s", []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")[i%10], time.Since(began).Seconds())
		if step := s.kernel.building(); step != "" {
			line += "; " + step
		}
		width, _ := s.term.Size()
		s.term.Show([]string{s.theme.Dim(truncate(line, width-1))}, 0, 0)
	}
}

func (s *prompt) hooks(inputs []string) edit.Hooks {
	h := edit.Hooks{
		Prompt: func() (string, string) {
			first, more := prompts(s.number + 1)
			return s.theme.prompt(first), s.theme.Dim(more)
		},
		Status:    syntax.Status,
		Complete:  s.complete,
		Signature: s.signature,
		History:   inputs,
		Dim:       s.theme.style("2"),
		Chosen:    "7",
	}
	if s.theme.colour {
		h.Highlight = highlight
	}
	return h
}

func (s *prompt) complete(ctx context.Context, text string, offset int) edit.Completion {
	sh, err := s.kernel.wait(ctx)
	if err != nil {
		return edit.Completion{}
	}
	found := sh.Complete(text, offset)
	c := edit.Completion{Start: found.Start, End: found.End}
	for _, item := range found.Items {
		about := strings.TrimSpace(item.Signature)
		if !strings.HasPrefix(about, item.Kind) {
			about = strings.TrimSpace(item.Kind + " " + about)
		}
		c.Items = append(c.Items, edit.Item{Text: item.Text, Description: strings.ReplaceAll(about, "\n", " ")})
	}
	return c
}

func (s *prompt) inspect(ctx context.Context, text string, offset int) (engine.Inspection, bool) {
	sh, err := s.kernel.wait(ctx)
	if err != nil {
		return engine.Inspection{}, false
	}
	return sh.Inspect(text, offset)
}

func (s *prompt) signature(ctx context.Context, text string, offset int) string {
	found, ok := s.inspect(ctx, text, offset)
	if !ok {
		return ""
	}
	line, _, _ := strings.Cut(found.Signature, "\n")
	return strings.ReplaceAll(line, "\t", " ")
}

func (s *prompt) describe(ctx context.Context, text string, offset int) string {
	found, ok := s.inspect(ctx, text, offset)
	if !ok {
		return ""
	}
	return shell.InspectionText(found)
}
