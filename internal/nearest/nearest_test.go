package nearest

import "testing"

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"prnue", "prune", 2}, {"same", "same", 0}} {
		if got := edits(c.a, c.b); got != c.want {
			t.Errorf("edits(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestName(t *testing.T) {
	known := []string{"prune", "ticket"}
	if got, ok := Name("Prun", known); got != "prune" || !ok {
		t.Errorf("Prun: %q, %v", got, ok)
	}
	if got, ok := Name("xylophone", known); ok {
		t.Errorf("xylophone: %q", got)
	}
	if got, ok := Name("x", nil); ok || got != "" {
		t.Errorf("nothing known: %q, %v", got, ok)
	}
}

func TestIdentifier(t *testing.T) {
	known := []string{"Title", "ToTitle", "ToUpper", "ToUpperSpecial", "Map", "n"}
	for name, want := range map[string]string{"ToUper": "ToUpper", "toupper": "ToUpper", "Upper": "ToUpper", "Titel": "Title", "Mop": "Map", "m": "", "Mad": "Map", "Sort": "", "xy": ""} {
		if got, ok := Identifier(name, known); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v, want %q", name, got, ok, want)
		}
	}
}
