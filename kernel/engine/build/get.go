package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"gsmlab/internal/settings"
)

// Get runs `go get` in the session's module with the environment env. If note is not "", it says
// what the worker will see only after a restart.
func (t *Tools) Get(ctx context.Context, env []string, stdout, stderr io.Writer, args ...string) (note string, err error) {
	if len(args) == 0 {
		return "", errors.New("engine: go get: name a package, as in github.com/google/uuid@latest")
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"get"}, args...)...)
	cmd.Dir, cmd.Env = t.base, t.env(env)
	if forbidden(env) {
		cmd.Env = append(cmd.Env, offline...)
	}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	endsWhole(cmd)
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil && forbidden(env):
		return "", fmt.Errorf("engine: go get %s: %w (%s forbids downloads: unset it)", strings.Join(args, " "), err, settings.Offline)
	case err != nil:
		return "", fmt.Errorf("engine: go get %s: %w", strings.Join(args, " "), err)
	}
	return t.got(ctx, args)
}

// got registers new packages, and changes to those that the worker has loaded.
func (t *Tools) got(ctx context.Context, args []string) (note string, err error) {
	var patterns []string
	for _, a := range args {
		if path, _, _ := strings.Cut(a, "@"); !strings.HasPrefix(a, "-") {
			patterns = append(patterns, strings.TrimSuffix(path, "/...")+"/...")
		}
	}
	names, err := t.golang.Names(ctx, t.spec(nil, patterns))
	if err != nil {
		return "", err
	}
	t.index.take(names)
	used := t.inUse()
	if len(used) == 0 {
		return "", nil
	}
	now, err := t.golang.List(ctx, t.spec(used, nil))
	changed := t.changed(now)
	t.mu.Lock()
	defer t.mu.Unlock()
	if ctx.Err() != nil {
		t.stale = true // it may be
		return "", context.Cause(ctx)
	}
	if err == nil && len(changed) == 0 {
		return "", nil
	}
	t.stale = true
	if err != nil {
		return "a package that the worker has loaded does not build any more, which will show when it restarts (%reset): " + firstLine(err.Error()), nil
	}
	return fmt.Sprintf("%s: the worker goes on with the version that it has loaded until it restarts (%%reset)", strings.Join(changed, ", ")), nil
}

// Renew builds a new library and a new worker if go get has changed what the old worker has loaded.
// After an error, everything stays as it was.
func (t *Tools) Renew(ctx context.Context) error {
	t.mu.Lock()
	stale := t.stale
	t.mu.Unlock()
	if !stale {
		return nil
	}
	return t.open(ctx)
}
