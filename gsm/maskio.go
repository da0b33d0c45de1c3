// Mask files: their format, how they are written, and a reader that trusts no length.

package gsm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"gsmlab/internal/atomicfile"
)

// A mask file holds, in little-endian order: the magic; a uint32 number of layers; for each layer a
// uint16 length and the path, a uint8 rank, a uint32 per dimension and the packed bits in
// ceil(n/64) uint64 words; and at the end the sha256 of everything before it.
const maskMagic = "GSMMASK1"

// Limits that no real model meets; they keep a corrupt header from asking for all memory.
const (
	maxMaskLayers  = 1 << 16
	maxMaskWeights = 1 << 33
)

// fits reports a layer that the file format has no room for.
func (l MaskLayer) fits() error {
	if len(l.Path) > math.MaxUint16 || len(l.Dims) > math.MaxUint8 || l.Size() > maxMaskWeights {
		return fmt.Errorf("gsm: mask of %.40q, %d dimensions, %d weights: too large for a mask file", l.Path, len(l.Dims), l.Size())
	}
	for _, d := range l.Dims {
		if d > math.MaxUint32 {
			return fmt.Errorf("gsm: mask of %.40q: dimension %d is too large for a mask file", l.Path, d)
		}
	}
	return l.check()
}

// Encode writes the mask in its file format.
func (m Mask) Encode(w io.Writer) error {
	if len(m.Layers) > maxMaskLayers {
		return fmt.Errorf("gsm: mask of %d layers: too large for a mask file, which has room for %d", len(m.Layers), maxMaskLayers)
	}
	for _, l := range m.Layers {
		if err := l.fits(); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	b.WriteString(maskMagic)
	put := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) } // to memory: cannot fail
	put(uint32(len(m.Layers)))
	for _, l := range m.Layers {
		put(uint16(len(l.Path)))
		b.WriteString(l.Path)
		put(uint8(len(l.Dims)))
		for _, d := range l.Dims {
			put(uint32(d))
		}
		put(l.bits)
	}
	sum := sha256.Sum256(b.Bytes())
	b.Write(sum[:])
	_, err := w.Write(b.Bytes())
	return err
}

// DecodeMask reads a mask in its file format. name is the file, for messages.
func DecodeMask(r io.Reader, name string) (Mask, error) {
	fail := func(format string, args ...any) (Mask, error) {
		return Mask{}, fmt.Errorf("gsm: mask file %s: %w", name, fmt.Errorf(format, args...))
	}
	hash := sha256.New()
	d := maskDecoder{r: io.TeeReader(r, hash)}
	if magic := d.text(len(maskMagic)); d.err == nil && magic != maskMagic {
		return fail("not a mask file: it begins with %q", magic)
	}
	layers := d.number(4)
	if layers > maxMaskLayers {
		return fail("%d layers: the file is corrupt", layers)
	}
	var m Mask
	for range layers {
		l, err := d.layer()
		if err != nil {
			return fail("%w", err)
		}
		m.Layers = append(m.Layers, l)
	}
	want := hash.Sum(nil)
	got := d.text(sha256.Size)
	if d.err != nil {
		return fail("%w", cutOff(d.err))
	}
	if got != string(want) {
		return fail("checksum differs: the file is corrupt, make it again")
	}
	return m, nil
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file is cut off, make it again")
	}
	return err
}

// maskDecoder reads fields until the first error, which it keeps.
type maskDecoder struct {
	r   io.Reader
	err error
}

func (d *maskDecoder) text(n int) string {
	if d.err != nil {
		return ""
	}
	// A LimitReader grows with what really arrives, whatever the header says.
	data, err := io.ReadAll(io.LimitReader(d.r, int64(n)))
	if err == nil && len(data) < n {
		err = io.ErrUnexpectedEOF
	}
	d.err = err
	return string(data)
}

func (d *maskDecoder) number(size int) int {
	var padded [8]byte
	copy(padded[:], d.text(size))
	return int(binary.LittleEndian.Uint64(padded[:]))
}

func (d *maskDecoder) layer() (MaskLayer, error) {
	l := MaskLayer{Path: d.text(d.number(2))}
	n := 1
	for range d.number(1) {
		dim := d.number(4)
		l.Dims = append(l.Dims, dim)
		if dim != 0 && n > maxMaskWeights/dim {
			return l, fmt.Errorf("layer %q of shape %v is too large: the file is corrupt", l.Path, l.Dims)
		}
		n *= dim
	}
	data := []byte(d.text(8 * words(n)))
	if d.err != nil {
		return l, cutOff(d.err)
	}
	l.bits = make([]uint64, words(n))
	for i := range l.bits {
		l.bits[i] = binary.LittleEndian.Uint64(data[8*i:])
	}
	if rest := n % 64; rest != 0 && l.bits[len(l.bits)-1]>>rest != 0 {
		return l, fmt.Errorf("layer %q has bits beyond its %d weights: the file is corrupt", l.Path, n)
	}
	return l, nil
}

// Save writes the mask to a file. An old file is replaced only when all of the new one is on disk.
func (m Mask) Save(path string) error {
	if err := atomicfile.Write(path, m.Encode); err != nil {
		return fmt.Errorf("gsm: saving mask to %s: %w", path, err)
	}
	return nil
}

// LoadMask reads a mask file.
func LoadMask(path string) (Mask, error) {
	f, err := os.Open(path)
	if err != nil {
		return Mask{}, fmt.Errorf("gsm: mask file: %w", err)
	}
	defer f.Close()
	m, err := DecodeMask(f, path)
	if err != nil {
		return Mask{}, err
	}
	if n, err := f.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		return Mask{}, fmt.Errorf("gsm: mask file %s: more follows the mask: the file is corrupt, make it again", path)
	}
	return m, nil
}
