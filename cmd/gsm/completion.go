package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"gsmlab/models/recipe"
)

// shells lists the shells that a script can be printed for.
func shells() []string { return []string{"bash", "zsh", "fish"} }

type completionAction struct{}

func (*completionAction) flags(*flag.FlagSet) {}

func (*completionAction) run(_ context.Context, std stdio, in input) error {
	scripts := map[string]func() string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}
	name := in.arg(0)
	if name == "" {
		return usagef("completion: which shell? One of %s", strings.Join(shells(), ", "))
	}
	script, ok := scripts[name]
	if !ok {
		return unknown("shell", name, shells())
	}
	_, err := io.WriteString(std.out, script())
	return err
}

// values lists what a flag can be given, from its placeholder: a|b|c are choices. nil means that
// nothing is known, and files tells whether it is a path.
func values(f *flag.Flag) (choices []string, files bool) {
	switch name := placeholder(f); {
	case strings.Contains(name, "|"):
		return strings.Split(name, "|"), false
	case name == "DIR" || name == "FILE":
		return nil, true
	}
	return nil, false
}

// presetChoices is a placeholder with the names of all presets.
func presetChoices() string {
	var names []string
	for _, p := range recipe.Presets("") {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return strings.Join(names, "|")
}

// wordsOf lists what can follow a command.
func (c command) wordsOf() []string {
	var words []string
	if c.words != nil {
		words = append(words, c.words()...)
	}
	return append(append(words, flagNames(c.flagSet(c.action()))...), "--help")
}

// bashScript completes commands, arguments, flags and the values of flags.
func bashScript() string {
	var b strings.Builder
	b.WriteString("# bash completion for gsm\n_gsm() {\n  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words\n")
	b.WriteString("  if [ \"$COMP_CWORD\" -eq 1 ]; then\n")
	fmt.Fprintf(&b, "    COMPREPLY=($(compgen -W %q -- \"$cur\"))\n    return\n  fi\n  case \"${COMP_WORDS[1]} $prev\" in\n", strings.Join(commandNames(), " "))
	for _, c := range commands() {
		c.flagSet(c.action()).VisitAll(func(f *flag.Flag) {
			choices, files := values(f)
			switch {
			case files:
				fmt.Fprintf(&b, "    '%s --%s') COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", c.name, f.Name)
			case len(choices) > 0:
				fmt.Fprintf(&b, "    '%s --%s') COMPREPLY=($(compgen -W %q -- \"$cur\")); return ;;\n", c.name, f.Name, strings.Join(choices, " "))
			}
		})
	}
	b.WriteString("  esac\n  case ${COMP_WORDS[1]} in\n")
	for _, c := range commands() {
		extra := ""
		if c.folders {
			extra = " $(compgen -d -- \"$cur\")"
		}
		fmt.Fprintf(&b, "    %s) COMPREPLY=($(compgen -W %q -- \"$cur\")%s) ;;\n", c.name, strings.Join(c.wordsOf(), " "), extra)
	}
	b.WriteString("  esac\n}\ncomplete -F _gsm gsm\n")
	return b.String()
}

// zshScript lets zsh run the bash script through its own emulation.
func zshScript() string {
	return "#compdef gsm\n# zsh completion for gsm\nautoload -U +X bashcompinit && bashcompinit\n" + bashScript()
}

// fishScript is one line for each command, flag and argument.
func fishScript() string {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `\'`) + "'" }
	var b strings.Builder
	b.WriteString("# fish completion for gsm\ncomplete -c gsm -f\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "complete -c gsm -n __fish_use_subcommand -a %s -d %s\n", c.name, quote(c.about))
	}
	for _, c := range commands() {
		seen := "-n " + quote("__fish_seen_subcommand_from "+c.name)
		if c.words != nil {
			fmt.Fprintf(&b, "complete -c gsm %s -a %s\n", seen, quote(strings.Join(c.words(), " ")))
		}
		if c.folders {
			fmt.Fprintf(&b, "complete -c gsm %s -a '(__fish_complete_directories)'\n", seen)
		}
		c.flagSet(c.action()).VisitAll(func(f *flag.Flag) {
			value := ""
			switch choices, files := values(f); {
			case files:
				value = " -rF"
			case len(choices) > 0:
				value = " -x -a " + quote(strings.Join(choices, " "))
			case !isBool(f):
				value = " -x"
			}
			_, usage := describe(f)
			fmt.Fprintf(&b, "complete -c gsm %s -l %s%s -d %s\n", seen, f.Name, value, quote(usage))
		})
	}
	return b.String()
}
