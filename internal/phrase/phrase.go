// Package phrase writes numbers and lists of names as people read them.
package phrase

import (
	"fmt"
	"strconv"
	"strings"
)

// Count writes a whole number with commas between thousands: 266,200.
func Count(n int) string { return Commas(strconv.Itoa(n)) }

// Commas puts commas between the thousands of a decimal number. One with an exponent, or what is no
// number, stays as it is.
func Commas(number string) string {
	sign, digits := "", number
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	if strings.Trim(whole+fraction, "0123456789") != "" { // an exponent, an infinity
		return number
	}
	fraction = digits[len(whole):]
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return sign + whole + fraction
}

// Few joins the first of some names, and says how many more there are.
func Few(names []string) string {
	const most = 6
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
