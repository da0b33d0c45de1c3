package xlacache

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestStore(t *testing.T) {
	s := store{dir: filepath.Join(t.TempDir(), "new")}
	if _, ok := s.load("a"); ok {
		t.Error("an empty folder has an executable")
	}
	for _, want := range []string{"", "code", strings.Repeat("x", 1<<16)} {
		s.save("a", []byte(want))
		if got, ok := s.load("a"); !ok || string(got) != want {
			t.Errorf("loaded %d bytes (%t), want %d", len(got), ok, len(want))
		}
	}
	whole, err := os.ReadFile(s.path("a"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 31, 32, len(whole) / 2, len(whole) - 1} {
		if err := os.WriteFile(s.path("a"), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := s.load("a"); ok {
			t.Errorf("the first %d of %d bytes are loaded", n, len(whole))
		}
	}
	for _, at := range []int{0, 31, 32, len(whole) - 1} {
		damaged := slices.Clone(whole)
		damaged[at] ^= 0x80
		if err := os.WriteFile(s.path("a"), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := s.load("a"); ok {
			t.Errorf("a file with byte %d damaged is loaded", at)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	lost := store{dir: filepath.Join(file, "x")}
	lost.save("a", []byte("code")) // says nothing
	if _, ok := lost.load("a"); ok {
		t.Error("loaded from a folder that cannot be there")
	}
}

// TestTidy: what was used last stays, and files of others are left alone.
func TestTidy(t *testing.T) {
	s := store{dir: t.TempDir()}
	s.tidied.Do(func() {}) // not yet
	for i := range 5 {
		key := fmt.Sprint(i)
		s.save(key, make([]byte, 68)) // 100 with the digest
		age := time.Now().Add(-time.Duration(10-i) * time.Hour)
		if err := os.Chtimes(s.path(key), age, age); err != nil {
			t.Fatal(err)
		}
	}
	other := filepath.Join(s.dir, "notes")
	if err := os.WriteFile(other, make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	s.load("1")
	s.tidy(300)
	var left []string
	for i := range 5 {
		if _, ok := s.load(fmt.Sprint(i)); ok {
			left = append(left, fmt.Sprint(i))
		}
	}
	if got := strings.Join(left, " "); got != "1 3 4" {
		t.Errorf("%s are left, want 1 3 4", got)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

// program subtracts y from x, which are metrics or numbers.
func program(module, first, second, x, y string) []byte {
	return fmt.Appendf(nil, `module @%s {
  func.func @main(%%%s: tensor<f32>, %%%s: tensor<f32>) -> tensor<f32> {
    %%0:2 = "stablehlo.custom_call"(%%%s, %%%s) { text = "a \" %%%s" } : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%%0#1) : (tensor<f32>) -> ()
`, module, first, second, x, y, "quoted")
}

// TestKey: a key depends on all that code depends on, and on no name.
func TestKey(t *testing.T) {
	const a, b, c, d = "m_uuid_e47c1c1a_f072_total", "m_uuid_af24da47_23b8_total", "_net_dense_weights", "arg1"
	mlir, options := []byte("mlir"), []byte("options")
	t.Setenv("XLA_FLAGS", "--xla_a=1")
	one := &store{machine: machine("plugin")}
	want := one.key(program("Trainer_1", a, b, a, b), mlir, options)
	if got := one.key(program("Trainer_12", c, d, c, d), mlir, options); got != want {
		t.Error("the same graph with other names has another key")
	}
	same := program("Trainer_1", a, b, a, b)
	quoted := []byte(strings.Replace(string(same), "%quoted", "%other", 1))
	index := []byte(strings.Replace(string(same), "%0#1", "%0#0", 1))
	others := map[string]string{
		"another graph":   one.key(program("Trainer_1", a, b, b, a), mlir, options),
		"one value twice": one.key(program("Trainer_1", a, b, a, a), mlir, options),
		"another text":    one.key(quoted, mlir, options),
		"another result":  one.key(index, mlir, options),
		"another format":  one.key(same, []byte("hlo"), options),
		"other options":   one.key(same, mlir, []byte("options2")),
		"moved boundary":  one.key(same, []byte("mliro"), []byte("ptions")),
		"another machine": (&store{machine: machine("plugin2")}).key(same, mlir, options),
	}
	t.Setenv("XLA_FLAGS", "--xla_a=2")
	others["another flag"] = (&store{machine: machine("plugin")}).key(same, mlir, options)
	for what, got := range others {
		if got == want {
			t.Errorf("%s has the same key", what)
		}
	}
}

// TestProcessor: the processor's instructions are known where the cache is used.
func TestProcessor(t *testing.T) {
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" && !strings.Contains(processor(), "sse2") {
		t.Errorf("the processor is described as %q", processor())
	}
}
