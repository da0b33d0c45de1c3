package gsmlab_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// block is a fenced block of a page: its language and what follows it on the line, and its text.
type block struct{ info, text string }

func blocks(page string) []block {
	var list []block
	for _, m := range regexp.MustCompile("(?ms)^```(\\w[^\n]*)\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		list = append(list, block{m[1], m[2]})
	}
	return list
}

// TestCommandsInPages runs the sh blocks of all pages, as a reader would paste them. Blocks marked
// "sh slow" train for minutes, install something or need what is not here: bash only parses them.
// TestOwnModule runs those of "sh module".
func TestCommandsInPages(t *testing.T) {
	ran := 0
	for _, page := range pages(t) {
		for _, b := range blocks(text(t, page)) {
			switch b.info {
			case "sh":
				ran++
				t.Run(page, func(t *testing.T) { paste(t, b.text) })
			case "sh slow", "sh module":
				if out, err := exec.Command("bash", "-n", "-c", b.text).CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s\n%s", page, err, out, b.text)
				}
			}
		}
	}
	if ran < 4 {
		t.Errorf("only %d blocks to run: the pages mark them in another way than this test knows", ran)
	}
}

// paste runs a block in the checkout, with a folder of the test for /tmp.
func paste(t *testing.T, commands string) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	script := "set -euo pipefail\n" + strings.ReplaceAll(commands, "/tmp/", t.TempDir()+"/")
	if out, err := exec.CommandContext(t.Context(), "bash", "-c", script).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, commands)
	}
}

// TestOwnModule: README.md's program works in another module, by README.md's commands, offline.
func TestOwnModule(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program in another module")
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	all := blocks(text(t, "README.md"))
	program := slices.IndexFunc(all, func(b block) bool { return b.info == "go" && strings.Contains(b.text, "package main") })
	commands := slices.IndexFunc(all, func(b block) bool { return b.info == "sh module" })
	if program < 0 || commands < 0 {
		t.Fatal("README.md has no Go program, or no block of commands marked sh module")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(all[program].text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-c", "set -euo pipefail\n"+strings.ReplaceAll(all[commands].text, "../gsmlab", root))
	cmd.Dir = dir
	// The module cache has all that gsmlab's own go.mod and go.sum pin; nothing else is asked.
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOPROXY=off", "GOSUMDB=off", "GSM_OFFLINE=1", "GOMLX_BACKEND=go")
	out, err := cmd.CombinedOutput()
	if want := "kept 20 of 160 weights\n"; err != nil || !strings.HasSuffix(string(out), want) {
		t.Errorf("want %q at the end: %v\n%s", want, err, out)
	}
}
