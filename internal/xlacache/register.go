//go:build linux && amd64 && cgo && !noxla

package xlacache

/*
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "table.h"
*/
import "C"

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/gomlx/go-xla/pjrt"
)

// worthwhile is how long a graph must take to compile before it is saved. Loading takes a few
// milliseconds.
var worthwhile = 50 * time.Millisecond // tests shorten it

// compiled counts the graphs that were not in the cache, for tests.
var compiled atomic.Int64

// cache is where this process's plugin keeps its executables. XLA starts only once in a process, so
// there is one.
var cache store

var once sync.Once

// Register loads the CPU plugin in the file path and registers it with go-xla under that path, with
// a cache in the folder dir. identity names the plugin and all options that it will be started
// with. Only the first call in a process does anything. After an error, go-xla can still load the
// plugin itself.
func Register(path, identity, dir string) (err error) {
	once.Do(func() {
		name := C.CString(path)
		defer C.free(unsafe.Pointer(name))
		table := C.gsmlab_xla_table(name)
		if table == nil {
			err = errors.New("xlacache: " + path + " is no plugin whose executables can be kept")
			return
		}
		cache = store{dir: dir, machine: machine(identity)}
		err = pjrt.RegisterPreloadedPlugin(path, uintptr(unsafe.Pointer(table)))
	})
	return err
}

// gsmlabXLACompile has the signature of PJRT_Client_Compile.
//
//export gsmlabXLACompile
func gsmlabXLACompile(args *C.PJRT_Client_Compile_Args) *C.PJRT_Error {
	program := args.program
	key := cache.key(
		bytesAt(unsafe.Pointer(program.code), program.code_size),
		bytesAt(unsafe.Pointer(program.format), program.format_size),
		bytesAt(unsafe.Pointer(args.compile_options), args.compile_options_size))
	if saved, ok := cache.load(key); ok {
		loaded := C.gsmlab_xla_load(args.client, unsafe.Pointer(unsafe.SliceData(saved)), C.size_t(len(saved)))
		if loaded != nil {
			args.executable = loaded
			return nil
		}
	}
	compiled.Add(1)
	start := time.Now()
	if failed := C.gsmlab_xla_compile(args); failed != nil {
		return failed
	}
	if time.Since(start) < worthwhile {
		return nil
	}
	saved := C.gsmlab_xla_save(args.executable)
	if saved.bytes != nil {
		cache.save(key, bytesAt(unsafe.Pointer(saved.bytes), saved.size))
	}
	C.gsmlab_xla_free(saved)
	return nil
}

// bytesAt is C's memory as a slice.
func bytesAt(p unsafe.Pointer, n C.size_t) []byte { return unsafe.Slice((*byte)(p), n) }
