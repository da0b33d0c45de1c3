package build

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"gsmlab/internal/nearest"
	"gsmlab/internal/settings"
)

// offline makes go commands fetch nothing. A cell, and even more so a completion, must not bring
// code onto the machine that nobody has asked for. Only Get does.
var offline = []string{"GOPROXY=off", "GONOPROXY=none"}

// forbidden reports whether the user's environment forbids the network, even to Get.
func forbidden(env []string) bool {
	for _, v := range env {
		if value, ok := strings.CutPrefix(v, settings.Offline+"="); ok && value != "" {
			return !strings.HasPrefix(os.Getenv("GOPROXY"), "file://")
		}
	}
	return false
}

var (
	notProvided = regexp.MustCompile(`(?:cannot find module providing package|no required module provides package|missing go\.sum entry for module providing package) ([^\s:;]+)`)
	notFetched  = regexp.MustCompile(`(\S+@\S+): (?:module lookup disabled by GOPROXY=off|not found|missing)`)
	notInStd    = regexp.MustCompile(`package (\S+) is not in std`)
	progress    = regexp.MustCompile(`(?m)^go: (?:finding|downloading|found) .*\n?`)
)

// importError says why a package cannot be imported, and what to do.
func (t *Tools) importError(path string, err error) error {
	text := err.Error()
	if m := notProvided.FindStringSubmatch(text); m != nil {
		if m[1] == path {
			return fmt.Errorf("no module of the session has it: get it with !*go get %s", path)
		}
		return fmt.Errorf("it needs %s, which no module of the session has: get it with !*go get %s", m[1], path)
	}
	if m := notFetched.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("%s is not on this machine: get it with !*go get %s", m[1], path)
	}
	line := firstLine(progress.ReplaceAllString(text, ""))
	if m := notInStd.FindStringSubmatch(text); m != nil {
		if meant, ok := nearest.Identifier(m[1], t.index.Paths()); ok {
			line += "; did you mean " + meant + "?"
		}
	}
	return errors.New(line)
}
