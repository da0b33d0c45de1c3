package repl

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gsmlab/kernel/engine"
	"gsmlab/kernel/shell"
)

var update = flag.Bool("update", false, "write what was seen into the transcripts")

func TestScripts(t *testing.T) {
	if err := engine.Supported(); err != nil {
		t.Skip(err)
	}
	if testing.Short() {
		t.Skip("builds cells")
	}
	const path = "testdata/scripts.txtar"
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	history, err := shell.OpenHistory(filepath.Join(t.TempDir(), "history.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	sh, err := shell.New(context.Background(), shell.Options{History: history})
	if err != nil {
		t.Fatal(err)
	}
	defer sh.Close()
	want := map[string]string{}
	for _, f := range archive.Files {
		want[f.Name] = string(f.Data)
	}
	var seen []txtar.File
	for _, f := range archive.Files {
		name, isInput := strings.CutSuffix(f.Name, ".in")
		if !isInput {
			continue
		}
		seen = append(seen, f)
		t.Run(name, func(t *testing.T) {
			if err := sh.Restart(context.Background()); err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			err := runScript(context.Background(), sh, bytes.NewReader(f.Data), &stream{out: &out, err: &errs, input: noInput})
			bad := ""
			if err != nil {
				bad = err.Error() + "\n"
			}
			for _, got := range []struct{ kind, text string }{{".out", out.String()}, {".err", errs.String()}, {".bad", bad}} {
				if got.text != want[name+got.kind] && !*update {
					t.Errorf("%s: got:\n%s\nwant:\n%s", got.kind, got.text, want[name+got.kind])
				}
				if strings.Contains(got.text, "\x1b") {
					t.Errorf("%s has an escape sequence: %q", got.kind, got.text)
				}
				if got.text != "" {
					seen = append(seen, txtar.File{Name: name + got.kind, Data: []byte(got.text)})
				}
			}
		})
	}
	if *update {
		archive.Files = seen
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlain tests the prompt of a terminal that can do nothing.
func TestPlain(t *testing.T) {
	if err := engine.Supported(); err != nil {
		t.Skip(err)
	}
	if testing.Short() {
		t.Skip("builds cells")
	}
	u := newUser(t, map[string]string{"TERM": "dumb"}, nil)
	u.run("x := 1", "")
	u.prompt()
	u.Type("for range 2 {\r")
	u.Ends("...:")
	u.Type("x++\r")
	u.Ends("x++\n  ...:")
	u.Type("}\r")
	u.cell++
	u.run("x", "3")
	u.Type("x +\r")
	u.Ends("x +\n  ...:")
	u.Type("\r") // an empty line ends a cell that never closes
	u.cell++
	u.Wait("cell[4]:", "syntax error")
	u.Type("func twice(n int) int {\r\r\r\treturn 2 * n\r}\r") // a paste
	u.cell++
	u.run("twice(21)", "42")
	u.run("fmt.Print(\"Name: \"); var name string; fmt.Scanln(&name); name\rAda", "Name: \"Ada\"")
	u.run("image.NewGray(image.Rect(0, 0, 2, 3))", "*image.Gray 2x3")
	if raw := u.Raw(); strings.Contains(raw, "\x1b") {
		t.Errorf("escape sequences on a dumb terminal: %q", raw)
	}
	u.leave()
}
