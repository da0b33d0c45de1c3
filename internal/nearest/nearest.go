// Package nearest guesses which known name a mistyped one was meant to be.
package nearest

import "strings"

// Name returns the known name with the fewest edits from name, ignoring case. It returns false if
// that is more edits than half of the known name's length.
func Name(name string, known []string) (string, bool) {
	best, least := "", 0
	for _, k := range known {
		if d := edits(strings.ToLower(name), k); best == "" || d < least {
			best, least = k, d
		}
	}
	return best, best != "" && 2*least <= len(best)
}

// Question asks whether the nearest known name was meant, "did you mean prune? ", or is empty.
func Question(name string, known []string) string {
	if near, ok := Name(name, known); ok {
		return "did you mean " + near + "? "
	}
	return ""
}

// Identifier returns the known name that an identifier was meant to be, ignoring case. At most a
// third of its letters may differ, or it may be part of the known name. Names of one or two letters
// say too little.
func Identifier(name string, known []string) (string, bool) {
	if len(name) < 3 {
		return "", false
	}
	best, least := "", 0
	for _, k := range known {
		small, fold := strings.ToLower(name), strings.ToLower(k)
		d := 2 * edits(small, fold)
		if swapped(small, fold) {
			d = 2
		}
		part := len(name) > 3 && (strings.HasPrefix(fold, small) || strings.HasSuffix(fold, small))
		if !part && 3*d > 2*len(name) {
			continue
		}
		if part {
			d-- // preferred over others that are equally near
		}
		if k != name && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best, best != ""
}

// swapped reports whether a and b differ only by two neighbouring letters that changed places.
func swapped(a, b string) bool {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return len(a) == len(b) && i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
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
