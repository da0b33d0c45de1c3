// Package xlacache keeps what XLA has compiled in files, so that a machine compiles a graph once:
// the next process that needs it loads it in milliseconds. XLA's CPU plugin has no such cache of
// its own, and go-xla cannot save an executable.
//
// [Register] gives go-xla a copy of the plugin's table of functions in which one function, compile,
// looks into the cache first. Everything else is the plugin's.
//
// A file's name is a digest of all that the code in it depends on: the graph, XLA's options and
// flags, the plugin, the processor and how many of them there are. Graphs that differ only in names
// count as the same. A file that is damaged counts as missing. What cannot be saved, such as a
// graph that calls oneDNN, is compiled each time.
package xlacache
