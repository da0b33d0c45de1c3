package engine

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"gsmlab/kernel/engine/wire"
)

// setting is the folder and the environment of the session's worker. Both outlive the worker.
type setting struct {
	mu  sync.Mutex
	dir string
	env map[string]variable // the differences from the environment of this process
}

// variable is a variable of the environment.
type variable struct {
	value string
	unset bool
}

func newSetting() (*setting, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return &setting{dir: dir, env: map[string]variable{}}, nil
}

// environ returns the environment in the form of os.Environ.
func (s *setting) environ() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	env := slices.DeleteFunc(os.Environ(), func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		return s.env[name].unset
	})
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		if v := s.env[name]; !v.unset {
			env = append(env, name+"="+v.value)
		}
	}
	return env
}

// folder returns the folder for a new worker: where the last one was, unless that folder is gone.
func (s *setting) folder() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if info, err := os.Stat(s.dir); err != nil || !info.IsDir() {
		s.dir, _ = os.Getwd()
	}
	return s.dir
}

// left notes the folder and the environment in which a cell left the worker.
func (s *setting) left(done wire.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if done.Dir != "" {
		s.dir = done.Dir
	}
	for _, change := range done.Env {
		s.env[change.Name] = variable{change.Value, change.Unset}
	}
}

// Setenv sets an environment variable of the worker, at once and after each restart.
func (e *Engine) Setenv(name, value string) error {
	if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
		return fmt.Errorf("engine: %q cannot be the name of an environment variable, or its value has a NUL", name)
	}
	e.running.Lock()
	defer e.running.Unlock()
	e.setting.mu.Lock()
	e.setting.env[name] = variable{value: value}
	e.setting.mu.Unlock()
	e.process.send(wire.Command{Do: wire.DoSetenv, Name: name, Value: value})
	return nil
}

// Chdir changes the worker's folder, at once and after each restart; a relative dir starts at Dir.
func (e *Engine) Chdir(dir string) error {
	e.running.Lock()
	defer e.running.Unlock()
	e.setting.mu.Lock()
	defer e.setting.mu.Unlock()
	if dir == "" {
		return fmt.Errorf("engine: no folder to change to was named")
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(e.setting.dir, dir)
	}
	d, err := os.Open(dir) // as the worker will see it
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	defer d.Close()
	if info, err := d.Stat(); err != nil || !info.IsDir() {
		return fmt.Errorf("engine: %s is not a folder", dir)
	}
	e.setting.dir = filepath.Clean(dir)
	e.process.send(wire.Command{Do: wire.DoChdir, Path: e.setting.dir})
	return nil
}

// Dir is the worker's folder, even if a cell has changed it.
func (e *Engine) Dir() string {
	e.setting.mu.Lock()
	defer e.setting.mu.Unlock()
	return e.setting.dir
}

// Environ is the environment of the worker, in the form of os.Environ.
func (e *Engine) Environ() []string { return e.setting.environ() }
