package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Get runs `go get` in the session's module with the environment env. The note, unless it is "", says what of
// it the worker will see only after a restart.
func (t *Tools) Get(ctx context.Context, env []string, stdout, stderr io.Writer, args ...string) (note string, err error) {
	if len(args) == 0 {
		return "", errors.New("engine: go get: name a package, as in github.com/google/uuid@latest")
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"get"}, args...)...)
	cmd.Dir, cmd.Env = t.base, t.env(env)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	endsWhole(cmd)
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return "", fmt.Errorf("engine: go get %s: %w", strings.Join(args, " "), err)
	}
	return t.got(ctx, args)
}

// got takes note of new packages, and of changes to those that the worker has loaded.
func (t *Tools) got(ctx context.Context, args []string) (note string, err error) {
	var patterns []string
	for _, a := range args {
		if path, _, _ := strings.Cut(a, "@"); !strings.HasPrefix(a, "-") {
			patterns = append(patterns, strings.TrimSuffix(path, "/...")+"/...")
		}
	}
	if err := t.index.add(ctx, t, patterns); err != nil {
		return "", err
	}
	used := t.inUse()
	if len(used) == 0 {
		return "", nil
	}
	exports, modules, err := t.archives(ctx, used)
	t.mu.Lock()
	defer t.mu.Unlock()
	if ctx.Err() != nil {
		t.stale = true // it may be
		return "", context.Cause(ctx)
	}
	changed := t.changed(exports, modules)
	if err == nil && len(changed) == 0 {
		return "", nil
	}
	t.stale = true
	if err != nil {
		return "a package that the worker has loaded does not build any more, which will show when it restarts (%reset): " + firstLine(err.Error()), nil
	}
	return fmt.Sprintf("%s: the worker goes on with the version that it has loaded until it restarts (%%reset)", strings.Join(changed, ", ")), nil
}

// Renew returns a new worker where go get has changed what the old one has loaded, and "" where it has not.
// After an error all stays as it was.
func (t *Tools) Renew(ctx context.Context) (worker string, err error) {
	t.mu.Lock()
	stale := t.stale
	t.mu.Unlock()
	if !stale {
		return "", nil
	}
	undo := t.forget()
	if worker, err = t.Worker(ctx); err != nil {
		undo()
		return "", err
	}
	return worker, nil
}
