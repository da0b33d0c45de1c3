// Finding a set: which folders are looked into, and what an error says where it is in none.

package data

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gsmlab/internal/settings"
)

// CacheDir returns the folder that downloaded sets are kept in. It need not exist.
func CacheDir() (string, error) {
	dir, err := settings.CacheFolder("data")
	if err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	return dir, nil
}

// collection is a set that consists of files: all that the finder must know of it.
type collection struct {
	name string // in the table of sets; also the set's subfolder of the cache
	// wanted names the files, as in "put ... there".
	wanted string
	// subs are the folders within a folder that the set may be in, "." for itself, in the order in
	// which they are looked into; foreign are copies that cannot be read. Both are for locate and
	// for what is said if there is nothing.
	subs    []string
	foreign []foreign
	// locate returns the paths of the set's files in a folder. With none of them the error is
	// errNoSet.
	locate func(dir string) ([]string, error)
	// read reads and checks the files that locate returned.
	read func(ctx context.Context, paths []string, opt Options) (Split, error)
	// downloads are the files that each of the sources (addresses that end in a slash) has; the
	// last is the smallest.
	downloads []download
	sources   []string
	// module, if not nil, returns the folder of a Go module that has the files; network says
	// whether it may be downloaded.
	module func(ctx context.Context, network bool) (string, error)
	// remedy is what else the user may do, before "put ... in a folder".
	remedy string
}

// download is a file at a source. A file is kept only if check accepts it.
type download struct {
	name  string
	check func(path string) error
}

// finder is one search for a set. The collection's functions and addresses are fields, so that
// tests need neither a network nor a go command.
type finder struct {
	collection
	opt    Options
	client *http.Client
	// connectWait bounds the time all addresses together may take for a first answer.
	connectWait time.Duration
}

func newFinder(c collection, opt Options) *finder {
	return &finder{collection: c, opt: opt, client: newClient(), connectWait: connectWait}
}

// folders lists where to look before using the network, and notes what could not be determined.
func (f *finder) folders(ctx context.Context) []Place {
	if f.opt.Dir != "" {
		return []Place{{Origin: "folder", Dir: f.opt.Dir}}
	}
	env := Place{Origin: settings.Data, Dir: os.Getenv(settings.Data)}
	if env.Dir == "" {
		env.Note = "not set"
	}
	cache := Place{Origin: "cache"}
	if dir, err := CacheDir(); err != nil {
		cache.Note = err.Error()
	} else {
		cache.Dir = dir
	}
	places := []Place{env, cache}
	if f.module != nil {
		module := Place{Origin: "module"}
		if dir, err := f.module(ctx, false); err != nil {
			module.Note = err.Error()
		} else {
			module.Dir = dir
		}
		places = append(places, module)
	}
	return places
}

// places fills in what is found.
func (f *finder) places(ctx context.Context) []Place {
	places := f.folders(ctx)
	for i := range places {
		p := &places[i]
		if p.Dir == "" {
			continue
		}
		if _, err := f.locate(p.Dir); err != nil {
			p.Note = strings.TrimPrefix(err.Error(), "data: ")
		} else {
			p.Found = true
		}
	}
	return places
}

// split finds the set and reads it.
func (f *finder) split(ctx context.Context) (Split, error) {
	var tried []string
	for _, p := range f.folders(ctx) {
		if p.Dir == "" {
			tried = append(tried, p.Origin+": "+p.Note)
			continue
		}
		split, err := f.load(ctx, p.Dir)
		named := p.Origin == "folder" || p.Origin == settings.Data
		switch {
		case err == nil:
			return split, nil
		case ctx.Err() != nil:
			return Split{}, ctx.Err()
		case p.Origin == "folder" && errors.Is(err, errNoSet):
			return Split{}, fmt.Errorf("%w: put %s there, or name no folder to have them found or downloaded%s", err, f.wanted, f.contents(p.Dir))
		case named && !errors.Is(err, errNoSet):
			return Split{}, err
		case named || !errors.Is(err, errNoSet):
			f.opt.say("%v; looking elsewhere", err)
		}
		what := p.Origin + ": " + strings.TrimPrefix(err.Error(), "data: ")
		if named {
			what += f.contents(p.Dir)
		}
		tried = append(tried, what)
	}
	if len(f.sources) == 0 && f.module == nil {
		tried = append(tried, "network: there is no address that gives it without an account")
	} else if f.opt.Offline {
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
	return Split{}, fmt.Errorf("data: %s not found: %sput %s in a folder and name it in GSM_DATA; tried %s",
		f.name, f.remedy, f.wanted, strings.Join(tried, "; "))
}

func (f *finder) load(ctx context.Context, dir string) (Split, error) {
	paths, err := f.locate(dir)
	if err != nil {
		return Split{}, err
	}
	split, err := f.read(ctx, paths, f.opt)
	switch {
	case err != nil:
	case split.Train == nil:
		f.opt.say("%s: %d test images from %s", f.name, split.Test.Len(), filepath.Dir(paths[0]))
	default:
		f.opt.say("%s: %d training and %d test images from %s", f.name, split.Train.Len(), split.Test.Len(), filepath.Dir(paths[0]))
	}
	return split, err
}

// network tries the official addresses and then the go command. The notes say why each failed.
func (f *finder) network(ctx context.Context) (split Split, notes []string, err error) {
	dir, err := CacheDir()
	if err == nil {
		dir = filepath.Join(dir, f.name)
		if err = f.download(ctx, dir); err == nil {
			split, err = f.load(ctx, dir)
		}
		if err == nil || ctx.Err() != nil {
			return split, nil, err
		}
	}
	notes = append(notes, "download: "+strings.TrimPrefix(err.Error(), "data: "))
	if f.module == nil {
		return split, notes, err
	}
	f.opt.say("data: %s could not be downloaded from the official addresses; asking the go command for module %s", f.name, moduleName)
	dir, err = f.module(ctx, true)
	if err == nil {
		split, err = f.load(ctx, dir)
	}
	if err != nil {
		notes = append(notes, "go command: "+strings.TrimPrefix(err.Error(), "data: "))
	}
	return split, notes, err
}

// errNoSet is what the error of a folder that has none of the set's files, or does not exist, is
// (errors.Is).
var errNoSet = errors.New("none of the set's files")

type notHere struct{ dir, why string }

func (e notHere) Error() string        { return "data: " + e.dir + ": " + e.why }
func (e notHere) Is(target error) bool { return target == errNoSet }

// checkFolder tells whether dir is a folder; errNoSet if there is nothing of that name.
func checkFolder(dir, title string) error {
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return notHere{dir, "no such folder"}
	case err != nil:
		return fmt.Errorf("data: %s: %w", dir, reason(err))
	case !st.IsDir():
		return fmt.Errorf("data: %s: not a folder: name the folder that holds the %s files", dir, title)
	}
	return nil
}

// locateFiles looks in the subfolders of dir, in their order, for all files of one of the forms,
// packed by gzip (then with .gz after the name) or not. With no file at all the error is errNoSet.
func locateFiles(title, dir string, subs []string, forms ...[]string) ([]string, error) {
	if err := checkFolder(dir, title); err != nil {
		return nil, err
	}
	for _, sub := range subs {
		var incomplete error
		for _, form := range forms {
			var paths, missing []string
			for _, name := range form {
				p := filepath.Join(dir, sub, name)
				switch {
				case isFile(p + ".gz"):
					paths = append(paths, p+".gz")
				case isFile(p):
					paths = append(paths, p)
				case isFile(filepath.Join(p, name)):
					// a folder for each file, as Kaggle unpacks them
					paths = append(paths, filepath.Join(p, name))
				default:
					missing = append(missing, name)
				}
			}
			if len(missing) == 0 {
				return paths, nil
			}
			if len(paths) > 0 {
				incomplete = fmt.Errorf("data: %s: %s missing: add it, packed by gzip or not, or take the other %s files away",
					filepath.Join(dir, sub), strings.Join(missing, ", "), title)
			}
		}
		if incomplete != nil {
			return nil, incomplete
		}
	}
	return nil, notHere{dir, "it has none of the " + title + " files"}
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// reason leaves out the path that an *fs.PathError repeats.
func reason(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}
