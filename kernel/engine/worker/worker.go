// Package worker is what the worker process has beyond rt from its start on: gonbui, and C's malloc
// in the state that XLA is fast with.
package worker

import _ "gsmlab/internal/malloc" // before there are threads
