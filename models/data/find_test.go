// Tests of the search for sets: layouts, order of places, bad files, downloads that heal.

package data

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// idx is an IDX file of those dimensions.
func idx(data []byte, dims ...int) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(0x0800|len(dims)))
	for _, n := range dims {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	return append(b, data...)
}

func pack(b []byte) []byte {
	var w bytes.Buffer
	z := gzip.NewWriter(&w)
	_, _ = z.Write(b)
	_ = z.Close()
	return w.Bytes()
}

// tinyMNIST is MNIST with 3 training and 2 test images, and its files' unpacked content by name.
func tinyMNIST() (collection, map[string][]byte) {
	table := slices.Clone(mnistFiles)
	files := map[string][]byte{}
	for i := range table {
		f := &table[i]
		f.dims = slices.Clone(f.dims)
		f.dims[0] = map[bool]int{true: 3, false: 2}[i == trainImages || i == trainLabels]
		n := 1
		for _, d := range f.dims {
			n *= d
		}
		content := idx(bytes.Repeat([]byte{byte(i + 1)}, n), f.dims...)
		s := sha256.Sum256(content)
		f.sum = hex.EncodeToString(s[:])
		files[f.name] = content
	}
	return mnistCollection(table), files
}

func write(t *testing.T, dir string, files map[string][]byte, packed bool) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, b := range files {
		if packed {
			name, b = name+".gz", pack(b)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// setting is a search in an environment of its own: no GSM_DATA, an empty cache, no module, no
// addresses.
type setting struct {
	*finder
	said  []string
	asked []bool // the calls of module, whether with network
}

func newSetting(t *testing.T, c collection) *setting {
	t.Setenv("GSM_DATA", "")
	t.Setenv("GSM_CACHE", t.TempDir())
	s := &setting{}
	s.finder = newFinder(c, Options{Say: func(m string) { s.said = append(s.said, m) }})
	s.sources = nil
	s.module = func(_ context.Context, network bool) (string, error) {
		s.asked = append(s.asked, network)
		return "", errors.New("no module here")
	}
	return s
}

func checkTiny(t *testing.T, split Split, err error) {
	t.Helper()
	s := inMemory(t, split, err)
	if s.Train.Len() != 3 || s.Test.Len() != 2 || s.Train.Pixels[0] != 1 || s.Train.Labels[0] != 2 || s.Test.Pixels[0] != 3 || s.Test.Labels[0] != 4 {
		t.Errorf("the files are mixed up: %+v", s)
	}
}

func TestFolderLayouts(t *testing.T) {
	tiny, files := tinyMNIST()
	for _, sub := range []string{".", "mnist", "MNIST/raw"} {
		for _, packed := range []bool{true, false} {
			f := newSetting(t, tiny)
			f.opt.Dir = t.TempDir()
			write(t, filepath.Join(f.opt.Dir, sub), files, packed)
			s, err := f.split(t.Context())
			checkTiny(t, s, err)
			f = newSetting(t, tiny)
			t.Setenv("GSM_DATA", t.TempDir())
			write(t, filepath.Join(os.Getenv("GSM_DATA"), sub), files, packed)
			s, err = f.split(t.Context())
			checkTiny(t, s, err)
			if p := f.places(t.Context()); !p[0].Found || p[1].Found || p[2].Found {
				t.Errorf("places %+v", p)
			}
		}
	}
}

// Each place is used only when those before it do not have the set.
func TestOrderOfPlaces(t *testing.T) {
	tiny, files := tinyMNIST()
	f := newSetting(t, tiny)
	env, cache, module := t.TempDir(), filepath.Join(os.Getenv("GSM_CACHE"), "data", "mnist"), t.TempDir()
	t.Setenv("GSM_DATA", env)
	served := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served++
		_, _ = w.Write(pack(files[strings.TrimSuffix(filepath.Base(r.URL.Path), ".gz")]))
	}))
	defer server.Close()
	f.sources = []string{server.URL + "/"}

	load := func(want string) {
		t.Helper()
		f.said = nil
		s, err := f.split(t.Context())
		checkTiny(t, s, err)
		if last := f.said[len(f.said)-1]; !strings.HasSuffix(last, "from "+want) {
			t.Errorf("said %q, want the files of %s", last, want)
		}
	}
	load(cache)      // downloaded
	if served != 5 { // one probe, four files
		t.Errorf("%d requests, want 5", served)
	}
	load(cache)
	if served != 5 {
		t.Errorf("downloaded again: %d requests", served)
	}
	if err := os.RemoveAll(cache); err != nil {
		t.Fatal(err)
	}
	write(t, module, files, true)
	f.module = func(context.Context, bool) (string, error) { return module, nil }
	load(module)
	write(t, cache, files, true)
	load(cache)
	write(t, env, files, false)
	load(env)
	if served != 5 {
		t.Errorf("%d requests where a folder had the set", served)
	}
}

func TestBadFiles(t *testing.T) {
	tiny, files := tinyMNIST()
	const name = "t10k-images-idx3-ubyte"
	good := files[name]
	bent := slices.Clone(good)
	bent[100]++
	z := pack(good)
	badCRC := slices.Clone(z)
	badCRC[len(badCRC)-8]++
	for _, c := range []struct {
		file    string
		content []byte
		want    string
	}{
		{name, good[:500], "the file is cut off: its data ends after 484 of 1568 bytes"},
		{name, nil, "the file is cut off: its header ends after 0 of 16 bytes"},
		{name, bent, "sha256 of the unpacked content is"},
		{name, files["t10k-labels-idx1-ubyte"], "it starts with 0x00000801, want 0x00000803"},
		{name, idx(make([]byte, 784), 1, 28, 28), "its dimensions are [1 28 28], want [2 28 28]"},
		{name, idx(nil, 1<<31, 28, 28), "dimension 0 is 2147483648"},
		{name, idx(nil, 0, 28, 28), "dimension 0 is 0"},
		{name, append(slices.Clone(good), 7), "there are bytes after the last one"},
		{name, []byte("<html>not found</html>"), "it starts with 0x3c68746d"},
		{name + ".gz", z[:len(z)/2], "the file is cut off"},
		{name + ".gz", z[:5], "the file is cut off: its gzip header"},
		{name + ".gz", badCRC, "gzip: invalid checksum"},
	} {
		dir := t.TempDir()
		write(t, dir, files, false)
		path := filepath.Join(dir, c.file)
		if err := os.WriteFile(path, c.content, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, how := range []string{"Dir", "GSM_DATA"} {
			f := newSetting(t, tiny)
			if how == "Dir" {
				f.opt.Dir = dir
			} else {
				t.Setenv("GSM_DATA", dir)
			}
			_, err := f.split(t.Context())
			if err == nil {
				t.Errorf("%s: no error", c.want)
				continue
			}
			line := err.Error()
			if !strings.HasPrefix(line, "data: "+path+": ") || !strings.Contains(line, c.want) ||
				!strings.HasSuffix(line, ": replace it, or delete it and run again") || strings.Contains(line, "\n") {
				t.Errorf("got %q, want one line with %q, the path and a remedy", line, c.want)
			}
		}
	}
}

func TestMissingFiles(t *testing.T) {
	tiny, files := tinyMNIST()
	f := newSetting(t, tiny)
	f.opt.Dir = t.TempDir()
	if _, err := f.split(t.Context()); err == nil || !strings.Contains(err.Error(), f.opt.Dir+": it has none of the MNIST files: put train-images") {
		t.Errorf("empty folder: %v", err)
	}
	delete(files, "train-labels-idx1-ubyte")
	write(t, f.opt.Dir, files, true)
	if _, err := f.split(t.Context()); err == nil || !strings.Contains(err.Error(), "train-labels-idx1-ubyte missing: add it, packed by gzip or not") {
		t.Errorf("one file missing: %v", err)
	}
	f.opt.Dir = filepath.Join(f.opt.Dir, "t10k-images-idx3-ubyte.gz")
	if _, err := f.split(t.Context()); err == nil || !strings.Contains(err.Error(), "not a folder") {
		t.Errorf("a file for a folder: %v", err)
	}
	f.opt.Dir += "-not"
	if _, err := f.split(t.Context()); err == nil || !strings.Contains(err.Error(), "no such folder") {
		t.Errorf("no such folder: %v", err)
	}
}

func TestNothingFound(t *testing.T) {
	tiny, _ := tinyMNIST()
	f := newSetting(t, tiny)
	f.opt.Offline = true
	t.Setenv("GSM_DATA", filepath.Join(t.TempDir(), "nowhere"))
	f.sources = []string{"http://127.0.0.1:1/"}
	_, err := f.split(t.Context())
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"data: mnist not found", "nowhere: no such folder", "cache: ", "module: no module here", "offline", "GSM_DATA", "go mod download"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
	if strings.Contains(err.Error(), "\n") || slices.Contains(f.asked, true) {
		t.Errorf("more than a line, or the network was asked offline: %q, %v", err, f.asked)
	}

	f = newSetting(t, tiny)
	f.sources = []string{"http://127.0.0.1:1/"}
	_, err = f.split(t.Context())
	if err == nil || !strings.Contains(err.Error(), "download: 127.0.0.1:1: ") || !strings.Contains(err.Error(), "go command: no module here") {
		t.Errorf("got %v", err)
	}
	if !slices.Equal(f.asked, []bool{false, true}) {
		t.Errorf("the module was asked for with network: %v", f.asked)
	}
}

// A bad file in the cache is reported, not fatal, and replaced by the download. What the servers
// send is checked too: the first answers but sends rubbish, so the second is used; no rubbish and
// no temporary file stays.
func TestDownloadHeals(t *testing.T) {
	tiny, files := tinyMNIST()
	f := newSetting(t, tiny)
	cache := filepath.Join(os.Getenv("GSM_CACHE"), "data", "mnist")
	write(t, cache, files, true)
	bad := filepath.Join(cache, "t10k-images-idx3-ubyte.gz")
	if err := os.WriteFile(bad, []byte("rubbish, long enough for a header"), 0o644); err != nil {
		t.Fatal(err)
	}
	rubbish := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("also rubbish, and long enough too"))
	}))
	defer rubbish.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	defer gone.Close()
	var got []string
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			got = append(got, filepath.Base(r.URL.Path))
		}
		_, _ = w.Write(pack(files[strings.TrimSuffix(filepath.Base(r.URL.Path), ".gz")]))
	}))
	defer good.Close()
	f.sources = []string{gone.URL + "/", rubbish.URL + "/", good.URL + "/"}
	s, err := f.split(t.Context())
	checkTiny(t, s, err)
	if !slices.Equal(got, []string{"t10k-images-idx3-ubyte.gz"}) {
		t.Errorf("downloaded %v, want only the bad file", got)
	}
	if !strings.Contains(f.said[0], bad) || !strings.HasSuffix(f.said[0], "looking elsewhere") {
		t.Errorf("said %q", f.said)
	}
	entries, err := os.ReadDir(cache)
	if err != nil || len(entries) != 4 {
		t.Errorf("the cache has %v, %v, want the four files", entries, err)
	}
}

// An address that accepts the connection and then says nothing costs the wait, not more, and others
// are still used.
func TestSilentServer(t *testing.T) {
	tiny, files := tinyMNIST()
	f := newSetting(t, tiny)
	f.connectWait = 50 * time.Millisecond
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	f.sources = []string{silent.URL + "/", silent.URL + "/"}
	if _, err := f.split(t.Context()); err == nil || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("got %v", err)
	}
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(pack(files[strings.TrimSuffix(filepath.Base(r.URL.Path), ".gz")]))
	}))
	defer good.Close()
	f.connectWait = time.Minute // the silent one is not waited for once the good one has answered
	f.sources = []string{good.URL + "/", silent.URL + "/"}
	s, err := f.split(t.Context())
	checkTiny(t, s, err)
}

func TestUnwritableCache(t *testing.T) {
	tiny, _ := tinyMNIST()
	f := newSetting(t, tiny)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GSM_CACHE", file)
	_, err := f.split(t.Context())
	if err == nil || !strings.Contains(err.Error(), "set GSM_CACHE to a writable one") {
		t.Errorf("got %v", err)
	}
}

func TestCancelled(t *testing.T) {
	tiny, files := tinyMNIST()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			cancel()
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	f := newSetting(t, tiny)
	f.sources = []string{server.URL + "/"}
	if _, err := f.split(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while downloading: %v", err)
	}
	if slices.Contains(f.asked, true) {
		t.Error("the search went on after the context was cancelled")
	}
	write(t, filepath.Join(os.Getenv("GSM_CACHE"), "data", "mnist"), files, true)
	if _, err := f.split(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before reading: %v", err)
	}
}

// Without a go command and with the module cache elsewhere, the module is not found and the reason
// is given.
func TestModuleDataWithoutGo(t *testing.T) {
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("PATH", "")
	if _, err := moduleData(t.Context(), true); err == nil || !strings.Contains(err.Error(), "no go command") {
		t.Errorf("got %v", err)
	}
}

func FuzzReadIDX(f *testing.F) {
	f.Add(idx([]byte{1, 2, 3, 4, 5, 6}, 1, 2, 3), 3)
	f.Add(idx([]byte{1, 2, 3}, 3), 1)
	f.Add(idx(nil, 1<<31, 1<<31, 4), 3)
	f.Add(idx(nil, 0, 1, 1), 3)
	f.Add(idx([]byte{1}, 2, 1, 1), 3)
	f.Add([]byte{0, 0, 8}, 1)
	f.Add([]byte{}, 3)
	f.Fuzz(func(t *testing.T, b []byte, rank int) {
		if rank < 1 || rank > 4 {
			t.Skip()
		}
		const limit = 1 << 12
		dims, data, err := readIDX(bytes.NewReader(b), rank, limit)
		if err != nil {
			if data != nil {
				t.Error("data beside an error")
			}
			return
		}
		// What is accepted is an IDX file: written again it is the same bytes.
		if len(data) > limit || !bytes.Equal(idx(data, dims...), b) {
			t.Errorf("%d bytes of dimensions %v read from %x", len(data), dims, b)
		}
	})
}
