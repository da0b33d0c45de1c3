// Package worker is what the worker process has from its start, beyond rt: gonbui, and C's malloc
// with the settings that make XLA fast.
package worker

import _ "gsmlab/internal/malloc" // before there are threads
