package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"text/tabwriter"

	"gsmlab/internal/pjrt"
	"gsmlab/internal/settings"
	"gsmlab/models/data"
)

type doctorAction struct{ spec string }

func (a *doctorAction) flags(fs *flag.FlagSet) {
	fs.StringVar(&a.spec, "backend", "", "`auto|go|xla:cpu|xla:cuda`: what to look at (default: the best one available)")
}

func (a *doctorAction) run(ctx context.Context, std stdio, _ input) error {
	t := tabwriter.NewWriter(std.out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(t, "machine\t%s/%s, %d CPUs, %s\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	var remedies []string
	if cc, err := exec.LookPath("cc"); err == nil {
		fmt.Fprintf(t, "C compiler\t%s\n", cc)
	} else if cc, err := exec.LookPath("gcc"); err == nil {
		fmt.Fprintf(t, "C compiler\t%s\n", cc)
	} else {
		fmt.Fprintf(t, "C compiler\tnone\n")
		remedies = append(remedies, "install a C compiler, such as Debian's gcc and libc6-dev, to build for XLA")
	}
	for _, plugin := range []string{"cpu", "cuda"} {
		path, source, ok := pjrt.Find(plugin)
		switch {
		case ok:
			fmt.Fprintf(t, "plugin %s\t%s (%s)\n", plugin, path, source)
		case plugin == "cpu":
			fmt.Fprintf(t, "plugin %s\tnone\n", plugin)
			remedies = append(remedies, "run ./install.sh to get the XLA plugin: the pure-Go backend is much slower")
		case pjrt.HasGPU():
			fmt.Fprintf(t, "plugin %s\tnone, but there is a GPU\n", plugin)
			remedies = append(remedies, "run ./install.sh --cuda to use the GPU")
		default:
			fmt.Fprintf(t, "plugin %s\tnone, and no GPU to use it with\n", plugin)
		}
	}
	fmt.Fprintf(t, "backends\t%s\n", strings.Join(pjrt.Present(), ", "))
	environment(t) // before the backend adds its own flags
	failed := a.open(ctx, t)
	remedies = append(remedies, a.places(ctx, t)...)
	cache(t, "cache, plugins", pjrt.CacheDir)
	cache(t, "cache, compiled", pjrt.CompiledDir)
	cache(t, "cache, data", data.CacheDir)
	for _, r := range remedies {
		fmt.Fprintf(t, "remedy\t%s\n", r)
	}
	if len(remedies) == 0 && failed == nil {
		fmt.Fprintf(t, "result\teverything is there\n")
	}
	return errors.Join(t.Flush(), failed)
}

// environment prints the relevant variables that are set.
func environment(t *tabwriter.Writer) {
	for _, s := range settings.All() {
		if value := os.Getenv(s.Name); value != "" {
			fmt.Fprintf(t, "$%s\t%s\n", s.Name, value)
		}
	}
}

// open opens and describes the backend that a run would use, unless that needs a download.
func (a *doctorAction) open(ctx context.Context, t *tabwriter.Writer) error {
	spec := a.spec
	if spec == "" || spec == "auto" {
		spec = os.Getenv(settings.Backend)
	}
	present := pjrt.Present()
	if spec == "" {
		spec = present[len(present)-1] // from the slowest to the fastest
	}
	for _, plugin := range []string{"cpu", "cuda"} {
		if _, _, ok := pjrt.Find(plugin); spec == "xla:"+plugin && !ok {
			fmt.Fprintf(t, "backend\t%s: no plugin yet\n", spec)
			return fmt.Errorf("doctor: no plugin for %s: run ./install.sh", spec)
		}
	}
	_, info, err := pjrt.Open(ctx, spec, nil)
	if err != nil {
		fmt.Fprintf(t, "backend\t%s does not open\n", spec)
		return err
	}
	fmt.Fprintf(t, "backend\t%s\n", info.Spec)
	if info.Version != "" {
		fmt.Fprintf(t, "version\t%s\n", info.Version)
	}
	for _, d := range info.Devices {
		fmt.Fprintf(t, "device\t%s\n", d)
	}
	return nil
}

// places lists the folders in which data is looked for. For data that is in none of them, it says
// how to get it.
func (a *doctorAction) places(ctx context.Context, t *tabwriter.Writer) (remedies []string) {
	for _, name := range data.Names() {
		places, err := data.Places(ctx, name, data.Options{Offline: true})
		if err != nil {
			fmt.Fprintf(t, "data %s\t%v\n", name, err)
			continue
		}
		found := false
		for _, p := range places {
			state := p.Note
			if p.Found {
				state, found = "found", true
			}
			where := p.Origin
			if p.Dir != "" {
				where += " " + p.Dir
				state = strings.TrimPrefix(state, p.Dir+": ")
			}
			fmt.Fprintf(t, "data %s\t%s: %s\n", name, where, state)
		}
		if byHand := data.ByHand(name); !found && byHand != "" {
			// few people need this set, so it is no fault if it is missing
			fmt.Fprintf(t, "data %s\tto train on it, %s\n", name, byHand)
		} else if !found {
			remedies = append(remedies, fmt.Sprintf("%s is downloaded by the first run that needs it; without a network, put its files into a folder and name it in GSM_DATA", name))
		}
	}
	return remedies
}

// cache prints a cache folder.
func cache(t *tabwriter.Writer, name string, folder func() (string, error)) {
	dir, err := folder()
	if err != nil {
		dir = err.Error()
	} else if _, err := os.Stat(dir); err != nil {
		dir += " (not there yet)"
	}
	fmt.Fprintf(t, "%s\t%s\n", name, dir)
}
