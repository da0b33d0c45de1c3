// Package utf8tail finds characters that were cut off because text arrives in pieces.
package utf8tail

import "unicode/utf8"

// Cut returns how many bytes at the end of text begin a character that is not finished. Bytes that
// are not UTF-8 do not count.
func Cut[T string | []byte](text T) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if tail := text[len(text)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune([]byte(tail)) {
				return 0
			}
			return n
		}
	}
	return 0
}
