// The history of inputs: sessions, many kernels at once, damaged files, and what a user finds by
// stepping back.

package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

func inputs(entries []Entry) (all []string) {
	for _, e := range entries {
		all = append(all, e.Input)
	}
	return all
}

func open(t *testing.T, path string) *History {
	t.Helper()
	h, err := OpenHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func add(t *testing.T, h *History, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := h.Add(text, "= "+text); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "history.jsonl")
	first := open(t, path)
	add(t, first, "x := 1", "x", "func f() {\n}", "x", "  \n")
	second := open(t, path)
	add(t, second, "y [1]")
	add(t, first, "late") // two kernels at once
	if second.Session() != first.Session()+1 {
		t.Errorf("sessions %d and %d", first.Session(), second.Session())
	}
	for _, test := range []struct {
		name string
		got  []Entry
		want []string
	}{
		{"tail", second.Tail(3), []string{"x", "late", "y [1]"}},
		{"all", second.Tail(0), []string{"x := 1", "x", "func f() {\n}", "x", "late", "y [1]"}},
		{"this session", second.Range(0, 0, 0), []string{"y [1]"}},
		{"the one before", second.Range(-1, 2, 4), []string{"x", "func f() {\n}"}},
		{"by number", second.Range(first.Session(), 5, 0), []string{"late"}},
		{"search", second.Search("x*", 0, false), []string{"x := 1", "x", "x"}},
		{"unique", second.Search("x*", 0, true), []string{"x := 1", "x"}},
		{"newest", second.Search("x*", 1, false), []string{"x"}},
		{"over lines", second.Search("func*}", 0, false), []string{"func f() {\n}"}},
		{"one letter", second.Search("?", 0, true), []string{"x"}},
		{"class", second.Search("[a-x]", 0, true), []string{"x"}},
		{"not class", second.Search("[^xl]*", 0, true), []string{"func f() {\n}", "y [1]"}},
		{"bracket", second.Search("y [[]1]", 0, true), []string{"y [1]"}},
		{"none", second.Search("z", 0, true), nil},
	} {
		if got := inputs(test.got); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	if e := second.Tail(1)[0]; e != (Entry{second.Session(), 1, "y [1]", "= y [1]", ""}) {
		t.Errorf("%+v", e)
	}
}

func TestHistoryTakesBrokenFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	text := `{"session":3,"line":1,"input":"a"}` + "\nno JSON\n" + `{"session":"x"}` + "\n" + `{"session":3,"line":2,"inp`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h := open(t, path)
	add(t, h, "b")
	if got := inputs(h.Tail(0)); !reflect.DeepEqual(got, []string{"a", "b"}) || h.Session() != 4 {
		t.Errorf("%q in session %d", got, h.Session())
	}
}

func TestHistoryStaysSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	var b strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&b, `{"session":1,"line":%d,"input":"%s"}`+"\n", i+1, strings.Repeat("x", 80))
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	h := open(t, path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxHistory/2+100 || info.Mode().Perm() != 0o600 {
		t.Errorf("%d bytes, mode %v", info.Size(), info.Mode())
	}
	if e := h.Tail(1); len(e) != 1 || e[0].Line != 50_000 {
		t.Errorf("the newest entry is gone: %v", e)
	}
	if err := h.Add(strings.Repeat("y", maxInput+1), ""); err != nil || h.Tail(1)[0].Line != 50_000 {
		t.Errorf("a huge input was kept: %v", err)
	}
}

func TestHistoryOfManyKernels(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	var kernels sync.WaitGroup
	for range 8 {
		kernels.Go(func() {
			h, err := OpenHistory(path)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range 20 {
				if err := h.Add(fmt.Sprint(i), ""); err != nil {
					t.Error(err)
				}
			}
			if n := len(h.Range(0, 0, 0)); n != 20 {
				t.Errorf("session %d has %d entries", h.Session(), n)
			}
		})
	}
	kernels.Wait()
}

func TestHistoryWithoutAFile(t *testing.T) {
	h, err := OpenHistory("/dev/null/history")
	if err == nil {
		t.Fatal("opened a history below /dev/null")
	}
	add(t, h, "a", "b")
	if got := inputs(h.Tail(1)); !reflect.DeepEqual(got, []string{"b"}) {
		t.Errorf("%q", got)
	}
}

// TestRecall: what a user finds by stepping back, after other front ends and unattended runs.
func TestRecall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	at := func(front string) *History {
		h := open(t, path)
		h.At = front
		return h
	}
	add(t, at(AtPrompt), "old prompt")
	last := at(AtPrompt)
	add(t, last, "last prompt 1", "last prompt 2")
	page := at(AtJupyter)
	add(t, page, "a cell of a person in JupyterLab")
	alone := at(AtJupyter)
	if err := alone.AddUnattended("a cell of nbconvert", ""); err != nil {
		t.Fatal(err)
	}
	if got := inputs(alone.Range(0, 0, 0)); !reflect.DeepEqual(got, []string{"a cell of nbconvert"}) {
		t.Errorf("the run itself knows %q", got)
	}
	now := at(AtPrompt)
	add(t, now, "now")
	for _, test := range []struct {
		front *History
		want  []string
	}{
		{now, []string{"old prompt", "a cell of a person in JupyterLab", "last prompt 1", "last prompt 2", "now"}},
		{at(AtJupyter), []string{"old prompt", "last prompt 1", "last prompt 2", "now", "a cell of a person in JupyterLab"}},
	} {
		if got := inputs(test.front.Recall(0)); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %q, want %q", test.front.At, got, test.want)
		}
	}
	if got := inputs(now.Recall(2)); !reflect.DeepEqual(got, []string{"last prompt 2", "now"}) {
		t.Errorf("the last two: %q", got)
	}
}
