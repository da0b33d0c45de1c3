// Commands about the session: %who, %rm, %reset, %time, %args, %env, %cd, and shell lines.

package shell

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"gsmlab/kernel/bound"
)

// who lists what cells have declared, with the values of variables if they are short.
func who(r *run, _ string) error {
	rows := [][]string{{"name", "kind", "cell", "type", "value"}}
	for _, n := range r.eng.Who() {
		value := ""
		if n.Kind == "var" && len(rows) <= maxValues {
			found, _ := r.eng.Inspect(n.Name, len(n.Name))
			if value = shortened(found.Value, 48); value == n.Type { // a function
				value = ""
			}
		}
		rows = append(rows, []string{n.Name, n.Kind, fmt.Sprint(n.Cell), shortened(n.Type, 48), value})
	}
	if len(rows) == 1 {
		r.out.Stdout("nothing is declared\n")
		return nil
	}
	r.out.Stdout(aligned(rows))
	return nil
}

// maxValues is how many values %who looks at.
const maxValues = 200

// shortened is the first line of a text, cut to at most n letters.
func shortened(text string, n int) string {
	line, _, more := strings.Cut(strings.TrimSpace(text), "\n")
	if letters := []rune(line); len(letters) > n {
		line, more = string(letters[:n-1]), true
	}
	if more {
		line += "…"
	}
	return line
}

func remove(r *run, args string) error {
	names := strings.Fields(args)
	if len(names) == 0 {
		return errors.New("%rm: which names? %who lists them")
	}
	if unknown := r.eng.Forget(names...); len(unknown) > 0 {
		r.out.Note(fmt.Sprintf("%%rm: nothing is called %s", strings.Join(unknown, ", ")))
	}
	return nil
}

func reset(r *run, args string) error {
	if args != "" {
		r.out.Note("%reset " + args + " does not apply: use !*go mod edit to change the modules of the session")
		return nil
	}
	return r.restart(r.ctx)
}

func startTimer(r *run, _ string) error {
	r.timed = time.Now()
	return nil
}

// setTimeout has the rest of the cell interrupted after a time.
func setTimeout(r *run, args string) error {
	after, err := time.ParseDuration(args)
	if err != nil || after <= 0 {
		return fmt.Errorf("%%timeout %s: write a time such as 30s or 5m", args)
	}
	ctx, cancel := context.WithCancel(r.ctx)
	r.ctx = ctx
	time.AfterFunc(after, cancel)
	return nil
}

// setOutput limits what cells show, starting with the rest of this one.
func setOutput(r *run, args string) error {
	if args == "" {
		r.out.Stdout(r.limit.String() + "\n")
		return nil
	}
	limit, err := bound.Parse(args)
	if err != nil {
		return fmt.Errorf("%s %w", bound.Command, err)
	}
	r.limit = limit
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	r.out.SetLimit(limit)
	return nil
}

func version(r *run, _ string) error {
	text := "gsmlab kernel"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				text += " " + setting.Value[:min(12, len(setting.Value))]
			}
		}
	}
	r.out.Stdout(fmt.Sprintf("%s, %s, %s/%s\n", text, runtime.Version(), runtime.GOOS, runtime.GOARCH))
	return nil
}

// KernelName is what Jupyter calls the kernel by.
const KernelName = "gsmlab"

// LanguageInfo is what the kernel says about its language, and what notebooks keep of it.
func LanguageInfo() map[string]any {
	return map[string]any{
		"name":               "go",
		"version":            strings.TrimPrefix(runtime.Version(), "go"),
		"mimetype":           "text/x-go",
		"file_extension":     ".go",
		"pygments_lexer":     "go",
		"codemirror_mode":    "go",
		"nbconvert_exporter": "script",
	}
}

func setArgs(r *run, args string) error {
	r.args = words(args)
	r.eng.Args(r.args)
	return nil
}

func setenv(r *run, args string) error {
	name, value, set := strings.Cut(args, " ")
	if n, v, ok := strings.Cut(name, "="); ok { // NAME=value with spaces
		name, value, set = n, strings.TrimSuffix(v+" "+value, " "), true
	}
	switch {
	case args == "":
		env := map[string]string{}
		for _, entry := range r.environ() {
			n, v, _ := strings.Cut(entry, "=")
			env[n] = v
		}
		for _, entry := range slices.Sorted(maps.Keys(env)) {
			r.out.Stdout(entry + "=" + env[entry] + "\n")
		}
		return nil
	case !set:
		r.out.Stdout(r.getenv(name) + "\n")
		return nil
	}
	if parts := words(value); strings.HasPrefix(strings.TrimSpace(value), `"`) && len(parts) == 1 {
		value = parts[0]
	}
	value = strings.TrimSpace(value)
	if err := r.eng.Setenv(name, value); err != nil {
		return fmt.Errorf("%%env: %w", err)
	}
	r.out.Stdout(fmt.Sprintf("%s=%s\n", name, value))
	return nil
}

func chdir(r *run, args string) error {
	dir := args
	if parts := words(args); len(parts) == 1 {
		dir = parts[0]
	}
	if dir == "-" {
		if dir = r.before; dir == "" {
			return errors.New("%cd -: there was no %cd before")
		}
	}
	if dir != "" {
		now := r.eng.Dir()
		if err := r.eng.Chdir(r.path(dir)); err != nil {
			return fmt.Errorf("%%cd: %s", strings.TrimPrefix(err.Error(), "engine: "))
		}
		r.before = now
		if err := r.eng.Setenv("GONB_DIR", r.eng.Dir()); err != nil {
			return fmt.Errorf("%%cd: %w", err)
		}
	}
	r.out.Stdout(r.eng.Dir() + "\n")
	return nil
}

// path is a file or folder that a command names. It replaces ~ and variables; a relative path
// starts in the folder of the session.
func (s *Shell) path(name string) string {
	if rest, ok := strings.CutPrefix(name, "~"); ok && (rest == "" || rest[0] == '/') {
		if home, err := os.UserHomeDir(); err == nil {
			name = home + rest
		}
	}
	name = os.Expand(name, s.getenv)
	if !filepath.IsAbs(name) {
		name = filepath.Join(s.eng.Dir(), name)
	}
	return name
}

// short is a path as the user would write it: without the folder of the session where it lies
// there.
func (s *Shell) short(path string) string {
	if name, err := filepath.Rel(s.eng.Dir(), path); err == nil && filepath.IsLocal(name) {
		return name
	}
	return path
}

// shellLine runs the text after a !.
func (r *run) shellLine(line string) error {
	p := program{dir: r.eng.Dir(), ask: r.ask}
	r.ask = noInput
	if rest, ok := strings.CutPrefix(line, "*"); ok {
		p.dir, line = r.eng.ModuleDir(), rest
		if w := strings.Fields(line); len(w) > 2 && w[0] == "go" && w[1] == "get" {
			return r.eng.Get(r.ctx, r.out, w[2:]...)
		}
	}
	p.name, p.args = "sh", []string{"-c", line}
	if bash, err := exec.LookPath("bash"); err == nil {
		p.name = bash
	}
	if err := r.runProgram(r.ctx, p, r.out); err != nil {
		return programError("!"+line, err)
	}
	return nil
}

// programError says how a program ended, in one line.
func programError(what string, err error) error {
	if errors.Is(err, errInterrupted) {
		return err
	}
	if first, _, more := strings.Cut(what, "\n"); more || len(first) > 60 {
		what = strings.ToValidUTF8(first[:min(len(first), 60)], "") + "..."
	}
	return fmt.Errorf("%s: %w", strings.TrimSpace(what), err)
}

// bodyCommand carries out a command that takes the whole cell.
func (r *run) bodyCommand(line string) error {
	w := words(line)
	body := r.cell.body
	if body != "" && !strings.HasSuffix(body, "\n") {
		body += "\n"
	}
	switch w[0] {
	case "%%writefile":
		return r.writeFile(w[1:], body)
	case "%%bash", "%%sh":
		if len(w) > 1 {
			return fmt.Errorf("%s takes no arguments (%%%%script %s does)", w[0], strings.TrimPrefix(line, "%%"))
		}
		w = []string{"", strings.TrimPrefix(w[0], "%%")}
	case "%%script":
		if len(w) < 2 {
			return errors.New("%%script: which program? for example %%script python3")
		}
	}
	err := r.runProgram(r.ctx, program{name: w[1], args: w[2:], dir: r.eng.Dir(), input: body}, r.out)
	if err != nil {
		return programError(line, err)
	}
	return nil
}
