// Package pjrt finds or installs a PJRT plugin and opens a GoMLX backend with it.
//
// Callers name a backend by its spec: "auto" (or ""), "go", "xla:cpu", "xla:cuda", or any other
// GoMLX spec. "auto" takes $GOMLX_BACKEND if it is set, else XLA on a GPU if there is one, else XLA
// on the CPU, else the pure-Go backend with an Info.Note that says why and what helps.
//
// Plugins are taken, in this order, from $PJRT_PLUGIN_LIBRARY_PATH, from the folders go-xla
// searches, from our own cache folder ([CacheDir]) and from folders given to install.sh --prefix.
// When none has one it is downloaded ([Install]), unless $GSM_OFFLINE or $GOMLX_NO_AUTO_INSTALL is
// set.
//
// XLA can start only once in a process, with one set of flags, so open one backend per process.
package pjrt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/gomlx/compute"

	"gsmlab/internal/settings"
)

// Info says what was opened, for people and for reports.
type Info struct {
	Spec    string   // "xla:cpu", "xla:cuda", "go", or the GoMLX spec that was passed on
	Plugin  string   // path of the PJRT plugin, "" where there is none
	Version string   // version of the plugin's API, and of the package it came in where known
	Devices []string // one description per device
	Source  string   // where the plugin came from, in words
	Note    string   // one line when this is a slower fallback, with the remedy; else ""
}

// Environment variables read by this package.
const (
	EnvOffline   = settings.Offline // set: never touch the network
	envGoMLX     = compute.ConfigEnvVar
	envNoInstall = settings.NoInstall
	envPlugins   = settings.Plugins
	envCache     = settings.Cache
	envXLAFlags  = settings.XLAFlags
)

// machine is everything on which the choice of a backend depends; tests replace its parts.
type machine struct {
	getenv  func(string) string
	find    func(plugin string) (path, source string, ok bool)
	install func(ctx context.Context, plugin, prefix string, say func(string)) (string, error)
	gpu     func() bool
	hasXLA  bool
	// cpuDevices of 0: as many as XLA likes
	load func(config string, cpuDevices int) (compute.Backend, error)
	tune func(plugin, path string) // sets XLA flags before the plugin starts; may be nil
	// makes the plugin keep what it compiles, before it starts; may be nil
	keep func(plugin, path, options string)
}

// thisMachine is the machine we run on.
func thisMachine() machine {
	return machine{getenv: os.Getenv, find: Find, install: Install, gpu: HasGPU, hasXLA: xlaCompiled, load: load, tune: tune, keep: keep}
}

// Open opens the backend named by spec ("" or "auto" for the best one present; see the package
// comment). It may download a plugin; then say, which may be nil, gets lines about the progress. If
// a spec names a backend that cannot be opened, that is an error; "auto" falls back to pure Go and
// says so in Info.Note. Cancelling ctx stops a download.
//
// XLA on the CPU has one device, with a thread for each core, unless the spec asks for more, as in
// "xla:cpu,cpu_device_count=4". XLA on GPUs has those of the machine.
func Open(ctx context.Context, spec string, say func(string)) (compute.Backend, Info, error) {
	return thisMachine().open(ctx, spec, 1, orSilent(say))
}

// OpenDevices is [Open] for work that is shared among several devices: XLA on the CPU makes as many
// unless the spec says otherwise. Ask for no more than are used: XLA starts a thread for each,
// and on two cores the four devices of its own choice make a training step a tenth slower.
func OpenDevices(ctx context.Context, spec string, devices int, say func(string)) (compute.Backend, Info, error) {
	return thisMachine().open(ctx, spec, devices, orSilent(say))
}

// Present lists the specs that can be opened now without a download: "go" always, "xla:cpu" if a
// plugin is found, "xla:cuda" if both a plugin and a GPU are.
func Present() []string { return thisMachine().present() }

func (m machine) present() []string {
	specs := []string{"go"}
	if !m.hasXLA {
		return specs
	}
	if _, _, ok := m.find("cpu"); ok {
		specs = append(specs, "xla:cpu")
	}
	if m.gpu() {
		if _, _, ok := m.find("cuda"); ok {
			specs = append(specs, "xla:cuda")
		}
	}
	return specs
}

func (m machine) open(ctx context.Context, spec string, devices int, say func(string)) (compute.Backend, Info, error) {
	spec = strings.TrimSpace(spec)
	if spec == "" || spec == "auto" {
		spec = strings.TrimSpace(m.getenv(envGoMLX))
		if spec == "" || spec == "auto" {
			return m.openAuto(ctx, devices, say)
		}
	}
	name, config, _ := strings.Cut(spec, ":")
	switch name {
	case "xla", "stablehlo", "hlo", "shlo": // go-xla registers itself under all four
		return m.openXLA(ctx, config, devices, say)
	}
	b, err := m.load(spec, 0)
	if err != nil {
		return nil, Info{}, fmt.Errorf("backend: %q: %w (known: auto, go, xla:cpu, xla:cuda)", spec, err)
	}
	return b, describe(b, Info{Spec: spec, Source: "built in"}), nil
}

// openAuto tries the fastest backend first. For the note it keeps the reason why each backend did
// not open.
func (m machine) openAuto(ctx context.Context, devices int, say func(string)) (compute.Backend, Info, error) {
	var plugins []string
	if m.hasXLA {
		if m.gpu() {
			plugins = append(plugins, "cuda")
		}
		plugins = append(plugins, "cpu")
	}
	var reasons []string
	for _, plugin := range plugins {
		b, info, err := m.openXLA(ctx, plugin, devices, say)
		if err == nil {
			if len(reasons) > 0 {
				info.Note = "xla:cuda did not open, using xla:cpu, which is slower: " + strings.Join(reasons, "; ")
			}
			return b, info, nil
		}
		if ctx.Err() != nil {
			return nil, Info{}, fmt.Errorf("backend: stopped while looking for a PJRT plugin: %w", ctx.Err())
		}
		reasons = append(reasons, strings.TrimPrefix(err.Error(), "backend: "))
	}
	if !m.hasXLA {
		reasons = append(reasons, "this program was built without XLA: build with cgo on linux, macOS (arm64) or Windows")
	}
	b, err := m.load("go", 0)
	if err != nil {
		return nil, Info{}, fmt.Errorf("backend: %q: %w", "go", err)
	}
	note := "no XLA plugin, using the pure-Go backend, which is many times slower; to change that run ./install.sh or set " +
		envPlugins + " (" + strings.Join(reasons, "; ") + ")"
	return b, describe(b, Info{Spec: "go", Source: "built in", Note: note}), nil
}

// openXLA opens the plugin that config ("cpu", "cuda", "cpu,option=value", "/path/to/plugin.so")
// names, on the CPU with that many devices.
func (m machine) openXLA(ctx context.Context, config string, devices int, say func(string)) (compute.Backend, Info, error) {
	if !m.hasXLA {
		return nil, Info{}, errors.New("backend: xla is not compiled into this program: build with cgo, or use the backend \"go\"")
	}
	plugin, options, _ := strings.Cut(config, ",")
	if plugin == "" {
		plugin = "cpu"
		if m.gpu() {
			plugin = "cuda"
		}
	}
	options, devices, err := m.cpuDevices(plugin, options, devices)
	if err != nil {
		return nil, Info{}, fmt.Errorf("backend: xla:%s: %w", config, err)
	}
	path, source, err := m.locate(ctx, plugin, say)
	if err != nil {
		return nil, Info{}, err
	}
	// go-xla gets the path instead of the name. By name it would dlopen every plugin it can find
	// before it chooses one. It also reads its search path only at start-up, and panics on a
	// damaged file.
	load := "xla:" + path
	if options != "" {
		load += "," + options
	}
	if m.tune != nil {
		m.tune(plugin, path)
	}
	if m.keep != nil {
		m.keep(plugin, path, fmt.Sprintf("%s %d", options, devices))
	}
	b, err := m.load(load, devices)
	if err != nil {
		return nil, Info{}, loadError(err, config, path)
	}
	spec := "xla:" + plugin
	return b, describe(b, Info{Spec: spec, Plugin: path, Source: source}), nil
}

// forceDevices is XLA's flag for the number of the CPU's devices.
const forceDevices = "xla_force_host_platform_device_count"

// cpuDevices takes "cpu_device_count=N", which go-xla does not know, out of the options of a
// plugin. It returns the other options and the number of devices to ask the plugin for: 0 where the
// plugin is not ours to ask, or the user has said it in $XLA_FLAGS.
func (m machine) cpuDevices(plugin, options string, wanted int) (rest string, devices int, err error) {
	if plugin != "cpu" {
		return options, 0, nil
	}
	if wanted > 1 || !strings.Contains(m.getenv(envXLAFlags), forceDevices) {
		devices = wanted
	}
	var others []string
	for _, option := range strings.Split(options, ",") {
		count, ok := strings.CutPrefix(option, "cpu_device_count=")
		if !ok {
			others = append(others, option)
			continue
		}
		if devices, err = strconv.Atoi(count); err != nil || devices < 1 || devices > maxCPUDevices {
			return "", 0, fmt.Errorf("%s: must be a number from 1 to %d", option, maxCPUDevices)
		}
	}
	return strings.Join(others, ","), devices, nil
}

// maxCPUDevices keeps a slip from starting a million threads.
const maxCPUDevices = 1024

// loadError adds the file and the remedy to go-xla's error. The remedy depends on what is wrong.
func loadError(err error, config, path string) error {
	switch text := err.Error(); {
	case strings.Contains(text, "option"):
		// "unknown plugin options [typo]", "Failed to parse option"
		return fmt.Errorf("backend: xla:%s: %w: correct the options after the comma", config, err)
	case strings.Contains(text, "No visible GPU"):
		return fmt.Errorf("backend: %s: %w: check the driver with nvidia-smi, or use xla:cpu", path, err)
	}
	return fmt.Errorf("backend: %s: plugin does not load: %w: delete it and run ./install.sh, or name another folder in %s", path, err, envPlugins)
}

// oddFolder matches what go-xla takes as the sign of a CUDA plugin, wherever it stands in the path.
var oddFolder = regexp.MustCompile(`(?i)cuda|nvidia`)

// locate returns the file of a plugin, given by name or absolute path. It installs the plugin if
// that is allowed.
func (m machine) locate(ctx context.Context, plugin string, say func(string)) (path, source string, err error) {
	if filepath.IsAbs(plugin) {
		if err := checkPlugin(plugin); err != nil {
			return "", "", fmt.Errorf("backend: %s: %w: name another file", plugin, err)
		}
		return plugin, "named by its path", nil
	}
	path, source, ok := m.find(plugin)
	if !ok {
		if plugin != "cpu" && plugin != "cuda" {
			return "", "", fmt.Errorf("backend: plugin %q not found: name its folder in %s", plugin, envPlugins)
		}
		if plugin == "cuda" && !m.gpu() { // 2.3 GiB for nothing
			return "", "", errors.New("backend: xla:cuda: no NVIDIA GPU found: use xla:cpu, or run ./install.sh --cuda first")
		}
		for _, off := range []string{EnvOffline, envNoInstall} {
			if m.getenv(off) != "" {
				return "", "", fmt.Errorf("backend: no %s plugin found and %s forbids downloading one: unset it or name the plugin's folder in %s", plugin, off, envPlugins)
			}
		}
		if path, err = m.install(ctx, plugin, "", say); err != nil {
			return "", "", err
		}
		source = "installed now"
		if r, err := readRecord(path); err == nil {
			source += " from " + r.Source
		}
	}
	if plugin == "cpu" && oddFolder.MatchString(path) {
		return "", "", fmt.Errorf("backend: %s: go-xla would take this for a CUDA plugin because of the folder's name: set %s to a folder without \"cuda\" or \"nvidia\" in its path", path, envCache)
	}
	return path, source, nil
}

// load opens a GoMLX backend, XLA on the CPU with that many devices if it is not 0. It turns
// GoMLX's panics into errors, and makes each error one line.
func load(config string, cpuDevices int) (b compute.Backend, err error) {
	quiet()
	defer func() {
		if r := recover(); r != nil {
			b, err = nil, fmt.Errorf("%v", r)
		}
		if err != nil {
			err = errors.New(strings.Join(strings.Fields(err.Error()), " "))
		}
	}()
	if cpuDevices > 0 {
		return newCPU(strings.TrimPrefix(config, "xla:"), cpuDevices)
	}
	return compute.NewWithConfig(config)
}

// describe adds to info what the open backend says about itself.
func describe(b compute.Backend, info Info) Info {
	for i := range b.NumDevices() {
		info.Devices = append(info.Devices, b.DeviceDescription(compute.DeviceNum(i)))
	}
	if info.Plugin != "" {
		info.Version = pluginVersion(info.Plugin)
	}
	return info
}

func orSilent(say func(string)) func(string) {
	if say == nil {
		return func(string) {}
	}
	return say
}

// SetXLAFlags appends flags such as "--xla_cpu_use_onednn=true" to $XLA_FLAGS, except those that
// the user has set already. XLA reads the variable when its plugin starts, so call it before
// [Open]. XLA ends the process on a flag that it does not know.
func SetXLAFlags(flags ...string) {
	have := strings.Fields(os.Getenv(envXLAFlags))
	set := make(map[string]bool)
	for _, f := range have {
		set[flagName(f)] = true
	}
	for _, f := range flags {
		if name := flagName(f); name != "" && !set[name] {
			set[name] = true
			have = append(have, f)
		}
	}
	if len(have) > 0 {
		os.Setenv(envXLAFlags, strings.Join(have, " ")) // fails only for names with "=" or NUL
	}
}

// flagName returns the name of "--name=value" or "--name".
func flagName(flag string) string {
	name, _, _ := strings.Cut(strings.TrimLeft(strings.TrimSpace(flag), "-"), "=")
	return name
}
