package main

import (
	"flag"
	"fmt"
	"strings"

	"gsmlab/internal/nearest"
)

// parse reads flags and arguments in any order. The flag package alone stops at the first argument.
// "--" ends the flags.
func parse(fs *flag.FlagSet, args []string) (input, error) {
	in := input{set: map[string]bool{}}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			in.args = append(in.args, args[i+1:]...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			in.args = append(in.args, arg)
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		if name == "h" || name == "help" {
			return in, flag.ErrHelp
		}
		f := fs.Lookup(name)
		if f == nil {
			return in, unknown("flag", "--"+name, flagNames(fs))
		}
		switch {
		case hasValue:
		case isBool(f):
			value = "true"
		case i+1 == len(args):
			return in, fmt.Errorf("--%s needs a value: --%s %s", name, name, placeholder(f))
		default:
			i++
			value = args[i]
		}
		if err := fs.Set(name, value); err != nil {
			return in, fmt.Errorf("--%s %s: %s", name, value, complaint(f))
		}
		in.set[name] = true
	}
	return in, nil
}

// isBool reports whether a flag needs no value.
func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// complaint says what a flag's value should have been.
func complaint(f *flag.Flag) string {
	switch f.Value.(flag.Getter).Get().(type) {
	case float64:
		return "not a number"
	case int, int64:
		return "not a whole number"
	case bool:
		return "neither true nor false"
	}
	return "not understood"
}

// flagNames lists the flags with their dashes.
func flagNames(fs *flag.FlagSet) []string {
	var names []string
	fs.VisitAll(func(f *flag.Flag) { names = append(names, "--"+f.Name) })
	return names
}

// placeholder stands for a flag's value in help: it is the word in backquotes in the flag's usage.
func placeholder(f *flag.Flag) string {
	name, _ := flag.UnquoteUsage(f)
	return name
}

// unknown is the error for a name that is not known. It suggests the nearest known one.
func unknown(kind, name string, known []string) error {
	if len(known) == 0 {
		return usagef("unknown %s %q: there is none", kind, name)
	}
	return usagef("unknown %s %q: %sknown are %s", kind, name, nearest.Question(name, known), strings.Join(known, ", "))
}
