// Tests of flags, of the commands that pages and help show, and of console output.

package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gsmlab/models/recipe"
)

func TestParseTakesFlagsAnywhere(t *testing.T) {
	for _, line := range []string{
		"--compress 30 --dry-run m", "m --compress 30 --dry-run", "m -compress=30 -dry-run=true", "--dry-run --compress=30 -- m",
	} {
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		compress, dry := fs.Float64("compress", 0, ""), fs.Bool("dry-run", false, "")
		in, err := parse(fs, strings.Fields(line))
		if err != nil || *compress != 30 || !*dry || !slices.Equal(in.args, []string{"m"}) || !in.set["compress"] || !in.set["dry-run"] {
			t.Errorf("%s: compress %g, dry %v, args %q, set %v, error %v", line, *compress, *dry, in.args, in.set, err)
		}
	}
}

func TestParseAfterDashes(t *testing.T) {
	in, err := parse(flag.NewFlagSet("", flag.ContinueOnError), []string{"a", "--", "--b", "-"})
	if err != nil || !slices.Equal(in.args, []string{"a", "--b", "-"}) {
		t.Errorf("args %q, error %v", in.args, err)
	}
}

// commandLine finds calls of the program in shell code, up to the part that the shell would handle.
var commandLine = regexp.MustCompile(`go run \./cmd/gsm([^;&|>#\n]*)`)

// documented lists the calls in ```sh blocks of a Markdown text.
func documented(text string) (lines [][]string) {
	for _, block := range regexp.MustCompile("(?s)```(?:sh|bash|shell)(?: \\w+)?\n(.*?)```").FindAllStringSubmatch(text, -1) {
		code := strings.ReplaceAll(block[1], "\\\n", " ")
		for _, m := range commandLine.FindAllStringSubmatch(code, -1) {
			// loop variables are numbers
			line := regexp.MustCompile(`\$\{?\w+\}?`).ReplaceAllString(m[1], "1")
			lines = append(lines, strings.Fields(line))
		}
	}
	return lines
}

func TestDocumented(t *testing.T) {
	got := documented("```sh\ngo run ./cmd/gsm prune\nfor s in 1 2; do go run ./cmd/gsm prune \\\n --seed $s; done\n```\n```go\ngo run ./cmd/gsm no\n```\n")
	want := [][]string{{"prune"}, {"prune", "--seed", "1"}}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestDocumentedCommandsWork parses every call that README, docs and help show, and makes its plan.
func TestDocumentedCommandsWork(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string][][]string{}
	for _, path := range append(files, "../../README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines[path] = documented(string(text))
	}
	if len(lines["../../README.md"]) == 0 {
		t.Error("README.md shows no call of gsm")
	}
	const experiments = "../../docs/experiments.sh"
	for _, name := range []string{"lenet-ablation", "resnet-ablation", "seeds", "further", "tickets", "deep", "paper-deep"} {
		printed, err := exec.Command("sh", experiments, "-n", name).Output()
		if err != nil {
			t.Fatalf("%s %s: %v", experiments, name, err)
		}
		for line := range strings.Lines(string(printed)) {
			lines[experiments+" "+name] = append(lines[experiments+" "+name], strings.Fields(line)[1:])
		}
	}
	for _, c := range commands() {
		for _, e := range c.examples {
			lines["help "+c.name] = append(lines["help "+c.name], strings.Fields(strings.SplitN(e.line, ">", 2)[0]))
		}
	}
	for where, calls := range lines {
		for _, args := range calls {
			if err := dryRun(args); err != nil {
				t.Errorf("%s: gsm %s: %v", where, strings.Join(args, " "), err)
			}
		}
	}
}

// dryRun checks a command line as far as possible without its files.
func dryRun(args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return run(context.Background(), stdio{out: io.Discard, err: io.Discard}, args)
	}
	c, err := findCommand(args[0])
	if err != nil {
		return err
	}
	a := c.action()
	in, err := parse(c.flagSet(a), args[1:])
	if err != nil || len(in.args) > c.max {
		return errorsOr(err, "too many arguments")
	}
	switch a := a.(type) {
	case *pruneAction, *ticketAction:
		return run(context.Background(), stdio{out: io.Discard, err: io.Discard}, append(args, "--dry-run", "--untimed"))
	case *evalAction, *reportAction:
		if in.arg(0) == "" {
			return usagef("no folder")
		}
	case *benchAction:
		_, err = a.cases()
	}
	return err
}

func errorsOr(err error, text string) error {
	if err == nil {
		err = usagef("%s", text)
	}
	return err
}

// TestCommandsExplainThemselves: the table has everything that help and completion show.
func TestCommandsExplainThemselves(t *testing.T) {
	for _, c := range commands() {
		if c.about == "" || c.long == "" || len(c.examples) == 0 {
			t.Errorf("%s: about, long or examples are missing", c.name)
		}
		c.flagSet(c.action()).VisitAll(func(f *flag.Flag) {
			if value, meaning := describe(f); meaning == "" || !isBool(f) && (value == "value" || value == "string" || value == "int" || value == "float") {
				t.Errorf("%s --%s: usage %q does not name its value in backquotes", c.name, f.Name, f.Usage)
			}
		})
		for _, script := range []string{bashScript(), zshScript(), fishScript()} {
			if !strings.Contains(script, c.name) {
				t.Errorf("a completion script lacks %s", c.name)
			}
		}
	}
}

func TestConsoleLines(t *testing.T) {
	var b bytes.Buffer
	c := newConsole(&b)
	for step := 1; step <= 1000; step++ {
		c.progress(recipe.Event{Stage: "gsm", Step: step, Steps: 1000, Epoch: 1, Loss: 0.5, Accuracy: math.NaN()})
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "gsm 1/1000 epoch 1.0 loss 0.5000") || !strings.HasPrefix(lines[1], "gsm 1000/1000 ") {
		t.Errorf("want the first and the last step only, got %q", lines)
	}
}

func TestConsoleTimeLeft(t *testing.T) {
	start := time.Now()
	c := &console{w: io.Discard, first: 500, began: start, from: start} // resumed at 500
	got := c.line(recipe.Event{Stage: "gsm", Step: 600, Steps: 1000, Accuracy: 0.98125}, start.Add(10*time.Second))
	if !strings.HasSuffix(got, "acc 98.12 % 0:40 left") && !strings.HasSuffix(got, "acc 98.13 % 0:40 left") {
		t.Errorf("%q: 100 steps in 10 s leave 40 s for 400", got)
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{percent(0.98184), "98.18 %"}, {percent(1), "100.00 %"},
		{clock(59400 * time.Millisecond), "0:59"}, {clock(3661 * time.Second), "1:01:01"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
