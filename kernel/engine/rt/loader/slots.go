package loader

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
#define POINTER(t) ((t) == R_X86_64_64 || (t) == R_X86_64_GLOB_DAT)
#elif defined(__aarch64__)
#define POINTER(t) ((t) == R_AARCH64_ABS64 || (t) == R_AARCH64_GLOB_DAT)
#endif

static void *open_plugin(const char *path, const char **err) {
	void *h = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
	if (h == NULL) *err = dlerror();
	return h;
}

typedef struct { uintptr_t slot; int itab; } slot;

// find writes the places that hold a pointer to an itab or a type, as far as there is room, and returns their number.
static int find(const ElfW(Rela) *r, size_t size, const ElfW(Sym) *syms, const char *strs, uintptr_t base, slot *out, int n, int room) {
	const ElfW(Rela) *end = (const ElfW(Rela) *)((const char *)r + size);
	for (; r < end; r++) {
		if (!POINTER(ELF64_R_TYPE(r->r_info)) || r->r_addend != 0) continue;
		const char *name = strs + syms[ELF64_R_SYM(r->r_info)].st_name;
		int itab = strncmp(name, "go:itab.", 8) == 0;
		if (!itab && (strncmp(name, "type:", 5) != 0 || name[5] == '.')) continue;
		if (n < room) out[n] = (slot){base + r->r_offset, itab};
		n++;
	}
	return n;
}

static int slots(void *h, slot *out, int room) {
	struct link_map *m;
	if (dlinfo(h, RTLD_DI_LINKMAP, &m) != 0) return -1;
	const ElfW(Sym) *syms = NULL;
	const char *strs = NULL;
	const ElfW(Rela) *rela = NULL, *plt = NULL;
	size_t relasz = 0, pltsz = 0;
	for (const ElfW(Dyn) *d = m->l_ld; d->d_tag != DT_NULL; d++) {
		switch (d->d_tag) {
		case DT_SYMTAB: syms = (const void *)d->d_un.d_ptr; break;
		case DT_STRTAB: strs = (const void *)d->d_un.d_ptr; break;
		case DT_RELA: rela = (const void *)d->d_un.d_ptr; break;
		case DT_RELASZ: relasz = d->d_un.d_val; break;
		case DT_JMPREL: plt = (const void *)d->d_un.d_ptr; break;
		case DT_PLTRELSZ: pltsz = d->d_un.d_val; break;
		}
	}
	if (syms == NULL || strs == NULL) return 0;
	int n = find(rela, relasz, syms, strs, m->l_addr, out, 0, room);
	return find(plt, pltsz, syms, strs, m->l_addr, out, n, room);
}

// set writes a pointer, also where the memory is read-only after its relocation.
static int set(uintptr_t at, uintptr_t value) {
	uintptr_t page = at & ~(uintptr_t)(sysconf(_SC_PAGESIZE) - 1);
	if (mprotect((void *)page, at + sizeof(value) - page, PROT_READ | PROT_WRITE) != 0) return -1;
	*(uintptr_t *)at = value;
	return 0;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// A slot is a place in a plugin that holds a pointer to an itab or a type.
type slot struct {
	at   *unsafe.Pointer
	itab bool
}

// load loads a plugin's file and returns its slots. Nothing of the plugin has run then.
func load(path string) (unsafe.Pointer, []slot, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var message *C.char
	h := C.open_plugin(name, &message)
	if h == nil {
		return nil, nil, errors.New(C.GoString(message))
	}
	n := C.slots(h, nil, 0)
	if n < 0 {
		return nil, nil, fmt.Errorf("%s: the loaded file is not found", path)
	}
	if n == 0 {
		return h, nil, nil
	}
	found := make([]C.slot, n)
	C.slots(h, &found[0], n)
	list := make([]slot, n)
	for i, s := range found {
		list[i] = slot{*(**unsafe.Pointer)(unsafe.Pointer(&s.slot)), s.itab != 0}
	}
	return h, list, nil
}

// symbol returns the address of a symbol.
func symbol(h unsafe.Pointer, name string) (unsafe.Pointer, error) {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	at := C.dlsym(h, text)
	if at == nil {
		return nil, fmt.Errorf("the plugin has no %s", name)
	}
	return at, nil
}

// set writes a pointer to what the garbage collector does not move and never frees.
func (s slot) set(p unsafe.Pointer) error {
	if C.set(C.uintptr_t(uintptr(unsafe.Pointer(s.at))), C.uintptr_t(uintptr(p))) != 0 {
		return errors.New("the memory of a plugin cannot be written")
	}
	return nil
}
