package toolchain

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// CellPrefix begins the paths of packages that share their unexported names, as if they were one
// package, and that call themselves main in programs. Digits and lower-case letters follow it.
const CellPrefix = "gsmcell/"

// Cell is a package built from a cell. Later ones can import it once the worker has loaded its
// plugin.
type Cell struct {
	Path    string // import path
	Archive string // for the compiler
	Plugin  string
}

// Cell compiles files as package main with its own path, into the folder dir, and links them as a
// plugin. By the time the worker loads this plugin, it has loaded the libraries and the plugins of
// the earlier cells. Cell also says when the linker began.
func (g *Go) Cell(ctx context.Context, have []*Library, earlier []Cell, path string, files []string, dir string) (cell Cell, compiled time.Time, err error) {
	cell = cellIn(path, dir)
	list, err := linkLists(have, compileList, linkList)
	if err != nil {
		return cell, compiled, err
	}
	var compile, link strings.Builder
	compile.WriteString(list[0])
	link.WriteString(list[1])
	for _, c := range earlier {
		fmt.Fprintf(&compile, "packagefile %s=%s\n", c.Path, c.Archive)
		fmt.Fprintf(&link, "packagefile %s=%s\npackageshlib %[1]s=%[3]s\n", c.Path, c.Archive, c.Plugin)
	}
	fmt.Fprintf(&link, "packagefile %s=%s\n", path, cell.Archive)
	if err := writeAll(dir, map[string]string{compileList: compile.String(), linkList: link.String()}); err != nil {
		return cell, compiled, err
	}
	if err := g.compile(ctx, dir, path, compileList, cell.Archive, files...); err != nil {
		return cell, compiled, err
	}
	compiled = time.Now()
	return cell, compiled, g.plugin(ctx, dir, cell.Plugin, path, linkList, cell.Archive)
}

func (g *Go) plugin(ctx context.Context, dir, out, path, importcfg, main string) error {
	return g.link(ctx, dir, "-o", out, "-importcfg", importcfg, "-buildmode=plugin", "-pluginpath", path, "-extldflags="+g.extldflags()+" -Wl,-z,norelro,-Bsymbolic-functions", main)
}
