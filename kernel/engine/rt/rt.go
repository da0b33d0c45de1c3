// Package rt is what the worker process runs: showing values, look-ups, and [Serve], the worker's
// side of the protocol. What compiled cells call is in package cell.
package rt
