package pjrt

import (
	"context"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// HasGPU says whether the machine has an NVIDIA GPU that the CUDA plugin could use (linux on amd64
// only).
var HasGPU = sync.OnceValue(func() bool {
	return gpuPresent(runtime.GOOS, runtime.GOARCH, filepath.Glob, nvidiaSMI)
})

// gpuPresent looks at the device files first, and asks the tool only if there are none, as in
// containers that expose the driver another way. Control files alone do not count as a GPU: the
// driver can be loaded on a machine whose card is gone.
func gpuPresent(goos, goarch string, glob func(string) ([]string, error), list func() (string, error)) bool {
	if goos != "linux" || goarch != "amd64" {
		return false
	}
	if files, err := glob("/dev/nvidia[0-9]*"); err == nil && len(files) > 0 {
		return true
	}
	out, err := list()
	return err == nil && strings.Contains(out, "GPU ")
}

// nvidiaSMI returns the tool's list of GPUs, one "GPU 0: name" a line.
func nvidiaSMI() (string, error) {
	path, err := exec.LookPath("nvidia-smi")
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "-L").Output()
	return string(out), err
}
