package utf8tail

import "testing"

func TestCut(t *testing.T) {
	for text, want := range map[string]int{"": 0, "a": 0, "é": 0, "é"[:1]: 1, "a€"[:3]: 2, "😀"[:3]: 3, "\x80\x80\x80\x80": 0, "\xff": 0, "€\xe2": 1} {
		if got := Cut(text); got != want {
			t.Errorf("Cut(%q) = %d, want %d", text, got, want)
		}
		if got := Cut([]byte(text)); got != want {
			t.Errorf("Cut of the bytes %q = %d, want %d", text, got, want)
		}
	}
}
