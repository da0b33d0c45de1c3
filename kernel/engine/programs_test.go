// Programs whose names and visibility can be seen: cells show what go run shows.

package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gsmlab/kernel/engine/lang"
)

// streams keeps a cell's streams apart, as go run does.
type streams struct {
	transcript
	out, err strings.Builder
}

func (s *streams) Stdout(text string) { s.out.WriteString(text) }
func (s *streams) Stderr(text string) { s.err.WriteString(text) }

// written are the files of a folder.
func written(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "-- %s --\n%s\n", e.Name(), text)
	}
	return all.String()
}

// goRun runs a program as go run does.
func goRun(t *testing.T, program string) (out, err, files string) {
	t.Helper()
	source, dir := filepath.Join(t.TempDir(), "main.go"), t.TempDir()
	if err := os.WriteFile(source, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", source)
	var stdout, stderr strings.Builder
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("go run: %v\n%s", err, stderr.String())
	}
	return stdout.String(), stderr.String(), written(t, dir)
}

// asCells is a program as one cell, and as a cell for each of its declarations.
func asCells(t *testing.T, program string) map[string][]string {
	t.Helper()
	_, rest, ok := strings.Cut(program, "package main\n")
	if !ok {
		t.Fatal("the program is not package main")
	}
	var single []string
	methods := map[string]int{} // a type and its methods stay together: a method moves its type
	for _, part := range lang.Split(rest) {
		text := rest[part.Start:part.End]
		name, isMethod := receiverOf(text)
		if at, ok := methods[name]; isMethod && ok {
			single[at] += "\n" + text
			continue
		}
		if after, ok := strings.CutPrefix(strings.TrimSpace(text), "type "); ok {
			methods[strings.FieldsFunc(after, func(r rune) bool { return r == ' ' || r == '[' })[0]] = len(single)
		}
		single = append(single, text)
	}
	return map[string][]string{"one cell": {rest + "\nmain()"}, "many cells": append(single, "main()")}
}

// receiverOf is the name of the type that a method belongs to.
func receiverOf(decl string) (string, bool) {
	after, ok := strings.CutPrefix(strings.TrimSpace(decl), "func (")
	if !ok {
		return "", false
	}
	receiver, _, _ := strings.Cut(after, ")")
	receiver, _, _ = strings.Cut(receiver, "[")
	fields := strings.Fields(receiver)
	return strings.TrimPrefix(fields[len(fields)-1], "*"), true
}

// TestProgramsShowTheSameAsCells: what a program prints and writes is the same under go run and in
// cells, where names and what is exported can be seen.
func TestProgramsShowTheSameAsCells(t *testing.T) {
	s := newTestSession(t)
	archive, err := txtar.ParseFile("testdata/programs/names.txtar")
	if err != nil || len(archive.Files) == 0 {
		t.Fatalf("no programs: %v", err)
	}
	for _, f := range archive.Files {
		program := string(f.Data)
		wantOut, wantErr, wantFiles := goRun(t, program)
		for how, cells := range asCells(t, program) {
			t.Run(f.Name+"/"+how, func(t *testing.T) {
				fresh(t, s)
				dir := t.TempDir()
				if err := s.Chdir(dir); err != nil {
					t.Fatal(err)
				}
				var seen streams
				for _, cell := range cells {
					if err := s.Execute(context.Background(), cell, &seen); err != nil {
						var cell *CellError
						errors.As(err, &cell)
						t.Fatalf("%v %+v\n%s", err, cell, seen.out.String())
					}
				}
				sameLines(t, "stdout", seen.out.String(), wantOut)
				sameLines(t, "stderr", seen.err.String(), wantErr)
				sameLines(t, "files", written(t, dir), wantFiles)
			})
		}
	}
}

var addresses = regexp.MustCompile(`0x[0-9a-f]{6,}`)

// sameLines reports the lines that differ.
func sameLines(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	got, want = addresses.ReplaceAllString(got, "0x"), addresses.ReplaceAllString(want, "0x")
	have, should := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(have), len(should)) {
		if i >= len(have) || i >= len(should) {
			t.Errorf("%s: %d lines, under go run %d", what, len(have), len(should))
			return
		}
		if have[i] != should[i] {
			t.Errorf("%s:\n\t%s\nunder go run:\n\t%s", what, have[i], should[i])
		}
	}
}
