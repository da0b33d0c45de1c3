package build

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Index finds packages by the name that a cell uses without importing it.
type Index struct {
	mu    sync.RWMutex
	paths map[string]string // name -> path
	names map[string]string // path -> name
}

// preferred settles names that several packages share.
var preferred = map[string]string{
	"rand": "math/rand", "template": "text/template", "scanner": "text/scanner", "graph": "github.com/gomlx/gomlx/core/graph",
	"context": "context", "atomic": "sync/atomic", "trace": "gsmlab/gsm/trace", "types": "go/types", "pprof": "runtime/pprof",
}

// fill sets the names of packages, by path.
func (x *Index) fill(names map[string]string) {
	x.paths, x.names = map[string]string{}, map[string]string{}
	x.take(names)
	for name, p := range preferred {
		if x.names[p] != "" {
			x.paths[name] = p
		}
	}
}

// take adds names of packages, by path. If several paths have one name, the shortest wins.
func (x *Index) take(names map[string]string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, p := range slices.Sorted(maps.Keys(names)) {
		name := names[p]
		x.names[p] = name
		if old, taken := x.paths[name]; !taken || len(p) < len(old) {
			x.paths[name] = p
		}
	}
}

// Find returns the path of the package that a name means if nobody has imported it.
func (x *Index) Find(name string) (string, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	p, ok := x.paths[name]
	return p, ok
}

// Packages returns the paths of all packages by name.
func (x *Index) Packages() map[string]string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return maps.Clone(x.paths)
}

// Paths lists the paths of all packages.
func (x *Index) Paths() []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Sorted(maps.Keys(x.names))
}

// learn notes the name of a package that was imported.
func (x *Index) learn(path, name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.names[path] = name
}

var versionSuffix = regexp.MustCompile(`^v[0-9]+$`)

// NameOf returns the name of a package: known, or guessed from its path as Go's tools do.
func (x *Index) NameOf(p string) string {
	x.mu.RLock()
	name, ok := x.names[p]
	x.mu.RUnlock()
	if ok {
		return name
	}
	base := path.Base(p)
	if versionSuffix.MatchString(base) {
		base = path.Base(path.Dir(p))
	}
	base, _, _ = strings.Cut(base, ".")
	return strings.TrimPrefix(base, "go-")
}
