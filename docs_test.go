// Tests of the pages: links, tables of files, and one sentence a line.

package gsmlab_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var link = regexp.MustCompile("\\[(`?)([^\\]`]+)`?\\]\\(([^)#]*)(#[^)]*)?\\)")

// pages are the Markdown files of the checkout, without those that are data of tests.
func pages(t *testing.T) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if name := d.Name(); err == nil && d.IsDir() && path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "runs") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			list = append(list, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil || len(list) < 10 {
		t.Fatalf("%d pages: %v", len(list), err)
	}
	return list
}

func text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestLinksLead: what a page points to is there, headings included, and a name in code style that
// points to a Go file is declared in it.
func TestLinksLead(t *testing.T) {
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(text(t, page), -1) {
			code, name, target, heading := m[1] != "", m[2], m[3], strings.TrimPrefix(m[4], "#")
			if strings.Contains(target, ":") { // an address
				continue
			}
			if target = filepath.Join(filepath.Dir(page), target); m[3] == "" {
				target = page
			}
			info, err := os.Stat(target)
			if err != nil {
				t.Errorf("%s: the link of %q leads nowhere: %s", page, name, target)
				continue
			}
			if info.IsDir() {
				continue
			}
			source := text(t, target)
			if heading != "" && !slices.Contains(headings(source), heading) {
				t.Errorf("%s: %s has no heading #%s", page, target, heading)
			}
			if !code || !strings.HasSuffix(target, ".go") {
				continue
			}
			declared := regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type |const |var |package |\t)` + regexp.QuoteMeta(name) + `\b`)
			if !declared.MatchString(source) {
				t.Errorf("%s: %s does not declare %s", page, target, name)
			}
		}
	}
}

// headings are the anchors that GitHub gives to the headings of a page.
func headings(page string) []string {
	var list []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		anchor := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		list = append(list, strings.ReplaceAll(anchor, " ", "-"))
	}
	return list
}

// A table of files or rooms, and the line before it: "In `lang`:" says that it is of a folder
// below.
var fileTable = regexp.MustCompile("(?m)(?:^In `([^`]+)`:\n\n)?^\\| (file|room) \\|.*\n\\|[-|]+\n((?:\\|.*\n)+)")

// TestFileTables: a README that lists the files of its folder lists all of them, and none that is
// gone.
func TestFileTables(t *testing.T) {
	found := 0
	for _, page := range pages(t) {
		base := filepath.Dir(page)
		if filepath.Base(page) != "README.md" {
			continue
		}
		listed, folders := map[string]bool{}, map[string]bool{}
		for _, table := range fileTable.FindAllStringSubmatch(text(t, page), -1) {
			found++
			dir := base
			if table[1] != "" && table[1] != filepath.Base(base) {
				dir = filepath.Join(base, table[1])
			}
			folders[dir] = true
			for _, row := range strings.Split(strings.TrimSpace(table[3]), "\n") {
				first := strings.Split(row, "|")[1]
				for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(first, -1) {
					path := filepath.Join(dir, m[1])
					if _, err := os.Stat(path); err != nil && m[1] != filepath.Base(base) {
						t.Errorf("%s: the table of files lists %s, which is not there", page, path)
					}
					listed[path] = true
				}
			}
		}
		for dir := range folders {
			for _, name := range contents(t, dir) {
				if path := filepath.Join(dir, name); !listed[path] {
					t.Errorf("%s: the table of files does not list %s", page, path)
				}
			}
		}
	}
	if found < 7 {
		t.Errorf("found %d tables of files: the headings of this test and of the READMEs differ", found)
	}
}

// contents are the Go files of a folder, tests aside, and its subfolders with Go files.
func contents(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() {
			inner, err := filepath.Glob(filepath.Join(dir, name, "*.go"))
			if err != nil {
				t.Fatal(err)
			}
			if len(inner) > 0 && name != "testdata" {
				list = append(list, name)
			}
		} else if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			list = append(list, name)
		}
	}
	return list
}

// A sentence ends and another begins: a full stop, a space, and a capital letter or what can stand
// in front of one. What follows a digit or a short form is none.
var (
	nextSentence = regexp.MustCompile("[^.\\s][.!?][)\"*_\\]]*\\s+[\"(*_\\[`]*[A-Z]")
	shortForm    = regexp.MustCompile(`\b(al|e\.g|i\.e|vs|cf)\.\s`)
	codeSpan     = regexp.MustCompile("`[^`]*`")
	listMark     = regexp.MustCompile(`^\s*([-*]|\d+\.) `)
)

// TestOneSentenceALine: the prose of pages has one sentence a line, so that a diff shows the
// sentence that changed.
func TestOneSentenceALine(t *testing.T) {
	for _, page := range pages(t) {
		lines := strings.Split(text(t, page), "\n")
		fenced := false
		for i, line := range lines {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				fenced = !fenced
				continue
			}
			if fenced || !isProse(line) {
				continue
			}
			plain := codeSpan.ReplaceAllString(listMark.ReplaceAllString(line, ""), "X")
			plain = shortForm.ReplaceAllString(plain, "")
			if at := nextSentence.FindString(plain); at != "" {
				t.Errorf("%s:%d: a second sentence begins at %q: give it a line of its own", page, i+1, at)
			}
			if next := lines[min(i+1, len(lines)-1)]; isProse(next) && !listMark.MatchString(next) && !regexp.MustCompile(`[.!?:][)"*_\]]*$`).MatchString(plain) {
				t.Errorf("%s:%d: the sentence goes on in the next line: join them", page, i+1)
			}
		}
	}
}

// isProse: a line that is neither empty nor a heading, a table, a picture, a formula, a comment or
// indented code.
func isProse(line string) bool {
	trimmed := strings.TrimSpace(line)
	for _, mark := range []string{"#", "|", "![", "$$", "<!--", "```"} {
		if strings.HasPrefix(trimmed, mark) {
			return false
		}
	}
	return trimmed != "" && !strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, "\t")
}
