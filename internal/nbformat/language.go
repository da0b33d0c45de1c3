package nbformat

import (
	"slices"
	"strings"
)

// Kernel returns the name of the kernel that a notebook is for, and its language in lower case.
// Either is "" if the notebook does not say. Go is always "go", however the notebook writes it.
//
// The language comes from the kernelspec, which not all programs write, or from language_info, or
// from the name of a known kernel, or from what VS Code notes in cells. Where VS Code has noted Go
// in all code cells, that is what counts: it leaves the kernelspec that the file once had.
func (nb *Notebook) Kernel() (name, language string) {
	spec, _ := nb.Metadata["kernelspec"].(map[string]any)
	info, _ := nb.Metadata["language_info"].(map[string]any)
	name = text(spec, "name")
	if nb.allGo() {
		return name, "go"
	}
	for _, said := range []string{
		text(spec, "language"), text(info, "name"), text(info, "pygments_lexer"), strings.TrimPrefix(text(info, "file_extension"), "."),
		languageOf(name), languageOf(text(spec, "display_name")), nb.languageID(),
	} {
		if said = strings.ToLower(strings.TrimSpace(said)); said == "golang" {
			return name, "go"
		} else if said != "" {
			return name, said
		}
	}
	return name, ""
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

// languageID is the language that VS Code has noted in code cells. It is Go if any cell is Go,
// because VS Code also notes other languages, such as that of shell lines.
func (nb *Notebook) languageID() (id string) {
	for _, c := range nb.Cells {
		if noted := c.languageID(); c.Type == "code" && id != "go" && noted != "" {
			id = noted
		}
	}
	return id
}

// languageID is the language that VS Code has noted in a cell, or "".
func (c *Cell) languageID() string {
	noted, _ := c.Metadata["vscode"].(map[string]any)
	return text(noted, "languageId")
}

// allGo reports whether VS Code has noted Go in every code cell.
func (nb *Notebook) allGo() bool {
	some := false
	for _, c := range nb.Cells {
		if c.Type == "code" {
			if c.languageID() != "go" {
				return false
			}
			some = true
		}
	}
	return some
}

// goKernels are words with which the names of Go kernels begin.
var goKernels = []string{"go", "golang", "gonb", "gsmlab", "gophernotes", "gocell", "gomacro", "igo", "lgo", "yaegi"}

// languageOf returns "go" for the names of Go kernels.
func languageOf(kernel string) string {
	words := strings.FieldsFunc(strings.ToLower(kernel), func(r rune) bool { return strings.ContainsRune(" -_.()0123456789", r) })
	if len(words) > 0 && slices.Contains(goKernels, words[0]) {
		return "go"
	}
	return ""
}
