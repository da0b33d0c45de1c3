package toolchain

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Built cells are kept, under a name made from everything that they were built from. A session has
// its own files in its folder, links if possible, so nobody misses what is removed here.

// Limits for all kept cells together.
const (
	keptSize  = 256 << 20
	keptCells = 4000
)

// Key identifies everything that a library was built from.
func (l *Library) Key() string { return l.key }

// Kept puts the kept cell with this name into the folder dir, as Cell would have built it there.
func (g *Go) Kept(name, path, dir string) (cell Cell, ok bool) {
	cell = cellIn(path, dir)
	from := cellIn(path, filepath.Join(g.cache, "cells", name))
	if take(from.Archive, cell.Archive) != nil || take(from.Plugin, cell.Plugin) != nil {
		return cell, false
	}
	now := time.Now()
	os.Chtimes(filepath.Dir(from.Plugin), now, now) // for SweepKept
	return cell, true
}

// Keep keeps a built cell. A failure does not matter to anybody.
func (g *Go) Keep(name string, cell Cell) error {
	parent := filepath.Join(g.cache, "cells")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	tmp, err := os.MkdirTemp(parent, "tmp-")
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	defer os.RemoveAll(tmp)
	to := cellIn(cell.Path, tmp)
	if err := take(cell.Archive, to.Archive); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	if err := take(cell.Plugin, to.Plugin); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	os.Rename(tmp, filepath.Join(parent, name)) // fails if another session has kept it
	return nil
}

func cellIn(path, dir string) Cell {
	return Cell{Path: path, Archive: filepath.Join(dir, "cell.a"), Plugin: filepath.Join(dir, "cell.so")}
}

// take links a file, or copies it if the folders are on different disks.
func take(from, to string) error {
	if err := os.Remove(to); err != nil && !os.IsNotExist(err) {
		return err
	}
	if os.Link(from, to) == nil {
		return nil
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o755)
}

// SweepKept removes the cells that have not been used for longest, until the others are few and
// small enough.
func (g *Go) SweepKept() {
	parent := filepath.Join(g.cache, "cells")
	list, err := os.ReadDir(parent)
	if err != nil {
		return // nothing is kept
	}
	type kept struct {
		path string
		used time.Time
		size int64
	}
	var all []kept
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			continue
		}
		k := kept{path: filepath.Join(parent, e.Name()), used: info.ModTime()}
		filepath.WalkDir(k.path, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				if info, err := d.Info(); err == nil {
					k.size += info.Size()
				}
			}
			return nil
		})
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b kept) int { return b.used.Compare(a.used) })
	size := int64(0)
	for i, k := range all {
		if size += k.size; i >= keptCells || size > keptSize {
			os.RemoveAll(k.path)
		}
	}
}
