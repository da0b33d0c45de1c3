package main

import (
	"context"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"

	"gsmlab/models"
	"gsmlab/models/recipe"
)

type modelsAction struct{}

func (*modelsAction) flags(*flag.FlagSet) {}

func (*modelsAction) run(_ context.Context, std stdio, _ input) error {
	t := tabwriter.NewWriter(std.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "MODEL\tPRUNABLE\tDATA\tPRESETS\tABOUT")
	for _, m := range models.All() {
		var names []string
		for _, p := range recipe.Presets(m.Name) {
			names = append(names, p.Name)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", m.Name, count(m.Prunable), m.Dataset, strings.Join(names, ", "), m.About)
	}
	fmt.Fprintln(t, "\nPRESET\tMODEL\tABOUT")
	for _, p := range recipe.Presets("") {
		about := p.About
		if p.Trained {
			about += " (named with --base)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", p.Name, p.Model, about)
	}
	return t.Flush()
}

type versionAction struct{}

func (*versionAction) flags(*flag.FlagSet) {}

func (*versionAction) run(ctx context.Context, std stdio, _ input) error {
	revision, changed, gomlx := "unknown", "", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				changed = ", changed"
			}
		}
		for _, d := range info.Deps {
			if d.Path == "github.com/gomlx/gomlx" {
				gomlx = d.Version
			}
		}
	}
	if revision == "unknown" {
		if at, ok := sources(ctx); ok {
			revision = at
		} else {
			revision = "unknown: go build -buildvcs=true ./cmd/gsm, in a checkout, records it"
		}
	}
	_, err := fmt.Fprintf(std.out, "gsm    revision %s%s\ngo     %s %s/%s\ngomlx  %s\n", revision, changed, runtime.Version(), runtime.GOOS, runtime.GOARCH, gomlx)
	return err
}

// sources is the revision of the checkout that the program was compiled in, for builds that do not
// record it: `go run` never does, nor does a build with -buildvcs=false.
func sources(ctx context.Context) (revision string, ok bool) {
	_, file, _, _ := runtime.Caller(0)
	if !filepath.IsAbs(file) { // -trimpath
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	git := func(args ...string) (string, error) {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", filepath.Dir(file)}, args...)...).Output()
		return strings.TrimSpace(string(out)), err
	}
	if revision, err := git("rev-parse", "HEAD"); err == nil && revision != "" {
		if changes, err := git("status", "--porcelain", "--untracked-files=no"); err == nil && changes != "" {
			revision += ", changed"
		}
		return revision + " (that of the sources now; the build did not record it)", true
	}
	return "", false
}

// count writes a number with commas between thousands.
func count(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// percent writes a fraction as percent.
func percent(fraction float64) string { return fmt.Sprintf("%.2f %%", 100*fraction) }
