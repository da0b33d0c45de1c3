package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

// The revision is the one that the build recorded, or that of the sources in their own checkout.
// It is never that of another repository in which the sources merely lie.
func TestRevision(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "cmd", "about.go")
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x@y"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	put := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	check := func(name string, info debug.BuildInfo, file, want string) {
		t.Helper()
		if got := revision(t.Context(), &info, file); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	stamped := func(modified string) debug.BuildInfo {
		return debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: modified}}}
	}
	const unknown = "unknown: go build -buildvcs=true ./cmd/gsm, in a checkout, records it"
	plain := debug.BuildInfo{Main: debug.Module{Path: "gsmlab", Version: "(devel)"}}
	check("recorded", stamped("false"), file, "abc")
	check("recorded with changes", stamped("true"), file, "abc, changed")
	check("of a module", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, file, "of module version v1.2.3")
	check("trimmed path", plain, "gsmlab/cmd/gsm/about.go", unknown)
	check("sources are gone", plain, file, unknown)

	put(file, "package main")
	check("no repository", plain, file, unknown)
	put(filepath.Join(dir, "README"), "of something else")
	git("init", "-q")
	check("no commit", plain, file, unknown)
	git("add", "README")
	git("commit", "-qm", "x")
	check("a copy in another repository", plain, file, unknown)
	git("add", ".")
	git("commit", "-qm", "y")
	const now = " (that of the sources now; the build did not record it)"
	head := git("rev-parse", "HEAD")
	check("a checkout", plain, file, head+now)
	check("built in another module", debug.BuildInfo{Main: debug.Module{Path: "gsmlab", Version: "v0.0.0"}}, file, head+now)
	put(filepath.Join(dir, "cmd", "new.go"), "package main")
	check("a changed checkout", plain, file, head+", changed"+now)
}
