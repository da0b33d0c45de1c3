package loader

import (
	"reflect"
	"unsafe"
)

// What a type says of its methods, as in package internal/abi of the release that the toolchain is
// pinned to.

type uncommon struct {
	pkgPath         int32
	methods, public uint16
	offset          uint32 // of the methods, from here
}

type method struct{ name, typ, ifaceCode, code int32 }

//go:linkname uncommonOf internal/abi.(*Type).Uncommon
func uncommonOf(t *descriptor) *uncommon

//go:linkname nameAt reflect.resolveNameOff
func nameAt(in unsafe.Pointer, offset int32) unsafe.Pointer

//go:linkname methodTypeAt reflect.resolveTypeOff
func methodTypeAt(t unsafe.Pointer, offset int32) unsafe.Pointer

//go:linkname codeAt reflect.resolveTextOff
func codeAt(t unsafe.Pointer, offset int32) unsafe.Pointer

// cellPackage is the package of what cells declare, as programs see it.
const cellPackage = "main"

// Method returns the method of a cell that is not exported, which reflect does not give: as a
// function whose first parameter is the receiver. It is the zero Value where t has no such method.
func Method(t reflect.Type, name string) reflect.Value {
	at := word(t)
	u := uncommonOf((*descriptor)(at))
	if u == nil {
		return reflect.Value{}
	}
	for _, m := range unsafe.Slice((*method)(unsafe.Add(unsafe.Pointer(u), u.offset)), u.methods) {
		found, pkg := readName(at, nameAt(at, m.name))
		if found != name {
			continue
		}
		if pkg == "" {
			pkg, _ = readName(at, nameAt(at, u.pkgPath))
		}
		if pkg != cellPackage || m.typ == 0 {
			continue
		}
		code := codeAt(at, m.code)
		return reflect.NewAt(withReceiver(t, typeAt(methodTypeAt(at, m.typ))), function(code)).Elem()
	}
	return reflect.Value{}
}

// function returns where a function is that has its code at an address.
func function(code unsafe.Pointer) unsafe.Pointer {
	closure := &code
	return unsafe.Pointer(&closure)
}

// withReceiver is the type of a method's function.
func withReceiver(recv, m reflect.Type) reflect.Type {
	in := []reflect.Type{recv}
	for i := range m.NumIn() {
		in = append(in, m.In(i))
	}
	var out []reflect.Type
	for i := range m.NumOut() {
		out = append(out, m.Out(i))
	}
	return reflect.FuncOf(in, out, m.IsVariadic())
}

// readName reads a name, and the path of its package where that is not the one of the type.
func readName(in, at unsafe.Pointer) (name, pkg string) {
	const hasTag, hasPackage = 1 << 1, 1 << 2
	if at == nil {
		return "", ""
	}
	flags := *(*byte)(at)
	text, next := readText(unsafe.Add(at, 1))
	if flags&hasPackage == 0 {
		return text, ""
	}
	if flags&hasTag != 0 {
		_, next = readText(next)
	}
	var offset int32 // not aligned
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&offset)), 4), unsafe.Slice((*byte)(next), 4))
	pkg, _ = readName(in, nameAt(in, offset))
	return text, pkg
}

// readText reads a text after its length, and says what comes then.
func readText(at unsafe.Pointer) (string, unsafe.Pointer) {
	n := 0
	for shift := 0; ; shift += 7 {
		b := *(*byte)(at)
		at = unsafe.Add(at, 1)
		n |= int(b&0x7f) << shift
		if b&0x80 == 0 {
			return unsafe.String((*byte)(at), n), unsafe.Add(at, n)
		}
	}
}
