package pjrt

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gomlx/go-xla/installer"
)

// wheel is a pinned Python package file for Linux on x86_64: a zip file with shared libraries.
type wheel struct{ pkg, version, sha256 string }

func (w wheel) String() string { return w.pkg + " " + w.version }

// cpuWheel is XLA's own CPU plugin (Apache-2.0).
var cpuWheel = wheel{"lammps-jax-pjrt-cpu", "0.11.2", "1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1"}

// fetchCPUWheel stages the plugin of cpuWheel.
func fetchCPUWheel(ctx context.Context, stage string, say func(string)) (plugin, version string, err error) {
	file, err := cpuWheel.fetch(ctx, stage, say)
	if err != nil {
		return "", "", err
	}
	plugin = "pjrt_c_api_cpu_plugin.so"
	if err := installer.ExtractFileFromZip(file, plugin, filepath.Join(stage, plugin)); err != nil {
		return "", "", fmt.Errorf("unpacking %s: %w", filepath.Base(file), err)
	}
	return plugin, cpuWheel.String(), os.Remove(file)
}

// fetch downloads the wheel into dir and returns its path. It downloads directly if the index gives
// an address; else it uses pip, which also knows the mirrors and proxies that the user has set up.
// Both ways check the pinned sha256.
func (w wheel) fetch(ctx context.Context, dir string, say func(string)) (string, error) {
	file, err := w.fetchDirect(ctx, dir, say)
	if err == nil {
		return file, nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	file, err2 := w.fetchPip(ctx, dir, say)
	if err2 != nil {
		return "", fmt.Errorf("%s: %s; with pip: %w", w, oneLine(err), err2)
	}
	return file, nil
}

// pipInfo asks the package index; tests replace it.
var pipInfo = installer.GetPipInfo

func (w wheel) fetchDirect(ctx context.Context, dir string, say func(string)) (string, error) {
	ask := pipInfo
	info, err := bounded(ctx, answerTime, "the list of files", func() (*installer.PipPackageInfo, error) { return ask(w.pkg) })
	if err != nil {
		return "", err
	}
	release, err := installer.PipSelectRelease(info.Releases[w.version], installer.PipPackageLinuxAMD64(), false)
	if err != nil {
		return "", err
	}
	if u, err := url.Parse(release.URL); err != nil || !u.IsAbs() {
		return "", errors.New("the index gives no full address") // some mirrors
	}
	file := filepath.Join(dir, filepath.Base(release.Filename))
	return file, download(ctx, release.URL, file, w.sha256, say)
}

// pips are the ways to call pip, the usual one first; tests replace it.
var pips = [][]string{{"pip3"}, {"pip"}, {"python3", "-m", "pip"}}

func (w wheel) fetchPip(ctx context.Context, dir string, say func(string)) (string, error) {
	var pip []string
	for _, p := range pips {
		if _, err := exec.LookPath(p[0]); err == nil {
			pip = p
			break
		}
	}
	if pip == nil {
		return "", errors.New("pip is not installed")
	}
	to, err := os.MkdirTemp(dir, ".pip-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(to)
	say("downloading " + w.String() + " with pip")
	args := append(pip[1:len(pip):len(pip)], "download", "--quiet", "--no-deps", "--no-input", "--disable-pip-version-check",
		"--retries", "2", "--only-binary", ":all:", "--dest", to, w.pkg+"=="+w.version)
	cmd := exec.CommandContext(ctx, pip[0], args...)
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return "", fmt.Errorf("%w: %s", err, lines[len(lines)-1])
	}
	files, err := filepath.Glob(filepath.Join(to, "*.whl"))
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("pip left %d wheels, want 1", len(files))
	}
	sum, err := fileSHA256(files[0])
	if err != nil {
		return "", err
	}
	if sum != w.sha256 {
		return "", fmt.Errorf("%s: sha256 is %s, want %s", filepath.Base(files[0]), sum, w.sha256)
	}
	file := filepath.Join(dir, filepath.Base(files[0]))
	return file, os.Rename(files[0], file)
}
