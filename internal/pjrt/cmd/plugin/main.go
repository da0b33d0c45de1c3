// Command plugin finds or installs the PJRT plugins; install.sh runs it.
//
//	go run ./internal/pjrt/cmd/plugin [-check] [-prefix DIR] [-cuda]
//
// It exits with 1 when a plugin is missing (-check) or cannot be installed, with 2 for wrong usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"gsmlab/internal/pjrt"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Stdout, os.Stderr, os.Args[1:])
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var errUsage = errors.New("wrong usage")

func run(ctx context.Context, out, errOut io.Writer, args []string) error {
	flags := flag.NewFlagSet("plugin", flag.ContinueOnError)
	flags.SetOutput(errOut)
	check := flags.Bool("check", false, "only report what is there; exit with 1 if something is missing")
	prefix := flags.String("prefix", "", "install under `DIR`/lib/gsmlab/pjrt instead of the cache folder")
	cuda := flags.Bool("cuda", false, "install the CUDA plugin too, even if no NVIDIA GPU is found")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage // flag has printed it
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(errOut, "unexpected argument %q\n", flags.Arg(0))
		return errUsage
	}
	plugins := []string{"cpu"}
	if *cuda || pjrt.HasGPU() {
		plugins = append(plugins, "cuda")
	}
	missing := 0
	for _, plugin := range plugins {
		ok, err := ensure(ctx, out, plugin, *prefix, *check)
		if err != nil {
			return err
		}
		if !ok {
			missing++
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d plugin(s) missing: run ./install.sh without --check", missing)
	}
	return open(ctx, out)
}

// ensure reports one plugin and, unless only checking, installs it when it is missing.
func ensure(ctx context.Context, out io.Writer, plugin, prefix string, check bool) (bool, error) {
	path, source, ok := pjrt.Find(plugin)
	if prefix != "" {
		path, ok = pjrt.FindUnder(prefix, plugin)
		source = "under " + prefix
	}
	if ok {
		fmt.Fprintf(out, "present: PJRT %s plugin %s (%s)\n", plugin, path, source)
		return true, nil
	}
	if check {
		fmt.Fprintf(out, "missing: PJRT %s plugin\n", plugin)
		return false, nil
	}
	path, err := pjrt.Install(ctx, plugin, prefix, func(line string) { fmt.Fprintln(out, "  "+line) })
	if err != nil {
		return false, err
	}
	fmt.Fprintf(out, "installed: PJRT %s plugin %s\n", plugin, path)
	if prefix != "" {
		fmt.Fprintf(out, "  gsmlab finds it again by itself; other programs: export PJRT_PLUGIN_LIBRARY_PATH=%s\n", filepath.Dir(path))
	}
	return true, nil
}

// open shows that the default backend loads. By this point nothing is downloaded any more.
func open(ctx context.Context, out io.Writer) error {
	spec := "xla:cpu"
	if pjrt.HasGPU() {
		spec = "xla:cuda"
	}
	_, info, err := pjrt.Open(ctx, spec, nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "opens: %s, %s, %d device(s): %s\n", info.Spec, info.Version, len(info.Devices), info.Plugin)
	return nil
}
