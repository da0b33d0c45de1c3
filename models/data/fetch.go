// Downloads: several addresses at once, a limit for silence, and files that are kept only if they
// are right.

package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

const (
	// for a first answer; many machines cannot reach the addresses at all
	connectWait = 5 * time.Second
	stallWait   = 20 * time.Second // without a byte
	maxDownload = 256 << 20        // bytes; the largest file, of CIFAR-10, has 170 MB
)

func newClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: connectWait}).DialContext
	t.TLSHandshakeTimeout = connectWait
	t.ResponseHeaderTimeout = 2 * connectWait
	return &http.Client{Transport: t}
}

// download puts the files into dir, from the first address that works. All addresses are tried for
// an answer at the same time, so that none costs more than connectWait in all.
func (f *finder) download(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("data: %s: cannot make the cache folder: %w: set GSM_CACHE to a writable one", dir, reason(err))
	}
	probes := make([]chan error, len(f.sources))
	probing, stop := context.WithTimeout(ctx, f.connectWait)
	defer stop()
	for i, base := range f.sources {
		probes[i] = make(chan error, 1)
		go func() { probes[i] <- f.answers(probing, base) }()
	}
	var errs []error
	for i, base := range f.sources {
		err := <-probes[i]
		if err == nil {
			if err = f.downloadFrom(ctx, base, dir); err == nil {
				return nil
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return errors.New("no address to download from")
	}
	line := errs[0].Error()
	for _, err := range errs[1:] {
		line += ", " + err.Error()
	}
	return errors.New(line)
}

// answers asks for the head of the smallest file.
func (f *finder) answers(ctx context.Context, base string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, base+f.downloads[len(f.downloads)-1].name, nil)
	if err != nil {
		return err
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return httpError(req.URL, err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: answered %s", req.URL.Host, resp.Status)
	}
	return nil
}

// httpError names the host instead of the whole address, and the cause instead of the chain that
// led to it.
func httpError(u *url.URL, err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		err = errors.New(lastPart(dns.Err))
	} else if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	} else if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("no answer in time")
	}
	return fmt.Errorf("%s: %w", u.Host, err)
}

func (f *finder) downloadFrom(ctx context.Context, base, dir string) error {
	for _, d := range f.downloads {
		path := filepath.Join(dir, d.name)
		if d.check(path) == nil {
			continue // from an earlier download that was interrupted
		}
		f.opt.say("%s: downloading %s%s to %s", f.name, base, d.name, dir)
		if err := f.fetch(ctx, base+d.name, path, d.check); err != nil {
			return err
		}
	}
	return nil
}

// fetch downloads one file, checks it, and only then gives it its name.
func (f *finder) fetch(ctx context.Context, address, path string, check func(string) error) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return httpError(req.URL, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: answered %s", address, resp.Status)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("%s: cannot write: %w: set GSM_CACHE to a writable folder", filepath.Dir(path), reason(err))
	}
	defer func() {
		tmp.Close()
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	body := &watched{r: io.LimitReader(resp.Body, maxDownload), stall: time.AfterFunc(stallWait, cancel)}
	defer body.stall.Stop()
	if _, err := io.Copy(tmp, body); err != nil {
		if body.err != nil {
			return fmt.Errorf("%s: the download stopped: %w", address, body.err)
		}
		return fmt.Errorf("%s: cannot write: %w: make room, or set GSM_CACHE to another folder", tmp.Name(), reason(err))
	}
	if err := errors.Join(tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("%s: cannot write: %w", tmp.Name(), reason(err))
	}
	if err := check(tmp.Name()); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	return os.Rename(tmp.Name(), path)
}

// watched puts off the stall timer at each read and keeps the reader's error apart from the
// writer's.
type watched struct {
	r     io.Reader
	stall *time.Timer
	err   error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.stall.Reset(stallWait)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}
