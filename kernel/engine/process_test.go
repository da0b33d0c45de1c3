package engine

import "testing"

func TestStartsOfMarksAreHeld(t *testing.T) {
	for text, want := range map[string]int{"abc": 0, "a\xea": 1, "a\xea\x9e": 2, "aꞋ": 3, "aꞋc1": 5, "aꞋx": 0, "a\x00\x01gsm1": 6, "a\x00b": 0} {
		if got := held(text); got != want {
			t.Errorf("held(%q) = %d, want %d", text, got, want)
		}
	}
}
