package engine

import "testing"

func TestStartsOfMarksAreHeld(t *testing.T) {
	for text, want := range map[string]int{"abc": 0, "aꞋ": 0, "a\x00": 1, "a\x00\x01gsm1": 6, "a\x00b": 0} {
		if got := held(text); got != want {
			t.Errorf("held(%q) = %d, want %d", text, got, want)
		}
	}
}
