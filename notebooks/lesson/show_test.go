package lesson

import "testing"

func TestTable(t *testing.T) {
	got := table([]string{"layer", "kept", "share", "loss", "note"}, [][]any{{"fc1", 235200, Percent(0.9812), 0.000123, "a|b"}, {"60x", 5, "", -1234567.0, 1}})
	want := "| layer | kept | share | loss | note |\n| --- | ---: | ---: | ---: | --- |\n" +
		"| fc1 | 235,200 | 98.12 % | 0.000123 | a\\|b |\n| 60x | 5 |  | -1.235e+06 | 1 |\n"
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestCommas(t *testing.T) {
	for number, want := range map[string]string{"0": "0", "999": "999", "1000": "1,000", "-4436": "-4,436", "266200.5": "266,200.5", "1e+06": "1e+06", "NaN": "NaN", "-0.25": "-0.25"} {
		if got := commas(number); got != want {
			t.Errorf("%s: %s, want %s", number, got, want)
		}
	}
}
