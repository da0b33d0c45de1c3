package shell

import "testing"

func TestEveryCommandIsExplained(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Commands() {
		if c.Help == "" || seen[c.Name] {
			t.Errorf("%%%s: no help, or twice in the table", c.Name)
		}
		seen[c.Name] = true
	}
}
