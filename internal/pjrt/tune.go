package pjrt

import (
	"bytes"
	"io"
	"os"
	"runtime"

	"gsmlab/internal/settings"
)

// envOneDNN, set to "off", opens XLA on the CPU without its oneDNN kernels.
const envOneDNN = settings.OneDNN

// oneDNNFlags make XLA:CPU compute convolutions and products with oneDNN, which takes a third off a
// step of LeNet-5; see docs/lenet5-speed.md.
var oneDNNFlags = []string{
	"--xla_cpu_use_onednn=true",
	"--xla_cpu_experimental_onednn_custom_call=true",
}

// tune sets the XLA flags with which training is fastest with the plugin in the file path. It skips
// flags that the user has set or that the plugin does not know, because XLA ends the process on an
// unknown flag. The flags were measured only with the CPU plugin on x86_64, so tune changes nothing
// elsewhere.
func tune(plugin, path string) {
	if plugin != "cpu" || runtime.GOARCH != "amd64" || os.Getenv(envOneDNN) == "off" {
		return
	}
	names := make([][]byte, len(oneDNNFlags))
	for i, f := range oneDNNFlags {
		names[i] = []byte(flagName(f))
	}
	if fileMentions(path, names) {
		SetXLAFlags(oneDNNFlags...)
	}
}

// fileMentions reports whether all words, which must be shorter than 4 KiB, are in a file. A plugin
// holds the names of its flags near the beginning of its text, so this takes about 20 ms for 200
// MB.
func fileMentions(path string, words [][]byte) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	const overlap = 4 << 10
	missing := append([][]byte(nil), words...)
	buffer := make([]byte, overlap+1<<20)
	kept := 0
	for len(missing) > 0 {
		n, err := io.ReadFull(f, buffer[kept:])
		text := buffer[:kept+n]
		for i := 0; i < len(missing); {
			if bytes.Contains(text, missing[i]) {
				missing = append(missing[:i], missing[i+1:]...)
			} else {
				i++
			}
		}
		if err != nil {
			break
		}
		kept = copy(buffer, text[len(text)-overlap:])
	}
	return len(missing) == 0
}
