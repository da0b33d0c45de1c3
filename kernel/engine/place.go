package engine

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"gsmlab/kernel/engine/rt"
)

// place is the folder and the environment of the session's worker. Both outlive it.
type place struct {
	mu  sync.Mutex
	dir string
	env map[string]string // what was set on top of the environment of this process
}

func newPlace() (*place, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return &place{dir: dir, env: map[string]string{}}, nil
}

// environ returns the environment in the form of os.Environ.
func (p *place) environ() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	env := os.Environ()
	for _, name := range slices.Sorted(maps.Keys(p.env)) {
		env = append(env, name+"="+p.env[name])
	}
	return env
}

// folder returns the folder for a new worker: where the last one was, unless that is gone.
func (p *place) folder() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if info, err := os.Stat(p.dir); err != nil || !info.IsDir() {
		p.dir, _ = os.Getwd()
	}
	return p.dir
}

// moved notes the folder that a cell left the worker in.
func (p *place) moved(dir string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dir = dir
}

// Setenv implements Engine.
func (s *session) Setenv(name, value string) error {
	if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
		return fmt.Errorf("engine: %q cannot be the name of an environment variable, or its value has a NUL", name)
	}
	s.running.Lock()
	defer s.running.Unlock()
	s.place.mu.Lock()
	s.place.env[name] = value
	s.place.mu.Unlock()
	s.process.send(rt.Command{Do: "setenv", Name: name, Value: value})
	return nil
}

// Chdir implements Engine.
func (s *session) Chdir(dir string) error {
	s.running.Lock()
	defer s.running.Unlock()
	s.place.mu.Lock()
	defer s.place.mu.Unlock()
	if dir == "" {
		return fmt.Errorf("engine: no folder to change to was named")
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(s.place.dir, dir)
	}
	d, err := os.Open(dir) // as the worker will see it
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	defer d.Close()
	if info, err := d.Stat(); err != nil || !info.IsDir() {
		return fmt.Errorf("engine: %s is not a folder", dir)
	}
	s.place.dir = filepath.Clean(dir)
	s.process.send(rt.Command{Do: "chdir", Path: s.place.dir})
	return nil
}

// Dir implements Engine.
func (s *session) Dir() string {
	s.place.mu.Lock()
	defer s.place.mu.Unlock()
	return s.place.dir
}
