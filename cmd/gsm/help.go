package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

type helpAction struct{}

func (*helpAction) flags(*flag.FlagSet) {}

func (*helpAction) run(_ context.Context, std stdio, in input) error {
	if in.arg(0) == "" {
		return writeHelp(std.out)
	}
	c, err := findCommand(in.arg(0))
	if err != nil {
		return err
	}
	return c.writeHelp(std.out)
}

// writeHelp lists the commands.
func writeHelp(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("gsm prunes networks while they train, by Global Sparse Momentum SGD.\n\n")
	fmt.Fprintf(&b, "usage: gsm COMMAND [arguments] [flags]     (from a checkout: %s COMMAND ...)\n\ncommands:\n", program)
	t := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	for _, c := range commands() {
		fmt.Fprintf(t, "  %s\t%s\n", c.usage(), c.about)
	}
	t.Flush()
	fmt.Fprintf(&b, "\nstart here:\n  %s prune mlp-digits     seconds, no download\n  %s prune                LeNet-300-100 on MNIST at 60x\n  %s help prune           flags and examples\n", program, program, program)
	_, err := w.Write(b.Bytes())
	return err
}

// describe splits a flag's usage into the placeholder of its value and its meaning. It understands
// both "`N`: seed" and "write to `FILE`".
func describe(f *flag.Flag) (value, meaning string) {
	value, meaning = flag.UnquoteUsage(f)
	return value, strings.TrimPrefix(meaning, value+": ")
}

// writeHelp explains one command.
func (c command) writeHelp(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "gsm %s: %s\n\nusage: gsm %s [flags]\n\n%s\n", c.name, c.about, c.usage(), c.long)
	fs := c.flagSet(c.action())
	if len(flagNames(fs)) > 0 {
		b.WriteString("\nflags (before or after the arguments):\n")
		t := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
		fs.VisitAll(func(f *flag.Flag) {
			name, usage := describe(f)
			if name != "" {
				name = " " + name
			}
			fmt.Fprintf(t, "  --%s%s\t%s\n", f.Name, name, usage)
		})
		t.Flush()
	}
	b.WriteString("\nexamples:\n")
	for _, e := range c.examples {
		fmt.Fprintf(&b, "  %s %s\n      %s\n", program, e.line, e.about)
	}
	_, err := w.Write(b.Bytes())
	return err
}
