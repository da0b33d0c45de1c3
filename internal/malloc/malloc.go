// Package malloc makes C's malloc keep the memory that XLA frees, in any program that imports it.
package malloc
