package shell

import (
	"context"
	"fmt"
	"strings"

	"gsmlab/kernel/engine"
)

// Command is a line that starts with %.
type Command struct {
	Name, Args, Help string
	run              func(ctx context.Context, s *Shell, args string, out engine.Outputs) error
}

// commands is the one table of commands: it feeds %help and completion. It is filled by init because
// %help lists it.
var commands []Command

// Commands lists all commands.
func Commands() []Command { return commands }

func init() {
	commands = []Command{
		{"help", "", "this list", func(_ context.Context, _ *Shell, _ string, out engine.Outputs) error {
			var b strings.Builder
			for _, c := range commands {
				fmt.Fprintf(&b, "%%%-12s %s\n", strings.TrimSpace(c.Name+" "+c.Args), c.Help)
			}
			out.Page(engine.Bundle{"text/plain": b.String()})
			return nil
		}},
		{"who", "", "what cells have declared", func(_ context.Context, s *Shell, _ string, out engine.Outputs) error {
			for _, n := range s.eng.Who() {
				out.Stdout(fmt.Sprintf("%-5s %-16s %s (cell %d)\n", n.Kind, n.Name, n.Type, n.Cell))
			}
			return nil
		}},
		{"reset", "", "forget all that was declared", func(ctx context.Context, s *Shell, _ string, _ engine.Outputs) error {
			return s.Restart(ctx)
		}},
	}
}
