//lint:file-ignore U1000 the unused fields give the others their places, as in the runtime

// What the runtime does when a plugin was loaded, done here without looking at all types of the
// process again.

package loader

import (
	"cmp"
	"slices"
	"sync"
	"unsafe"
)

// moduledata is what the linker says of a loaded file. The layout is that of Go's runtime, of the
// release that the toolchain is pinned to (Copyright 2014 The Go Authors, BSD licence).
type moduledata struct {
	pcHeader     unsafe.Pointer
	funcnametab  []byte
	cutab        []uint32
	filetab      []byte
	pctab        []byte
	pclntable    []byte
	ftab         []struct{ entry, funcs uint32 }
	findfunctab  uintptr
	minpc, maxpc uintptr

	text, etext           uintptr
	noptrdata, enoptrdata uintptr
	data, edata           uintptr
	bss, ebss             uintptr
	noptrbss, enoptrbss   uintptr
	covctrs, ecovctrs     uintptr
	end, gcdata, gcbss    uintptr
	types, etypes         uintptr
	rodata                uintptr
	gofunc                uintptr
	epclntab              uintptr

	textsectmap []struct{ vaddr, end, base uintptr }
	typelinks   []int32 // offsets from types
	itablinks   []*itab

	ptab []struct{ name, typ int32 }

	pluginpath string
	pkghashes  []moduleHash

	inittasks []unsafe.Pointer

	modulename   string
	modulehashes []moduleHash

	hasmain uint8
	bad     bool

	gcdatamask, gcbssmask struct {
		n    int32
		data *uint8
	}

	typemap map[int32]*descriptor

	next *moduledata
}

type moduleHash struct {
	name, linked string
	loaded       *string
}

//go:linkname firstModule runtime.firstmoduledata
var firstModule moduledata

//go:linkname activeModules runtime.activeModules
func activeModules() []*moduledata

//go:linkname initModules runtime.modulesinit
func initModules()

//go:linkname verifyModule runtime.moduledataverify1
func verifyModule(*moduledata)

//go:linkname initPackage runtime.doInit1
func initPackage(task unsafe.Pointer)

//go:linkname typesEqual runtime.typesEqual
func typesEqual(a, b *descriptor, seen map[[2]*descriptor]struct{}) bool

// last is the file that was loaded last.
func last() *moduledata {
	md := &firstModule
	for md.next != nil {
		md = md.next
	}
	return md
}

// start makes a loaded file part of the program, and initialises its packages.
func (md *moduledata) start(u union) {
	earlier := known()
	types := make(map[int32]*descriptor, len(md.typelinks))
	for _, off := range md.typelinks {
		own := (*descriptor)(unsafe.Add(unsafe.Pointer(md.types0()), off))
		types[off] = earlier.same(own)
		if len(u.made) > 0 && types[off] == own {
			types[off] = (*descriptor)(u.there(unsafe.Pointer(own)))
		}
	}
	typemaps = append(typemaps, types)
	md.typemap = types
	initModules()
	verifyModule(md)
	lock(&itabLock)
	for _, i := range md.itablinks {
		add(i)
	}
	unlock(&itabLock)
	earlier.add(md)
	for _, task := range md.inittasks {
		initPackage(task)
	}
}

// types0 is where the file's types begin.
func (md *moduledata) types0() *byte { return *(**byte)(unsafe.Pointer(&md.types)) }

// typemaps keeps maps from the garbage collector, which does not look into a file's moduledata.
var typemaps []map[int32]*descriptor

// all are the types of the files that are loaded, each once: plugins use them in place of their
// own.
type all struct {
	first []hashed // of the files that the process was started with, by hash
	later map[uint32][]*descriptor
}

// hashed has the hash beside the pointer, for sorting without a look at tens of thousands of
// descriptors.
type hashed struct {
	hash uint32
	t    *descriptor
}

// known is what was loaded before. The first call takes some milliseconds.
var known = sync.OnceValue(func() *all {
	a := &all{later: map[uint32][]*descriptor{}}
	modules := activeModules()
	n := 0
	for _, md := range modules {
		n += len(md.typelinks)
	}
	a.first = make([]hashed, 0, n)
	for _, md := range modules {
		for _, off := range md.typelinks {
			t := md.typeAt(off)
			a.first = append(a.first, hashed{t.hash, t})
		}
	}
	slices.SortFunc(a.first, func(x, y hashed) int { return cmp.Compare(x.hash, y.hash) })
	return a
})

// Prepare does now what the first Open would do.
func Prepare() {
	opening.Lock()
	defer opening.Unlock()
	known()
}

func (md *moduledata) typeAt(off int32) *descriptor {
	if t, ok := md.typemap[off]; ok {
		return t
	}
	return (*descriptor)(unsafe.Add(unsafe.Pointer(md.types0()), off))
}

// add makes the types of a file known.
func (a *all) add(md *moduledata) {
	for _, off := range md.typelinks {
		if t := md.typeAt(off); a.find(t) == nil {
			a.later[t.hash] = append(a.later[t.hash], t)
		}
	}
}

// same is the earlier type that own describes, or own.
func (a *all) same(own *descriptor) *descriptor {
	if t := a.find(own); t != nil {
		return t
	}
	return own
}

func (a *all) find(own *descriptor) *descriptor {
	at, _ := slices.BinarySearchFunc(a.first, own.hash, func(h hashed, hash uint32) int { return cmp.Compare(h.hash, hash) })
	for ; at < len(a.first) && a.first[at].hash == own.hash; at++ {
		if t := a.first[at].t; t == own || typesEqual(own, t, map[[2]*descriptor]struct{}{}) {
			return t
		}
	}
	for _, t := range a.later[own.hash] {
		if t == own || typesEqual(own, t, map[[2]*descriptor]struct{}{}) {
			return t
		}
	}
	return nil
}
