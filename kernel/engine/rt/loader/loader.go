// Package loader loads the plugins of cells so that a type and an interface have one itab, and a
// type has one descriptor, however many plugins have their own and whatever was made at run time
// before.
//
// Code that was compiled tells types apart by the addresses of their descriptors, and values in
// interfaces by those of itabs. The dynamic linker has all plugins use the first of several that
// were compiled. But those that the runtime has made meanwhile, for an assertion or for
// reflect.ArrayOf, have no name that it knows (golang/go#80107, #48532). So before anything of a
// plugin runs, its pointers are set to what there is.
package loader

import (
	"fmt"
	"reflect"
	"sync"
	"unsafe"
)

// itab begins as abi.ITab does.
type itab struct {
	inter, typ *descriptor
	hash       uint32
}

// descriptor begins as abi.Type does.
type descriptor struct {
	size, ptrs uintptr
	hash       uint32
}

// What follows is of the runtime, of the release that the toolchain is pinned to.

//go:linkname itabLock runtime.itabLock
var itabLock uintptr

//go:linkname itabTable runtime.itabTable
var itabTable *table

// table begins as runtime.itabTableType does.
type table struct {
	size    uintptr
	_       uintptr        // how many are in use
	entries [1 << 20]*itab // size of them
}

//go:linkname lock runtime.lock
func lock(*uintptr)

//go:linkname unlock runtime.unlock
func unlock(*uintptr)

//go:linkname find runtime.(*itabTableType).find
func find(t *table, inter, typ *descriptor) *itab

//go:linkname add runtime.itabAdd
func add(*itab)

var (
	opening sync.Mutex
	opened  = map[string]Plugin{}
)

// Plugin is a plugin that was loaded.
type Plugin struct{ handle unsafe.Pointer }

// Open loads a plugin and has its packages initialised; if that was done before, it returns the
// plugin. It does what plugin.Open does, which however goes through all types of the process each
// time.
func Open(path string) (Plugin, error) {
	opening.Lock()
	defer opening.Unlock()
	p, ok := opened[path]
	if ok {
		return p, nil
	}
	var slots []slot
	var err error
	if p.handle, slots, err = load(path); err != nil {
		return p, err
	}
	md := last()
	if md.pluginpath == "" || md.typemap != nil {
		return p, fmt.Errorf("%s: not a plugin that the loader knows", path)
	}
	u := union{made: made(), done: map[unsafe.Pointer]unsafe.Pointer{}}
	if err := u.point(slots); err != nil {
		return p, fmt.Errorf("%s: %w", path, err)
	}
	for _, s := range slots {
		if !s.itab || *s.at == nil {
			continue
		}
		if own := (*itab)(*s.at); own.inter != nil {
			if there := settle(own); there != own {
				if err := s.set(unsafe.Pointer(there)); err != nil {
					return p, fmt.Errorf("%s: %w", path, err)
				}
			}
		}
	}
	md.start(u)
	opened[path] = p
	return p, nil
}

// Symbol returns the address of a variable, or of the code of a function, by its full name.
func (p Plugin) Symbol(name string) (unsafe.Pointer, error) { return symbol(p.handle, name) }

// settle returns the itab that all use for own's type and interface: one that is there, or own from
// now on.
func settle(own *itab) *itab {
	lock(&itabLock)
	there := find(itabTable, own.inter, own.typ)
	if there == nil {
		add(own)
		there = own
	}
	unlock(&itabLock)
	if there.hash != own.typ.hash {
		// the runtime leaves it out of its own, as type switches use compiled ones only
		there.hash = own.typ.hash
	}
	return there
}

// reflect keeps what it has made in these.

//go:linkname lookups reflect.lookupCache
var lookups sync.Map

//go:linkname pointers reflect.ptrMap
var pointers sync.Map

//go:linkname funcs reflect.funcLookupCache
var funcs struct {
	sync.Mutex
	m sync.Map
}

//go:linkname structs reflect.structLookupCache
var structs struct {
	sync.Mutex
	m sync.Map
}

// word returns the pointer in an interface.
func word(v any) unsafe.Pointer { return (*[2]unsafe.Pointer)(unsafe.Pointer(&v))[1] }

// typeAt is the type that a descriptor describes.
func typeAt(p unsafe.Pointer) reflect.Type {
	var v any
	(*[2]unsafe.Pointer)(unsafe.Pointer(&v))[0] = p
	return reflect.TypeOf(v)
}

// made lists the types that reflect has made or looked up.
func made() (list []reflect.Type) {
	one := func(_, v any) bool {
		list = append(list, typeAt(word(v)))
		return true
	}
	many := func(_, v any) bool {
		for s, i := reflect.ValueOf(v), 0; i < s.Len(); i++ {
			e := s.Index(i)
			for e.Kind() == reflect.Interface {
				e = e.Elem()
			}
			list = append(list, typeAt(e.UnsafePointer()))
		}
		return true
	}
	lookups.Range(one)
	pointers.Range(one)
	funcs.m.Range(many)
	structs.m.Range(many)
	return list
}

// union finds, for the types that a plugin brings, those that are there.
type union struct {
	made []reflect.Type
	done map[unsafe.Pointer]unsafe.Pointer
}

// point points a plugin's slots of types to the types that reflect has made.
func (u *union) point(slots []slot) error {
	if len(u.made) == 0 {
		return nil
	}
	for _, s := range slots {
		if s.itab || *s.at == nil {
			continue
		}
		if there := u.there(*s.at); there != *s.at {
			if err := s.set(there); err != nil {
				return err
			}
		}
	}
	return nil
}

// there returns the type that stands for p: one that reflect has made, or p.
func (u *union) there(p unsafe.Pointer) unsafe.Pointer {
	if q, ok := u.done[p]; ok {
		return q
	}
	u.done[p] = p
	t := typeAt(p)
	if t.Name() != "" || t.Kind() <= reflect.Complex128 || t.Kind() == reflect.Interface || t.Kind() == reflect.UnsafePointer {
		return p
	}
	for _, q := range u.made {
		if q != t && u.same(q, t) {
			u.done[p] = word(q)
			adopt((*descriptor)(word(q)), (*descriptor)(p).hash)
			break
		}
	}
	return u.done[p]
}

// same tells whether q is the type that t, of a plugin, describes. Types that have a name are the
// same only if they are one: a type that a cell declares again has the name of the earlier one.
func (u *union) same(q, t reflect.Type) bool {
	if q.Kind() != t.Kind() || q.Name() != "" {
		return false
	}
	equal := func(a, b reflect.Type) bool { return a == b || word(a) == u.there(word(b)) }
	switch t.Kind() {
	case reflect.Array:
		return q.Len() == t.Len() && equal(q.Elem(), t.Elem())
	case reflect.Chan:
		return q.ChanDir() == t.ChanDir() && equal(q.Elem(), t.Elem())
	case reflect.Pointer, reflect.Slice:
		return equal(q.Elem(), t.Elem())
	case reflect.Map:
		return equal(q.Key(), t.Key()) && equal(q.Elem(), t.Elem())
	case reflect.Func:
		if q.NumIn() != t.NumIn() || q.NumOut() != t.NumOut() || q.IsVariadic() != t.IsVariadic() {
			return false
		}
		for i := range t.NumIn() {
			if !equal(q.In(i), t.In(i)) {
				return false
			}
		}
		for i := range t.NumOut() {
			if !equal(q.Out(i), t.Out(i)) {
				return false
			}
		}
		return true
	case reflect.Struct:
		if q.NumField() != t.NumField() {
			return false
		}
		for i := range t.NumField() {
			a, b := q.Field(i), t.Field(i)
			if a.Name != b.Name || a.PkgPath != b.PkgPath || a.Tag != b.Tag || a.Anonymous != b.Anonymous || a.Offset != b.Offset || !equal(a.Type, b.Type) {
				return false
			}
		}
		return true
	}
	return false
}

// adopt gives a type that reflect has made the hash of the compiler, which type switches look at.
// Its itabs are found by the hash, too.
func adopt(t *descriptor, hash uint32) {
	lock(&itabLock)
	defer unlock(&itabLock)
	if t.hash == hash {
		return
	}
	t.hash = hash
	var moved []*itab
	for i := range itabTable.size {
		if m := itabTable.entries[i]; m != nil && m.typ == t {
			moved = append(moved, m)
		}
	}
	for _, m := range moved {
		add(m)
	}
}
