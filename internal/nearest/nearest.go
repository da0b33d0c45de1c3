// Package nearest guesses which known name a mistyped one was meant to be.
package nearest

import "strings"

// Name is the known name with the fewest edits from name, whose case does not count; false if that
// is more than half of the known name's length.
func Name(name string, known []string) (string, bool) {
	best, least := "", 0
	for _, k := range known {
		if d := edits(strings.ToLower(name), k); best == "" || d < least {
			best, least = k, d
		}
	}
	return best, best != "" && 2*least <= len(best)
}

// edits is the Levenshtein distance in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
