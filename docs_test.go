package gsmlab_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var link = regexp.MustCompile("\\[(`?)([^\\]`]+)`?\\]\\(([^)#]+)(#[^)]*)?\\)")

// TestLinksLead: what README.md and docs/ point to is there, and a name in code style that points to a Go file is declared in it.
func TestLinksLead(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	more, _ := filepath.Glob("*/*.md")
	deeper, _ := filepath.Glob("*/*/*.md")
	for _, page := range append(append(append(pages, "README.md", "CHANGELOG.md"), more...), deeper...) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			code, name, target := m[1] != "", m[2], m[3]
			if strings.Contains(target, ":") { // an address
				continue
			}
			target = filepath.Join(filepath.Dir(page), target)
			source, err := os.ReadFile(target)
			if info, statErr := os.Stat(target); statErr != nil || err != nil && !info.IsDir() {
				t.Errorf("%s: the link of %q leads nowhere: %s", page, name, target)
				continue
			}
			if !code || !strings.HasSuffix(target, ".go") {
				continue
			}
			declared := regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type |const |var |package |\t)` + regexp.QuoteMeta(name) + `\b`)
			if !declared.Match(source) {
				t.Errorf("%s: %s does not declare %s", page, target, name)
			}
		}
	}
}
