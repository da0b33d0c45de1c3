package build

import (
	"context"
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

// fill lists the packages of the standard library, of gsmlab and of GoMLX.
func (x *Index) fill(ctx context.Context, t *Tools) error {
	x.paths, x.names = map[string]string{}, map[string]string{}
	if err := x.add(ctx, t, []string{"std", "gsmlab/gsm/...", "gsmlab/models/...", "github.com/gomlx/gomlx/core/...",
		"github.com/gomlx/gomlx/ml/...", "github.com/gomlx/compute/...", "github.com/janpfeifer/gonb/gonbui", "gsmlab/kernel/display", "gsmlab/backend",
		"golang.org/x/exp/constraints"}); err != nil {
		return err
	}
	for name, p := range preferred {
		if x.names[p] != "" {
			x.paths[name] = p
		}
	}
	return nil
}

// add lists the packages that match patterns.
func (x *Index) add(ctx context.Context, t *Tools, patterns []string) error {
	out, err := t.run(ctx, t.base, "go", append([]string{"list", "-e", "-f", "{{.Name}} {{.ImportPath}}"}, patterns...)...)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for line := range strings.Lines(out) {
		name, p, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || name == "main" || name == "" || strings.Contains("/"+p+"/", "/internal/") || strings.HasPrefix(p, "vendor/") {
			continue
		}
		x.names[p] = name
		if old, taken := x.paths[name]; !taken || len(p) < len(old) {
			x.paths[name] = p
		}
	}
	return nil
}

// Find returns the path of the package that a name means which nobody has imported.
func (x *Index) Find(name string) (string, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	p, ok := x.paths[name]
	return p, ok
}

// Packages gives all packages, by name with its path.
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
