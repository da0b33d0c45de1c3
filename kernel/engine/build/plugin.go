// The plugins of cells. A cell is built once, whatever its number: what is built says neither the
// number of the cell nor those of the cells that it uses. They are put into the file at the end,
// because programs see them in the names of files.

package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"go/scanner"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gsmlab/kernel/engine/toolchain"
	"gsmlab/kernel/engine/wire"
)

// Package is the text of a package that is built from a cell.
type Package struct {
	Number  int               // of the cell
	Files   map[string]string // by name
	Imports []string          // paths
}

// Plugin is what the worker loads.
type Plugin struct {
	Path     string
	Package  string    // its import path
	Before   []string  // plugins of packages that it may need, in this order
	Kept     bool      // it was built before, by this session or another
	Compiled time.Time // when the compiler was done and the linker began
}

// cell is the package of a cell.
type cell struct {
	toolchain.Cell
	needs []int          // the cells that it uses
	name  string         // stands for all that it was built from
	files map[string]int // what its code calls the files of cells, and their numbers
}

// Plugin compiles a package and links it as a plugin.
func (t *Tools) Plugin(ctx context.Context, p Package) (Plugin, error) {
	var plugin Plugin
	if err := t.need(ctx, p.Imports...); err != nil {
		return plugin, err
	}
	dir := filepath.Join(t.dir, strings.TrimPrefix(wire.CellPackage(p.Number), wire.CellModule))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return plugin, fmt.Errorf("engine: %w", err)
	}
	t.mu.Lock()
	libraries := slices.Clone(t.libraries)
	needs := map[int]bool{}
	t.closure(p.Imports, needs)
	var earlier []toolchain.Cell
	numbers := map[string]int{}
	for _, n := range slices.Sorted(maps.Keys(needs)) {
		earlier = append(earlier, t.cells[n].Cell)
		maps.Copy(numbers, t.cells[n].files)
	}
	now := cell{needs: slices.Sorted(maps.Keys(needs))}
	path, texts := t.portable(p, libraries, &now)
	t.paths[path] = true
	t.mu.Unlock()
	maps.Copy(numbers, now.files)
	var kept bool
	if now.Cell, kept = t.golang.Kept(now.name, path, dir); !kept {
		files, err := writeFiles(dir, texts)
		if err != nil {
			return plugin, err
		}
		if now.Cell, plugin.Compiled, err = t.golang.Cell(ctx, libraries, earlier, path, files, dir); err != nil {
			if ctx.Err() != nil {
				return plugin, context.Cause(ctx)
			}
			return plugin, buildError{err, numbers}
		}
		t.golang.Keep(now.name, now.Cell) // else it is built again the next time
	}
	if err := numberFiles(now.Plugin, numbers); err != nil {
		return plugin, err
	}
	t.mu.Lock()
	t.cells[p.Number] = now
	t.mu.Unlock()
	plugin.Path, plugin.Package, plugin.Kept = now.Plugin, path, kept
	for _, l := range libraries[1:] {
		plugin.Before = append(plugin.Before, l.Object)
	}
	return plugin, nil
}

// buildError is what compiler or linker say, with the numbers of cells.
type buildError struct {
	error
	numbers map[string]int
}

func (e buildError) Error() string {
	text := e.error.Error()
	for file, n := range e.numbers {
		text = strings.ReplaceAll(text, file, wire.CellFile(n))
	}
	return text
}

func (e buildError) Unwrap() error { return e.error }

var (
	cellAlias = regexp.MustCompile(`^` + wire.Tick + `c([0-9]+)$`)
	cellPath  = regexp.MustCompile(`^"` + wire.CellModule + `c([0-9]+)"$`)
	cellPlace = regexp.MustCompile(`^//line cell\[([0-9]+)\]`)
)

// eachNumber replaces the numbers of cells in a file: in names and paths of their packages, and in
// line directives.
func eachNumber(text string, pkg, place func(n int) string) string {
	var s scanner.Scanner
	file := token.NewFileSet().AddFile("", -1, len(text))
	s.Init(file, []byte(text), nil, scanner.ScanComments)
	var out strings.Builder
	done := 0
	replace := func(at int, pattern *regexp.Regexp, lit string, with func(n int) string) {
		if m := pattern.FindStringSubmatchIndex(lit); m != nil {
			n, _ := strconv.Atoi(lit[m[2]:m[3]])
			out.WriteString(text[done:at+m[2]] + with(n))
			done = at + m[3]
		}
	}
	for imports := true; ; {
		pos, tok, lit := s.Scan()
		at := file.Offset(pos)
		switch tok {
		case token.EOF:
			return out.String() + text[done:]
		case token.IDENT:
			replace(at, cellAlias, lit, pkg)
		case token.STRING: // others are the cell's
			if imports {
				replace(at, cellPath, lit, pkg)
			}
		case token.COMMENT:
			replace(at, cellPlace, lit, place)
		case token.VAR, token.FUNC, token.TYPE, token.CONST:
			imports = false
		}
	}
}

// portable rewrites the files of a package so that no number of a cell is in them. It fills the
// cell's name and files, and returns the path of the package. t.mu is held.
//
// The path is made of the name, so that it is the same in each session. The worker can load a path
// once, so a cell that comes again as another one gets another name.
func (t *Tools) portable(p Package, libraries []*toolchain.Library, now *cell) (path string, texts map[string]string) {
	texts = map[string]string{}
	var order []int // numbers of cells in names of files, as they come
	id := func(n int) string { return strings.TrimPrefix(t.cells[n].Path, wire.CellModule+"c") }
	ordinal := func(n int) string {
		if !slices.Contains(order, n) {
			order = append(order, n)
		}
		return fmt.Sprintf("#%d", slices.Index(order, n))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		texts[name] = sortImports(eachNumber(p.Files[name], id, ordinal))
	}
	var names []string
	for _, n := range now.needs {
		names = append(names, t.cells[n].name)
	}
	slices.Sort(names)
	for again := 0; path == "" || t.paths[path]; again++ {
		sum := sha256.New()
		fmt.Fprintln(sum, again)
		for _, l := range libraries {
			fmt.Fprintln(sum, l.Key())
		}
		fmt.Fprintln(sum, names)
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			fmt.Fprintf(sum, "%q %q\n", name, texts[name])
		}
		digest := sum.Sum(nil)
		now.name = fmt.Sprintf("%x", digest[:16])
		path = wire.CellPackage(int(firstID + binary.BigEndian.Uint64(digest)%firstID))
	}
	now.files = map[string]int{}
	for i, n := range order {
		file := fmt.Sprintf("cell[%s%04d]", strings.TrimPrefix(path, wire.CellModule+"c"), i)
		now.files[file] = n
		for name, text := range texts {
			texts[name] = strings.ReplaceAll(text, fmt.Sprintf("//line cell[#%d]:", i), "//line "+file+":")
		}
	}
	return path, texts
}

// sortImports sorts the imports of cells by their new paths.
func sortImports(text string) string {
	lines := strings.SplitAfter(text, "\n")
	isImport := func(line string) bool { return strings.HasPrefix(line, "import "+wire.Tick+"c") }
	if first := slices.IndexFunc(lines, isImport); first >= 0 {
		last := first
		for last < len(lines) && isImport(lines[last]) {
			last++
		}
		slices.Sort(lines[first:last])
	}
	return strings.Join(lines, "")
}

// firstID makes the paths of packages have numbers of 16 digits.
const firstID = 1_000_000_000_000_000

// numberFiles gives the files of cells their numbers in a plugin. A name ends with a zero there, so
// a shorter one can take its place. The file is replaced, since others may have a link to it.
func numberFiles(path string, numbers map[string]int) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	for file, n := range numbers {
		name := make([]byte, len(file)+1)
		copy(name, wire.CellFile(n))
		data = bytes.ReplaceAll(data, append([]byte(file), 0), name)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	if err := os.WriteFile(path, data, 0o755); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	return nil
}

// closure adds the cells among paths and those that they use to all; t.mu is held.
func (t *Tools) closure(paths []string, all map[int]bool) {
	for _, path := range paths {
		var n int
		if _, err := fmt.Sscanf(path, wire.CellModule+"c%d", &n); err != nil {
			continue
		}
		if c, ok := t.cells[n]; ok && !all[n] {
			all[n] = true
			for _, need := range c.needs { // which are all that they use
				all[need] = true
			}
		}
	}
}

// writeFiles writes files into dir and returns their paths, sorted.
func writeFiles(dir string, texts map[string]string) (paths []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(texts[name]), 0o644); err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// ForgetCells drops the cells when a new worker starts, so that their numbers and paths can be used
// again.
func (t *Tools) ForgetCells() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.cells)
	clear(t.paths)
}
