package dap

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"gsmlab/kernel/engine"
)

// Prefix and Suffix stand around the hash in the path of a cell's text. JupyterLab knows by
// "ipykernel_" that a path is of a cell, and shows "Cell [3]" for it. No file is there.
var (
	Prefix = filepath.Join(os.TempDir(), "ipykernel_"+strconv.Itoa(os.Getpid())) + string(filepath.Separator)
	Suffix = ".go"
)

// path is the name of a cell's text.
func path(text string) string { return Prefix + strconv.FormatUint(uint64(murmur2(text)), 10) + Suffix }

// hashSeed is the one of ipykernel.
const hashSeed uint32 = 0xc70f6907

// murmur2 is MurmurHash2 of the UTF-8 bytes of a text, for x86 (A. Appleby, 2008), as clients
// compute it.
func murmur2(text string) uint32 {
	const m = 0x5bd1e995
	h := hashSeed ^ uint32(len(text))
	b := []byte(text)
	for ; len(b) >= 4; b = b[4:] {
		k := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
		k *= m
		k ^= k >> 24
		k *= m
		h = h*m ^ k
	}
	for i := len(b) - 1; i >= 0; i-- {
		h ^= uint32(b[i]) << (8 * i)
	}
	if len(b) > 0 {
		h *= m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}

// Runs notes that a cell is about to run, so that the breakpoints of its text are its own.
func (a *Adapter) Runs(cell int, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.known(text)
	name := path(text)
	if before := a.sources[a.cells[cell]]; before != nil && before != s {
		before.cells = slices.DeleteFunc(before.cells, func(n int) bool { return n == cell })
	}
	a.cells[cell] = name
	if !slices.Contains(s.cells, cell) {
		s.cells = append(s.cells, cell)
	}
	if a.attached {
		a.place(s)
	}
}

// known returns the source of a text; a.mu is held.
func (a *Adapter) known(text string) *source {
	name := path(text)
	if a.sources[name] == nil {
		a.sources[name] = &source{}
	}
	a.sources[name].text = text
	return a.sources[name]
}

// place gives the debugger the breakpoints of a source, for each of its cells; a.mu is held.
func (a *Adapter) place(s *source) {
	for _, cell := range s.cells {
		var list []engine.Breakpoint
		for _, p := range s.points {
			list = append(list, p.set)
		}
		for i, set := range a.d.SetBreakpoints(cell, list) {
			a.ids[set.ID] = s.points[i].id
		}
	}
}
