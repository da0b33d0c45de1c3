// Package malloc makes C's malloc keep memory that XLA frees, in programs that import it from their
// start.
package malloc
