// Tests of masks: counts, combinations, application, and files that are damaged or lie about their
// size.

package gsm_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gsmlab/gsm"
)

func layer(t testing.TB, path string, dims []int, keep ...bool) gsm.MaskLayer {
	t.Helper()
	l, err := gsm.NewMaskLayer(path, dims, keep)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func bools(rng *rand.Rand, n int) []bool {
	keep := make([]bool, n)
	for i := range keep {
		keep[i] = rng.IntN(3) == 0
	}
	return keep
}

// randomMask has layers whose sizes are around that of a word.
func randomMask(t testing.TB, seed uint64) gsm.Mask {
	rng := rand.New(rand.NewPCG(seed, 0))
	return gsm.Mask{Layers: []gsm.MaskLayer{
		layer(t, "/a/kernel", []int{7, 9}, bools(rng, 63)...), layer(t, "/b/kernel", []int{8, 8}, bools(rng, 64)...),
		layer(t, "/c/kernel", []int{1, 1, 5, 13}, bools(rng, 65)...), layer(t, "/d", []int{3, 0}), layer(t, "/e", nil, true),
	}}
}

func TestMaskCounts(t *testing.T) {
	l := layer(t, "/w", []int{2, 3}, true, false, false, true, true, false)
	m := gsm.Mask{Layers: []gsm.MaskLayer{l, layer(t, "/v", []int{4}, false, false, false, true)}}
	if l.Size() != 6 || l.Kept() != 3 || l.Density() != .5 || m.Size() != 10 || m.Kept() != 4 || m.Density() != .4 {
		t.Errorf("layer: %d of %d, %g; mask: %d of %d, %g", l.Kept(), l.Size(), l.Density(), m.Kept(), m.Size(), m.Density())
	}
	if !slices.Equal(l.Bools(), []bool{true, false, false, true, true, false}) || !l.Keep(3) || l.Keep(5) {
		t.Errorf("bools are %v", l.Bools())
	}
	if (gsm.Mask{}).Density() != 0 || layer(t, "/z", []int{0, 3}).Density() != 0 {
		t.Error("the density of no weights is not 0")
	}
	if got, ok := m.Layer("/v"); !ok || got.Kept() != 1 {
		t.Errorf("layer /v: %v %t", got, ok)
	}
	if _, ok := m.Layer("/u"); ok {
		t.Error("there is a layer /u")
	}
	_, err := gsm.NewMaskLayer("/w", []int{2, 2}, make([]bool, 3))
	wantError(t, err, nil, `gsm: mask of "/w": 3 entries for shape [2 2] of 4 weights`)
	_, err = gsm.NewMaskLayer("/w", []int{-2, -2}, make([]bool, 4))
	wantError(t, err, nil, `gsm: mask of "/w": shape [-2 -2] has a negative dimension`)
}

func TestMaskCombine(t *testing.T) {
	a, b := randomMask(t, 1), randomMask(t, 2)
	both := []func(gsm.Mask) (gsm.Mask, error){a.Diff, a.Union, a.Intersection}
	rule := []func(x, y bool) bool{
		func(x, y bool) bool { return x != y }, func(x, y bool) bool { return x || y }, func(x, y bool) bool { return x && y },
	}
	for i, combine := range both {
		got, err := combine(b)
		if err != nil {
			t.Fatal(err)
		}
		for j, l := range got.Layers {
			for w := range l.Size() {
				if want := rule[i](a.Layers[j].Keep(w), b.Layers[j].Keep(w)); l.Keep(w) != want {
					t.Fatalf("rule %d: weight %d of %s: %t, want %t", i, w, l.Path, l.Keep(w), want)
				}
			}
		}
	}
	if !a.Equal(randomMask(t, 1)) || a.Equal(b) || a.Equal(gsm.Mask{}) {
		t.Error("Equal is wrong")
	}
	_, err := a.Diff(gsm.Mask{Layers: a.Layers[:3]})
	wantError(t, err, nil, "gsm: masks of different models: 5 and 3 layers")
	other := randomMask(t, 1)
	other.Layers[1].Path = "/x"
	_, err = a.Union(other)
	wantError(t, err, nil, `gsm: masks of different models: layer 1 is "/b/kernel" [8 8] in one and "/x" [8 8] in the other`)
	made := gsm.Mask{Layers: []gsm.MaskLayer{{Path: "/w", Dims: []int{2}}}}
	_, err = made.Union(made)
	wantError(t, err, nil, `gsm: mask of "/w" does not fit its shape [2]: make layers with NewMaskLayer`)
}

func TestMaskApply(t *testing.T) {
	store := twoLayers([]float32{1, 2, 3, 4, 5, 6}, []float64{7, 8, 9, 10})
	before := contents(store)
	a := layer(t, "/a/kernel", []int{2, 3}, true, false, true, false, true, false)
	for _, c := range []struct {
		second  gsm.MaskLayer
		message string
	}{
		{layer(t, "/c/kernel", []int{1}, true), `gsm: mask of another model: there is no variable "/c/kernel" in the store`},
		{layer(t, "/b/kernel", []int{2, 2}, true, true, true, true), `gsm: mask of another model: variable "/b/kernel" has shape [1 1 2 2], the mask [2 2]`},
		{gsm.MaskLayer{Path: "/b/kernel", Dims: []int{1, 1, 2, 2}}, `gsm: mask of "/b/kernel" does not fit its shape [1 1 2 2]: make layers with NewMaskLayer`},
	} {
		wantError(t, gsm.Mask{Layers: []gsm.MaskLayer{a, c.second}}.Apply(store), nil, c.message)
		if got := contents(store); got != before {
			t.Errorf("the store changed to %s", got)
		}
	}
	b := layer(t, "/b/kernel", []int{1, 1, 2, 2}, false, false, true, false)
	if err := (gsm.Mask{Layers: []gsm.MaskLayer{b, a}}).Apply(store); err != nil {
		t.Fatal(err)
	}
	if got, want := contents(store), "[1 0 3 0 5 0] [100 200] [0 0 9 0]"; got != want {
		t.Errorf("weights %s, want %s", got, want)
	}
}

func encode(t testing.TB, m gsm.Mask) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestMaskFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.mask")
	for _, m := range []gsm.Mask{randomMask(t, 3), {}, {Layers: []gsm.MaskLayer{layer(t, "", nil, false)}}} {
		if err := m.Save(path); err != nil {
			t.Fatal(err)
		}
		got, err := gsm.LoadMask(path)
		if err != nil || !got.Equal(m) {
			t.Errorf("loaded %v (%v), want %v", got, err, m)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("files %v (%v): temporary ones are left", files, err)
	}
	// One bit per weight: 4 words, and a few bytes for names and shapes.
	if n := len(encode(t, randomMask(t, 3))); n > 200 {
		t.Errorf("%d bytes for 193 weights", n)
	}

	err := randomMask(t, 3).Save(filepath.Join(dir, "no", "folder"))
	if err == nil || !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
	_, err = gsm.LoadMask(filepath.Join(dir, "none"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	long := gsm.Mask{Layers: []gsm.MaskLayer{layer(t, strings.Repeat("x", 1<<16), []int{1}, true)}}
	if err := long.Save(path); err == nil || !strings.Contains(err.Error(), "too large for a mask file") {
		t.Errorf("error %v", err)
	}
	if _, err := gsm.LoadMask(path); err != nil { // what was there before
		t.Error(err)
	}
}

func TestMaskFileDamaged(t *testing.T) {
	good := encode(t, randomMask(t, 4))
	for n := range good {
		_, err := gsm.DecodeMask(bytes.NewReader(good[:n]), "x.mask")
		wantError(t, err, nil, "gsm: mask file x.mask: the file is cut off, make it again")
	}
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 0x10
		if m, err := gsm.DecodeMask(bytes.NewReader(bad), "x.mask"); err == nil {
			t.Errorf("byte %d changed, and the file was read as %v", i, m)
		} else if strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "gsm: mask file x.mask: ") {
			t.Errorf("byte %d: error %q", i, err)
		}
	}
	path := filepath.Join(t.TempDir(), "m.mask")
	if err := os.WriteFile(path, append(good, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := gsm.LoadMask(path)
	wantError(t, err, nil, "gsm: mask file "+path+": more follows the mask: the file is corrupt, make it again")
}

// A header that claims a lot must not get a lot of memory.
func TestMaskFileClaims(t *testing.T) {
	claim := func(layers uint32, dims ...uint32) []byte {
		b := []byte("GSMMASK1")
		b = binary.LittleEndian.AppendUint32(b, layers)
		b = append(b, 1, 0, 'w', byte(len(dims)))
		for _, d := range dims {
			b = binary.LittleEndian.AppendUint32(b, d)
		}
		return append(b, 1, 2, 3)
	}
	for _, data := range [][]byte{
		claim(1, 1<<32-1), claim(1, 1<<16, 1<<16), claim(1, 1<<32-1, 1<<32-1, 1<<32-1), claim(1<<32-1, 1), claim(1, 1<<32-1, 2), claim(1<<16, 1),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := gsm.DecodeMask(bytes.NewReader(data), "x")
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%x was read", data)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%x: %d bytes allocated", data, got)
		}
	}
}

// FuzzDecodeMask: nothing panics, and a mask that can be read encodes to the same bytes. The fuzzer
// cannot guess checksums, so it supplies the bytes before one.
func FuzzDecodeMask(f *testing.F) {
	f.Add(encode(f, randomMask(f, 5)), false)
	body := func(m gsm.Mask) []byte { b := encode(f, m); return b[:len(b)-sha256.Size] }
	f.Add(body(randomMask(f, 5)), true)
	f.Add(body(gsm.Mask{}), true)
	f.Add([]byte("GSMMASK1\x01\x00\x00\x00\x01\x00w\x01\xff\xff\xff\xff"), true)
	f.Fuzz(func(t *testing.T, data []byte, addSum bool) {
		if addSum {
			sum := sha256.Sum256(data)
			data = append(slices.Clone(data), sum[:]...)
		}
		m, err := gsm.DecodeMask(bytes.NewReader(data), "fuzz")
		if err != nil {
			return
		}
		if m.Kept() > m.Size() {
			t.Errorf("%d of %d weights kept", m.Kept(), m.Size())
		}
		again, err := gsm.DecodeMask(bytes.NewReader(encode(t, m)), "again")
		if err != nil || !again.Equal(m) {
			t.Errorf("read again as %v (%v), want %v", again, err, m)
		}
		if got := encode(t, m); !bytes.HasPrefix(data, got) {
			t.Errorf("encoded to %x, want %x", got, data)
		}
	})
}
