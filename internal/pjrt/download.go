// Downloads with a check, a time limit for silence, and go-xla's releases on GitHub.

package pjrt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/gomlx/go-xla/installer"
)

// client gives up on servers that do not answer; a body may take as long as data keeps coming.
// go-xla's own DownloadURLToTemp cannot be cancelled, draws a spinner on stdout and accepts error
// pages as files.
var client = &http.Client{Transport: func() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = answerTime
	t.TLSHandshakeTimeout = answerTime
	return t
}()}

// stallTime is how long a download may receive nothing.
const stallTime = 30 * time.Second

var errStalled = fmt.Errorf("the download received nothing for %v", stallTime)

// download writes what url returns into the file dst and returns its sha256, which must be wantSHA
// unless that is "". say gets a line about every three seconds.
func download(ctx context.Context, url, dst, wantSHA string, say func(string)) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(stallTime, func() { cancel(errStalled) })
	defer stall.Stop()
	defer func() {
		if cause := context.Cause(ctx); err != nil && errors.Is(cause, errStalled) {
			err = cause
		}
	}()
	resp, err := get(ctx, url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	f, err := os.Create(dst)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	p := &progress{total: resp.ContentLength, name: filepath.Base(dst), say: say, last: time.Now(), tick: func() { stall.Reset(stallTime) }}
	n, err := io.Copy(io.MultiWriter(f, h, p), resp.Body)
	if err != nil {
		return err
	}
	if resp.ContentLength >= 0 && n != resp.ContentLength {
		return fmt.Errorf("%s: got %d of %d bytes", filepath.Base(dst), n, resp.ContentLength)
	}
	if sum := hex.EncodeToString(h.Sum(nil)); wantSHA != "" && sum != wantSHA {
		return fmt.Errorf("%s: sha256 is %s, want %s", filepath.Base(dst), sum, wantSHA)
	}
	return f.Close()
}

// get requests url; a status other than 200 is an error.
func get(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s answers %s", req.URL.Host, resp.Status)
	}
	return resp, nil
}

// progress is a Writer that counts a download.
type progress struct {
	n, total int64
	name     string
	say      func(string)
	last     time.Time
	tick     func()
}

func (p *progress) Write(b []byte) (int, error) {
	p.n += int64(len(b))
	p.tick()
	if time.Since(p.last) > 3*time.Second {
		p.last = time.Now()
		of := ""
		if p.total > 0 {
			of = fmt.Sprintf(" of %d", p.total>>20)
		}
		p.say(fmt.Sprintf("%s: %d%s MiB", p.name, p.n>>20, of))
	}
	return len(b), nil
}

// releaseAPI lists the assets of a release of go-xla's plugins; tests replace it.
var releaseAPI = "https://api.github.com/repos/" + installer.BinaryCPUReleasesRepo + "/releases/tags/"

// fetchRelease stages the CPU plugin that go-xla publishes for its own version. It reads the
// release itself to get the sha256, because go-xla's CPUInstall does not check it.
func fetchRelease(ctx context.Context, stage string, say func(string)) (plugin, version string, err error) {
	ext := ".tar.gz"
	if runtime.GOOS == "windows" {
		ext = ".zip"
	}
	want := "pjrt_cpu_" + runtime.GOOS + "_" + runtime.GOARCH + ext
	tag := releaseVersion()
	url, sum, err := releaseAsset(ctx, releaseAPI+tag, want)
	if err != nil {
		return "", "", err
	}
	archive := filepath.Join(stage, want)
	if err := download(ctx, url, archive, sum, say); err != nil {
		return "", "", err
	}
	unpack := installer.Untar
	if ext == ".zip" {
		unpack = installer.Unzip
	}
	files, err := unpack(archive, filepath.Join(stage, "unpacked"))
	if err != nil {
		return "", "", err
	}
	// In the archive, what the plugin needs lies beside it, and it must lie beside it here too.
	for _, file := range files {
		if fi, err := os.Lstat(file); err != nil || fi.IsDir() {
			continue
		}
		name := filepath.Base(file)
		if m := releasePlugin.FindStringSubmatch(name); m != nil && plugin == "" {
			name = "pjrt_c_api_cpu_plugin." + m[1]
			plugin = name
		}
		if err := os.Rename(file, filepath.Join(stage, name)); err != nil {
			return "", "", err
		}
	}
	if plugin == "" {
		return "", "", fmt.Errorf("%s holds no plugin", want)
	}
	for _, leftover := range []string{archive, filepath.Join(stage, "unpacked")} {
		if err := os.RemoveAll(leftover); err != nil {
			return "", "", err
		}
	}
	return plugin, "go-xla " + tag, nil
}

var releasePlugin = regexp.MustCompile(`^pjrt_c_api_cpu_.*plugin\.(so|dylib|dll)$`)

// releaseAsset looks up the address and sha256 of the asset named want.
func releaseAsset(ctx context.Context, api, want string) (url, sum string, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	resp, err := get(ctx, api)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	var release struct {
		Assets []struct {
			Name   string `json:"name"`
			URL    string `json:"browser_download_url"`
			Digest string `json:"digest"` // "sha256:..."
		} `json:"assets"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 10<<20)).Decode(&release); err != nil {
		return "", "", fmt.Errorf("the list of assets cannot be read: %w", err)
	}
	for _, a := range release.Assets {
		if a.Name != want {
			continue
		}
		sum, ok := strings.CutPrefix(a.Digest, "sha256:")
		if !ok {
			return "", "", fmt.Errorf("%s is published without a sha256", want)
		}
		return a.URL, sum, nil
	}
	return "", "", fmt.Errorf("the release has no %s", want)
}
