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
