// Completion scripts for bash, zsh and fish, made from the table of commands, so that new flags are
// completed automatically.

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

// shells lists the shells for which a script can be printed.
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

// values lists the possible values of a flag, from its placeholder: a|b|c are choices. nil means
// that nothing is known; files says whether the value is a path.
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

// wordsOf lists the words that can follow a command.
func (c command) wordsOf() []string {
	var words []string
	if c.words != nil {
		words = append(words, c.words()...)
	}
	return append(append(words, flagNames(c.flagSet(c.action()))...), "--help")
}

// bashHead joins the words of the line again: bash splits them at colons and equal signs, so that
// xla:cpu and --preset=quick are three words each. What bash takes as the current word begins after
// the last of these.
const bashHead = `# bash completion for gsm
_gsm_reply() { # the choices that begin with $cur, less what bash does not replace
  COMPREPLY=("$@")
  [ -z "$cut" ] || COMPREPLY=("${COMPREPLY[@]#"$cut"}")
}
_gsm() {
  local cur= prev= cut= word i words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((i > 1)) && { [ "$word" = : ] || [ "${COMP_WORDS[i-1]}" = : ]; }; then
      words[${#words[@]}-1]+=$word
      cut=${words[${#words[@]}-1]%:*}:
      continue
    fi
    cut=
    if [ "$word" = = ]; then # the value of --flag=value comes next
      ((i < COMP_CWORD)) || words+=("")
      continue
    fi
    words+=("$word")
  done
  cur=${words[${#words[@]}-1]} prev=${words[${#words[@]}-2]}
  if [[ $cur == --*=* ]]; then # where bash does not split at equal signs
    prev=${cur%%=*} cut=$prev= cur=${cur#*=}
    _gsm_value && { COMPREPLY=("${COMPREPLY[@]/#/$cut}"); return; }
  fi
  if [ "${#words[@]}" -le 2 ]; then
    _gsm_reply $(compgen -W %COMMANDS% -- "$cur")
    return
  fi
  _gsm_value && return
  case ${words[1]} in
`

// bashScript completes commands, arguments, flags and the values of flags.
func bashScript() string {
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(bashHead, "%COMMANDS%", fmt.Sprintf("%q", strings.Join(commandNames(), " "))))
	for _, c := range commands() {
		extra := ""
		if c.folders {
			extra = " $(compopt -o filenames 2>/dev/null; compgen -d -- \"$cur\")"
		}
		fmt.Fprintf(&b, "    %s) _gsm_reply $(compgen -W %q -- \"$cur\")%s ;;\n", c.name, strings.Join(c.wordsOf(), " "), extra)
	}
	b.WriteString("  esac\n}\n_gsm_value() { # completes the value of the flag $prev, if it has one\n  case \"${words[1]} $prev\" in\n")
	eachValue(func(c command, f *flag.Flag, choices []string) {
		if choices == nil {
			fmt.Fprintf(&b, "    '%s --%s') compopt -o filenames 2>/dev/null; _gsm_reply $(compgen -f -- \"$cur\") ;;\n", c.name, f.Name)
			return
		}
		fmt.Fprintf(&b, "    '%s --%s') _gsm_reply $(compgen -W %q -- \"$cur\") ;;\n", c.name, f.Name, strings.Join(choices, " "))
	})
	b.WriteString("    *) return 1 ;;\n  esac\n}\ncomplete -F _gsm gsm\n")
	return b.String()
}

// eachValue calls f for each flag whose value can be completed: choices, or nil for a path.
func eachValue(f func(c command, fl *flag.Flag, choices []string)) {
	for _, c := range commands() {
		c.flagSet(c.action()).VisitAll(func(fl *flag.Flag) {
			if choices, files := values(fl); files || len(choices) > 0 {
				f(c, fl, choices)
			}
		})
	}
}

// zshScript can be sourced, or saved as a file _gsm in a folder of $fpath; its text is then the
// function itself.
func zshScript() string {
	var b strings.Builder
	b.WriteString("#compdef gsm\n# zsh completion for gsm\n_gsm() {\n  local cur=${words[CURRENT]} prev=${words[CURRENT-1]}\n")
	fmt.Fprintf(&b, "  if (( CURRENT == 2 )); then\n    compadd -- %s\n    return\n  fi\n", strings.Join(commandNames(), " "))
	b.WriteString("  if [[ $cur == --*=* ]]; then\n    prev=${cur%%=*}\n    compset -P '*='\n  fi\n  case \"${words[2]} $prev\" in\n")
	eachValue(func(c command, f *flag.Flag, choices []string) {
		do := "_files"
		if choices != nil {
			do = "compadd -- " + strings.Join(choices, " ")
		}
		fmt.Fprintf(&b, "    '%s --%s') %s; return ;;\n", c.name, f.Name, do)
	})
	b.WriteString("  esac\n  case ${words[2]} in\n")
	for _, c := range commands() {
		folders := ""
		if c.folders {
			folders = "; _files -/"
		}
		fmt.Fprintf(&b, "    %s) compadd -- %s%s ;;\n", c.name, strings.Join(c.wordsOf(), " "), folders)
	}
	b.WriteString("  esac\n}\nif [ \"${funcstack[1]}\" = _gsm ]; then # loaded by the first TAB\n  _gsm \"$@\"\nelse\n  compdef _gsm gsm\nfi\n")
	return b.String()
}

// fishScript has one line for each command, flag and argument.
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
