// Package zmtp is the listening side of ZeroMQ's wire protocol, ZMTP 3.0 with the NULL mechanism.
// It does just what a Jupyter kernel needs, with bounded memory, and no peer can end the process.
//
// go-zeromq/zmq4 v0.17.0 was tried first. It believes any frame length, so nine bytes from any
// local process end the kernel ("fatal error: out of memory"). It accepts one connection at a time
// and waits for its handshake. One subscriber that does not read stops all others, while its queue
// grows without bound.
package zmtp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	flagMore    = 1
	flagLong    = 2
	flagCommand = 4

	maxFrames  = 1000
	maxMessage = 256 << 20 // the largest inputs of a notebook are pictures that widgets send
	maxReady   = 4 << 10   // how much a peer may say before it is accepted
	trusted    = 64 << 10  // memory beyond this is allocated only as data arrives
)

// greeting is what both sides send first; see RFC 23.
func greeting() []byte {
	g := make([]byte, 64)
	g[0], g[9], g[10] = 0xff, 0x7f, 3 // signature; version 3.0
	copy(g[12:], "NULL")
	return g
}

func readGreeting(r io.Reader) error {
	var g [64]byte
	if _, err := io.ReadFull(r, g[:]); err != nil {
		return err
	}
	if g[0] != 0xff || g[9] != 0x7f {
		return errors.New("the peer does not speak ZMTP")
	}
	if g[10] < 3 {
		return fmt.Errorf("the peer speaks ZMTP %d, not 3", g[10])
	}
	if mechanism := string(bytes.TrimRight(g[12:32], "\x00")); mechanism != "NULL" {
		return fmt.Errorf("the peer wants the security mechanism %q, not NULL", mechanism)
	}
	return nil
}

// encode returns a message in its wire format.
func encode(frames [][]byte) []byte {
	size := 0
	for _, f := range frames {
		size += len(f) + 9
	}
	b := make([]byte, 0, size)
	for i, f := range frames {
		var flags byte
		if i < len(frames)-1 {
			flags = flagMore
		}
		b = append(appendHeader(b, flags, len(f)), f...)
	}
	return b
}

func appendHeader(b []byte, flags byte, size int) []byte {
	if size > 255 {
		return binary.BigEndian.AppendUint64(append(b, flags|flagLong), uint64(size))
	}
	return append(b, flags, byte(size))
}

func encodeCommand(name string, body []byte) []byte {
	b := appendHeader(nil, flagCommand, 1+len(name)+len(body))
	return append(append(append(b, byte(len(name))), name...), body...)
}

// readMessage reads the frames of a message, or of a command, which has only one frame.
func readMessage(r *bufio.Reader, limit int) (frames [][]byte, command bool, err error) {
	for left := limit; ; {
		flags, err := r.ReadByte()
		if err != nil {
			return nil, false, err
		}
		if flags&^(flagMore|flagLong|flagCommand) != 0 || flags&flagCommand != 0 && (flags&flagMore != 0 || len(frames) > 0) {
			return nil, false, fmt.Errorf("a frame has the flags %#x", flags)
		}
		size, err := readSize(r, flags)
		if err != nil {
			return nil, false, err
		}
		if size > uint64(left) || len(frames) == maxFrames {
			return nil, false, fmt.Errorf("a message is longer than %d bytes or %d frames", limit, maxFrames)
		}
		body, err := readBody(r, int(size))
		if err != nil {
			return nil, false, err
		}
		left -= len(body)
		frames = append(frames, body)
		if flags&flagMore == 0 {
			return frames, flags&flagCommand != 0, nil
		}
	}
}

func readSize(r io.Reader, flags byte) (uint64, error) {
	var b [8]byte
	at := 7
	if flags&flagLong != 0 {
		at = 0
	}
	_, err := io.ReadFull(r, b[at:])
	return binary.BigEndian.Uint64(b[:]), cutShort(err)
}

func readBody(r io.Reader, size int) ([]byte, error) {
	if size <= trusted {
		b := make([]byte, size)
		_, err := io.ReadFull(r, b)
		return b, cutShort(err)
	}
	var b bytes.Buffer
	_, err := io.CopyN(&b, r, int64(size))
	return b.Bytes(), cutShort(err)
}

// cutShort tells an end inside a message from a regular one.
func cutShort(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parseCommand splits a command into its name and the rest.
func parseCommand(b []byte) (name string, body []byte, err error) {
	if len(b) == 0 || int(b[0]) > len(b)-1 {
		return "", nil, errors.New("a command has no name")
	}
	n := 1 + int(b[0])
	return string(b[1:n]), b[n:], nil
}

// parseReady reads a peer's properties, with their names in lower case.
func parseReady(b []byte) (map[string]string, error) {
	all := map[string]string{}
	for len(b) > 0 {
		n := 1 + int(b[0])
		if len(b) < n+4 {
			return nil, errors.New("the peer's READY is cut short")
		}
		name := strings.ToLower(string(b[1:n]))
		size := uint64(binary.BigEndian.Uint32(b[n:]))
		b = b[n+4:]
		if size > uint64(len(b)) {
			return nil, errors.New("the peer's READY is cut short")
		}
		all[name] = string(b[:size])
		b = b[size:]
	}
	return all, nil
}

func ready(kind Kind) []byte {
	var b []byte
	for _, p := range [][2]string{{"Socket-Type", string(kind)}, {"Identity", ""}} {
		b = append(append(b, byte(len(p[0]))), p[0]...)
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(p[1]))), p[1]...)
	}
	return encodeCommand("READY", b)
}
