package toolchain

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// patches holds, for the commands of Go that are built anew, what is changed in their source:
// unified diffs, and new files with ".txt" behind their names. Both quote or extend files of Go,
// whose licence lies with them.
//
//go:embed patches
var patches embed.FS

// A PatchError says that the source of the installed Go is not what the patches were written for.
type PatchError struct {
	File string // of Go's source
	Text string // the part of it that was looked for
	Hits int    // how often it was found
}

func (e *PatchError) Error() string {
	return fmt.Sprintf("%s: %d places, not one, read\n%s", e.File, e.Hits, strings.TrimRight(e.Text, "\n"))
}

// overlay writes the patched files of a command of Go into dir, and returns what go build's
// -overlay wants: for each file of Go its replacement.
func overlay(goroot, command, dir string) (map[string]string, error) {
	replace := map[string]string{}
	put := func(file, text string) error {
		to := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		replace[filepath.Join(goroot, "src", filepath.FromSlash(file))] = to
		return os.WriteFile(to, []byte(text), 0o644)
	}
	diff, err := patches.ReadFile("patches/" + path.Base(command) + ".patch")
	if err != nil {
		return nil, err
	}
	files, err := parsePatch(string(diff))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(goroot, "src", filepath.FromSlash(f.name)))
		if err != nil {
			return nil, err
		}
		patched, err := f.apply(string(text))
		if err != nil {
			return nil, err
		}
		if err := put(f.name, patched); err != nil {
			return nil, err
		}
	}
	root := "patches/" + command
	err = fs.WalkDir(patches, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := patches.ReadFile(name)
		if err != nil {
			return err
		}
		return put(strings.TrimSuffix(strings.TrimPrefix(name, "patches/"), ".txt"), string(text))
	})
	return replace, err
}

// A filePatch changes a file: it replaces each block of old text, which must be there exactly once,
// with the new one.
type filePatch struct {
	name  string
	hunks []hunk
}

type hunk struct{ old, new string }

// parsePatch reads a unified diff. It ignores line numbers, because releases of Go move the text
// around.
func parsePatch(diff string) ([]*filePatch, error) {
	var files []*filePatch
	var at *hunk
	for line := range strings.Lines(diff) {
		switch {
		case strings.HasPrefix(line, "--- "):
			at = nil
		case strings.HasPrefix(line, "+++ "):
			name, _, _ := strings.Cut(strings.TrimSpace(line[4:]), "\t")
			files = append(files, &filePatch{name: path.Clean(strings.TrimPrefix(name, "b/"))})
		case strings.HasPrefix(line, "@@"):
			if len(files) == 0 {
				return nil, fmt.Errorf("a patch without the name of a file")
			}
			f := files[len(files)-1]
			f.hunks = append(f.hunks, hunk{})
			at = &f.hunks[len(f.hunks)-1]
		case at == nil:
		case line[0] == '-':
			at.old += line[1:]
		case line[0] == '+':
			at.new += line[1:]
		case line[0] == ' ':
			at.old += line[1:]
			at.new += line[1:]
		case line == "\n": // editors take the space from an empty line
			at.old += line
			at.new += line
		default:
			return nil, fmt.Errorf("a patch has the line %q", line)
		}
	}
	return files, nil
}

func (f *filePatch) apply(text string) (string, error) {
	for _, h := range f.hunks {
		if n := strings.Count(text, h.old); n != 1 {
			return "", &PatchError{f.name, h.old, n}
		}
		text = strings.Replace(text, h.old, h.new, 1)
	}
	return text, nil
}
