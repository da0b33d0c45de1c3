package pjrt

import (
	"io"
	"sync"

	"github.com/go-logr/logr"
	_ "github.com/gomlx/compute/gobackend" // registers "go"
	"k8s.io/klog/v2"

	_ "gsmlab/internal/malloc" // before there are threads
)

// quiet stops klog, with which GoMLX logs, from writing to the terminal; what matters comes back as
// errors. A user who raised klog's verbosity wants to see the log, and does.
var quiet = sync.OnceFunc(func() {
	if klog.V(1).Enabled() {
		return
	}
	klog.SetOutput(io.Discard)
	klog.SetLogger(logr.Discard())
})
