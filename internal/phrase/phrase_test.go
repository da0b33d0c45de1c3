package phrase

import (
	"strings"
	"testing"
)

func TestCommas(t *testing.T) {
	for number, want := range map[string]string{
		"0": "0", "999": "999", "1000": "1,000", "-4436": "-4,436", "-123": "-123", "-1234567": "-1,234,567",
		"266200.5": "266,200.5", "1e+06": "1e+06", "NaN": "NaN", "+Inf": "+Inf", "-0.25": "-0.25",
	} {
		if got := Commas(number); got != want {
			t.Errorf("%s: %s, want %s", number, got, want)
		}
	}
	if got := Count(266_200); got != "266,200" {
		t.Errorf("%s, want 266,200", got)
	}
}

func TestFew(t *testing.T) {
	for names, want := range map[string]string{"": "", "a b": "a, b", "a b c d e f": "a, b, c, d, e, f", "a b c d e f g h": "a, b, c, d, e, f and 2 more"} {
		if got := Few(strings.Fields(names)); got != want {
			t.Errorf("%s: %s, want %s", names, got, want)
		}
	}
}
