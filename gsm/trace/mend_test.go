package trace

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMend(t *testing.T) {
	const header = `{"type":"header","version":1,"layers":[]}` + "\n"
	step := func(n string) string {
		return `{"type":"step","stage":"gsm","step":` + n + `,"epoch":0,"loss":1,"learning_rate":1}` + "\n"
	}
	for name, c := range map[string]struct {
		text    string
		dropped int
		want    string // "" is an error
	}{
		"whole":            {header + step("1"), 0, header + step("1")},
		"no JSON":          {header + "###\n" + step("2"), 1, header + step("2")},
		"empty line":       {header + step("1") + "\n" + step("2"), 1, header + step("1") + step("2")},
		"does not fit":     {header + `{"type":"cut","stage":"gsm","kept":[1]}` + "\n" + step("2"), 1, header + step("2")},
		"unknown":          {header + `{"type":"x"}` + "\n", 1, header},
		"too long":         {header + strings.Repeat("x", MaxLine+70_000) + "\n" + step("2"), 1, header + step("2")},
		"too long at last": {header + step("1") + strings.Repeat("x", MaxLine+70_000), 1, header + step("1")},
		"cut off":          {header + step("1") + `{"type":"st`, 1, header + step("1")},
		"two headers":      {header + header + step("1"), 1, header + step("1")},
		"broken header":    {"#" + header + step("1"), 0, ""},
		"empty":            {"", 0, ""},
	} {
		path := filepath.Join(t.TempDir(), "t.jsonl")
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		dropped, kept, err := Mend(path)
		after, _ := os.ReadFile(path)
		switch {
		case c.want == "":
			if !errors.Is(err, ErrNoHeader) || string(after) != c.text {
				t.Errorf("%s: %v, want ErrNoHeader and the file as it was", name, err)
			}
			continue
		case err != nil || dropped != c.dropped || string(after) != c.want:
			t.Errorf("%s: dropped %d (%v), want %d; left %.200q, want %.200q", name, dropped, err, c.dropped, after, c.want)
		}
		if old, _ := os.ReadFile(kept); c.dropped > 0 && string(old) != c.text {
			t.Errorf("%s: the file as it was is not kept in %q", name, kept)
		}
	}
}

// TestUnmeasured: what a line lacks was not measured, in old traces and in traces of other
// programs.
func TestUnmeasured(t *testing.T) {
	const text = `{"type":"header","version":1,"layers":[]}
{"type":"eval","stage":"gsm","step":1,"loss":0.5}
{"type":"cut","stage":"gsm","step":1,"threshold":1,"q":1}
{"type":"cut","stage":"gsm","step":1,"threshold":1,"q":1,"accuracy_before":0,"accuracy_after":0}
{"type":"cut","stage":"gsm","step":1,"threshold":1,"q":1,"accuracy_before":0.5,"accuracy_after":0}
`
	run, err := Collect(strings.NewReader(text), "t")
	if err != nil {
		t.Fatal(err)
	}
	if a := run.Evals[0].Accuracy; a == a {
		t.Errorf("accuracy %v, want NaN", a)
	}
	for i, want := range [][2]bool{{false, false}, {false, false}, {true, false}} {
		if before, after := run.Cuts[i].Measured(); before != want[0] || after != want[1] {
			t.Errorf("cut %d is measured: %v, %v; want %v", i, before, after, want)
		}
	}
}
