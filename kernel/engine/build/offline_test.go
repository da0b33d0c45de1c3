package build

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

// TestNothingIsFetchedUnasked: only Get talks to a proxy, and not even Get if GSM_OFFLINE is set.
func TestNothingIsFetchedUnasked(t *testing.T) {
	if testing.Short() {
		t.Skip("asks the go command for packages")
	}
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.NotFound(w, r)
	}))
	defer proxy.Close()
	tools := open(t)
	t.Setenv("GOPROXY", proxy.URL)
	t.Setenv("GOPRIVATE", "example.net")
	ctx := context.Background()
	for path, want := range map[string]string{
		"example.org/there":           "no module of the session has it: get it with !*go get example.org/there",
		"example.net/private":         "no module of the session has it: get it with !*go get example.net/private",
		"github.com/gomlx/gomlx/nope": "no module of the session has it: get it with !*go get github.com/gomlx/gomlx/nope",
		"math/bit":                    "did you mean math/bits?",
	} {
		if _, err := tools.Import(ctx, path); err == nil || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "finding") {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	t.Setenv("GSM_OFFLINE", "1")
	if _, err := tools.Get(ctx, os.Environ(), io.Discard, io.Discard, "example.org/there"); err == nil || !strings.Contains(err.Error(), "GSM_OFFLINE forbids downloads") {
		t.Errorf("go get with GSM_OFFLINE: %v", err)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the proxy was asked %d times", n)
	}
	t.Setenv("GSM_OFFLINE", "")
	if _, err := tools.Get(ctx, os.Environ(), io.Discard, io.Discard, "example.org/there"); err == nil || asked.Load() == 0 {
		t.Errorf("go get: %v, and the proxy was asked %d times", err, asked.Load())
	}
}
