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

	"gsmlab/internal/phrase"
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
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", m.Name, phrase.Count(m.Prunable), m.Dataset, strings.Join(names, ", "), m.About)
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
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	gomlx := "unknown"
	for _, d := range info.Deps {
		if d.Path == "github.com/gomlx/gomlx" {
			gomlx = d.Version
		}
	}
	_, file, _, _ := runtime.Caller(0)
	_, err := fmt.Fprintf(std.out, "gsm    revision %s\ngo     %s %s/%s\ngomlx  %s\n",
		revision(ctx, info, file), runtime.Version(), runtime.GOOS, runtime.GOARCH, gomlx)
	return err
}

// revision says what the program was built from: the revision that the build recorded, or the
// module's version, or else the state of the checkout that it was compiled in, which contains the
// source file.
func revision(ctx context.Context, info *debug.BuildInfo, file string) string {
	recorded, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			recorded = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", changed"
		}
	}
	if recorded != "" {
		return recorded + changed
	}
	if v := info.Main.Version; v != "" && v != "(devel)" && v != "v0.0.0" {
		return "of module version " + v
	}
	if at, ok := sources(ctx, file); ok {
		return at
	}
	return "unknown: go build -buildvcs=true ./cmd/gsm, in a checkout, records it"
}

// sources is the revision of the checkout that contains file. It is for builds that do not record
// one: `go run` never does, nor does a build with -buildvcs=false.
func sources(ctx context.Context, file string) (revision string, ok bool) {
	if !filepath.IsAbs(file) { // -trimpath
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	git := func(args ...string) (string, error) {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", filepath.Dir(file)}, args...)...).Output()
		return strings.TrimSpace(string(out)), err
	}
	// An unpacked archive may lie in another repository's checkout.
	if _, err := git("ls-files", "--error-unmatch", "--", filepath.Base(file)); err != nil {
		return "", false
	}
	if revision, err := git("rev-parse", "HEAD"); err == nil && revision != "" {
		if changes, err := git("status", "--porcelain"); err == nil && changes != "" {
			revision += ", changed"
		}
		return revision + " (that of the sources now; the build did not record it)", true
	}
	return "", false
}

// percent writes a fraction as a percentage.
func percent(fraction float64) string { return fmt.Sprintf("%.2f %%", 100*fraction) }
