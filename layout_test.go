// Package gsmlab_test guards the layout that README.md draws.
package gsmlab_test

import (
	"fmt"
	"go/ast"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A room is a folder of Go code.
type room struct {
	name string
	may  []string // the rooms that its code, tests aside, may import, besides tools
	why  string   // why it may import no others: what a forbidden import fails with
}

// forbids says why the room may not import another, and is empty where it may.
func (r room) forbids(target string) string {
	if slices.Contains(r.may, target) || slices.Contains(tools, target) && !slices.Contains(tools, r.name) {
		return ""
	}
	return fmt.Sprintf("%s may not import %s: %s", r.name, target, r.why)
}

// rooms is the layout, downstream last within each half. docs/architecture.md is drawn from it:
// after a change, go test . -run TestArchitecture -update.
var rooms = []room{
	// The optimizer's half.
	{"gsm/topk", nil, "the search knows numbers in a graph, and no weights"},
	{"gsm", []string{"gsm/topk"}, "the method depends on GoMLX alone, so that a program can use it without our models and recipes"},
	{"gsm/snapshot", []string{"gsm"}, "a copy of a network needs to know what is the network and what its training left behind"},
	{"gsm/ticket", []string{"gsm", "gsm/snapshot"}, "tickets rewind and mask any GoMLX network; they know no model, no data and no recipe"},
	{"gsm/trace", nil, "a trace is written and read without a backend and without the optimizer"},
	{"gsm/record", []string{"gsm", "gsm/trace"}, "it records any training loop of GoMLX; it knows no model, no data and no recipe"},
	{"gsm/chart", []string{"gsm/trace"}, "charts are drawn from records and numbers, without a backend and without the optimizer"},
	{"models", nil, "a network is a function of a scope; who trains or prunes it is not its business"},
	{"models/data", nil, "images and labels are read without a network and without a backend's choice"},
	{"models/distill", nil, "a network learns what another says; which networks they are and who prunes them is not its business"},
	{"models/weights", []string{"gsm"}, "files of weights fit any store; of gsm they need only what is a kernel, and masks"},
	{"models/recipe", []string{"gsm", "gsm/record", "gsm/snapshot", "gsm/ticket", "gsm/trace", "models", "models/data", "models/distill", "models/weights"},
		"recipes join data, models and gsm; they know no command line, no chart and no kernel"},
	{"rivals", []string{"gsm", "gsm/chart", "gsm/snapshot", "gsm/trace", "models", "models/data", "models/recipe"},
		"it prunes networks of recipes by other rules, and knows no command line and no kernel"},
	{"models/recipe/bench", []string{"gsm", "models", "models/data", "models/distill"}, "it times steps of networks, and nothing else"},
	{"infer/kernel/gen", nil, "it writes assembly, in a module of its own, so that what it needs is no dependency of gsmlab"},
	{"infer/kernel", nil, "inner loops know numbers in slices, and no network"},
	{"infer/code", []string{"infer/graph"}, "a file is read and written without the runtime that uses it"},
	{"infer", []string{"infer/code", "infer/graph", "infer/kernel"}, "programs embed it, so it brings nothing along: the standard library only, without fmt and reflect"},
	{"infer/graph", nil, "a network for inference is plain data; who makes it, writes it and runs it is not its business"},
	{"deploy", []string{"infer", "infer/code", "infer/graph", "infer/kernel"}, "it turns any GoMLX model into a network for inference; it knows no model, no data and no recipe"},
	{"internal/malloc", nil, "it sets one option of C's malloc"},
	{"internal/xlacache", nil, "it keeps compiled graphs as bytes; which plugin may and where they lie is decided above it"},
	{"internal/pjrt", []string{"internal/malloc", "internal/xlacache"}, "a backend is found and opened before anybody knows what will run on it"},
	{"internal/pjrt/cmd/plugin", []string{"internal/pjrt"}, "install.sh runs it before anything else works"},
	{"internal/pjrt/backendtest", []string{"internal/pjrt"}, "tests of every room may import it, so it may import none of them"},
	{"backend", []string{"internal/pjrt"}, "it is the public face of internal/pjrt, for programs of users"},
	{"cmd/gsm", []string{"deploy", "gsm", "gsm/chart", "gsm/trace", "infer", "infer/code", "infer/graph", "internal/pjrt", "models", "models/data", "models/recipe", "models/recipe/bench", "models/weights", "rivals"},
		"the command line needs no kernel, and no room imports a program"},
	// The kernel's half. kernel/plugin.go is the one door to the other half.
	{"kernel/engine/rt/cell", nil, "cells and package display import it, so it holds only what they call"},
	{"kernel/engine/rt/loader", nil, "it knows files, types and Go's runtime, and not what a cell is; only the worker's main function, which is generated, imports it"},
	{"kernel/engine/toolchain", nil, "it builds Go's compiler and plugins from text and packages; what a cell or a session is, is not its business"},
	{"kernel/engine/wire", nil, "both sides of the pipes import it, so it brings nothing along"},
	{"kernel/engine/rt", []string{"kernel/engine/rt/cell", "kernel/engine/wire"}, "the worker loads plugins that contain it, so it stays small"},
	{"kernel/engine/rt/keep", []string{"kernel/engine/rt"}, "it is loaded into a worker only to save tensors, beside whatever cells have loaded"},
	{"kernel/engine/worker", []string{"internal/malloc", "kernel/engine/rt", "kernel/engine/wire"}, "the worker runs cells; what they mean is decided in the engine's process"},
	{"kernel/engine/lang", []string{"kernel/engine/wire"}, "what a cell means is decided by Go and the names before it, without a worker and without a toolchain"},
	{"kernel/engine/assist", []string{"kernel/engine/lang", "kernel/engine/wire"}, "it answers beside a running cell, from the names as they are, without a worker and without a toolchain"},
	{"kernel/engine/build", []string{"kernel/engine/toolchain", "kernel/engine/wire"}, "it builds packages from text; what the text means is not its business"},
	{"kernel/engine/celltest", []string{"kernel/engine/build"}, "tests of the engine's rooms import it, so it may import none that they test from inside"},
	{"kernel/engine", []string{"kernel/engine/assist", "kernel/engine/build", "kernel/engine/lang", "kernel/engine/wire"}, "the engine knows Go and a worker, and neither front ends nor networks"},
	{"kernel/display", []string{"kernel/engine/rt/cell"}, "cells and programs import it, so it brings nothing along"},
	{"internal/raster", nil, "it draws SVG as pixels, for any front end and for lessons"},
	{"internal/nbformat", nil, "notebook files are read and written without a kernel"},
	{"kernel/present", []string{"kernel/engine"}, "what an error and a value look like is decided once, for all front ends"},
	{"kernel/bound", []string{"internal/nbformat", "kernel/engine", "kernel/present"}, "what a page can take is decided once, between the shell and any front end"},
	{"kernel/shell", []string{"internal/nbformat", "kernel/bound", "kernel/engine", "kernel/present"}, "commands work alike in each front end, so they know none of them"},
	{"kernel/repl/edit", nil, "the editor edits text; what the text means is not its business"},
	{"kernel/repl/picture", []string{"internal/raster"}, "pictures are drawn on a terminal without a kernel"},
	{"kernel/repl", []string{"kernel/engine", "kernel/present", "kernel/repl/edit", "kernel/repl/picture", "kernel/shell"}, "a front end knows the shell and the engine, and no other front end"},
	{"kernel/jupyter/zmtp", nil, "it moves frames over sockets; what they say is not its business"},
	{"kernel/jupyter/dap", []string{"kernel/engine"}, "it answers a protocol by the debugger; how its messages travel is not its business"},
	{"kernel/jupyter", []string{"kernel/engine", "kernel/jupyter/dap", "kernel/jupyter/zmtp", "kernel/present", "kernel/shell"}, "a front end knows the shell and the engine, and no other front end"},
	{"kernel/notebook", []string{"internal/nbformat", "kernel/engine", "kernel/present", "kernel/shell"}, "a front end knows the shell and the engine, and no other front end"},
	{"kernel", []string{"internal/pjrt", "kernel/jupyter", "kernel/notebook", "kernel/repl"}, "the program chooses a front end; the rest happens there"},
	// Lessons, and what tests share.
	{"notebooks/lesson", []string{"backend", "gsm", "gsm/chart", "gsm/record", "gsm/snapshot", "gsm/trace", "internal/raster", "kernel/display", "models", "models/data", "models/recipe", "rivals"},
		"GoNB compiles cells in another module, so that lessons use what any program can use"},
	{"internal/jupyterclients", []string{"internal/pjrt"}, "tests of several rooms may import it, so it may import none of them"},
	{"internal/ptyscreen", nil, "tests of several rooms may import it, so it may import none of them"},
}

// tools have no opinions: every room may import them, and they import no room.
var tools = []string{"internal/atomicfile", "internal/nearest", "internal/phrase", "internal/settings", "internal/utf8tail"}

// TestImportsFollowTheLayout: a room imports what its row allows, and uses all that its row allows.
func TestImportsFollowTheLayout(t *testing.T) {
	table := map[string]room{}
	for _, r := range rooms {
		table[r.name] = r
	}
	for _, name := range tools {
		table[name] = room{name: name, why: "every room may import a tool, so it may import none of them"}
	}
	used := map[string]bool{}
	for path, f := range sourceFiles(t) {
		from := filepath.ToSlash(filepath.Dir(path))
		r, known := table[from]
		if !known {
			t.Errorf("%s: the room %s is not in the layout: add it to rooms (layout_test.go) and to README.md", path, from)
			continue
		}
		for _, spec := range f.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			target, ours := strings.CutPrefix(target, "gsmlab/")
			if !ours || slices.Contains(tools, target) && !slices.Contains(tools, from) {
				continue
			}
			used[from+" "+target] = true
			if complaint := r.forbids(target); complaint != "" {
				t.Errorf("%s: %s", path, complaint)
			}
		}
	}
	for _, r := range rooms {
		for _, target := range r.may {
			if !used[r.name+" "+target] {
				t.Errorf("rooms (layout_test.go): %s may import %s and does not: remove it", r.name, target)
			}
		}
	}
}

// TestForbiddenImportsHaveReasons: each row has a reason, and an import against it fails with that
// reason.
func TestForbiddenImportsHaveReasons(t *testing.T) {
	for _, r := range rooms {
		if got := r.forbids("cmd/gsm"); r.why == "" || !strings.HasSuffix(got, " may not import cmd/gsm: "+r.why) {
			t.Errorf("%s, importing a program: %q", r.name, got)
		}
		for _, target := range append(r.may, tools...) {
			if got := r.forbids(target); got != "" {
				t.Errorf("%s: %q", r.name, got)
			}
		}
	}
	tool := room{name: tools[0], why: "x"}
	if got := tool.forbids(tools[1]); got == "" {
		t.Errorf("%s may import %s: tools import no room", tools[0], tools[1])
	}
}

func TestTraceNeedsNoBackend(t *testing.T) {
	for path, f := range sourceFiles(t) {
		if !strings.HasPrefix(path, "gsm/trace/") && !strings.HasPrefix(path, "gsm/chart/") {
			continue
		}
		for _, spec := range f.Imports {
			if strings.Contains(spec.Path.Value, "gomlx") {
				t.Errorf("%s imports %s: traces and charts are read without a backend", path, spec.Path.Value)
			}
		}
	}
}

// TestLibrariesDoNotExitOrLog: only programs decide that a process ends, and what is printed.
func TestLibrariesDoNotExitOrLog(t *testing.T) {
	for path, f := range sourceFiles(t) {
		if f.Name.Name == "main" {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			// Where log writes is a setting that the worker gives back after a cell; it prints
			// nothing.
			setting := sel.Sel.Name == "Writer" || sel.Sel.Name == "SetOutput"
			if x, ok := sel.X.(*ast.Ident); ok && (x.Name == "os" && sel.Sel.Name == "Exit" || x.Name == "log" && !setting) {
				t.Errorf("%s uses %s.%s: return an error instead", path, x.Name, sel.Sel.Name)
			}
			return true
		})
	}
}

func TestModuleIsTidy(t *testing.T) {
	if os.Getenv("GSM_OFFLINE") != "" || testing.Short() {
		t.Skip("go mod tidy needs the module proxy")
	}
	out, err := exec.Command("go", "mod", "tidy", "-diff").CombinedOutput()
	if err != nil {
		t.Errorf("go mod tidy would change go.mod or go.sum (%v):\n%s", err, out)
	}
}
