// Package backend opens the fastest GoMLX backend that a machine has, for cells of the kernel,
// notebooks and programs in other modules. The command gsm opens its backends with the same code.
package backend

import (
	"context"
	"strings"
	"sync"

	"github.com/gomlx/compute"

	"gsmlab/internal/pjrt"
)

// Info says what was opened. Its Note is not empty where that is slower than it could be, and says
// what helps.
type Info = pjrt.Info

type opened struct {
	backend compute.Backend
	info    Info
}

var (
	mu   sync.Mutex
	open = map[string]opened{}
)

// Open opens the backend that spec names: "auto" or "" for the fastest ("xla:cuda" where a GPU is,
// else "xla:cpu", else "go"; $GOMLX_BACKEND goes before), one of those three, or any other spec of
// GoMLX. XLA on the CPU has one device unless the spec asks for more, as in
// "xla:cpu,cpu_device_count=4". The plugin that XLA needs is downloaded where it is missing, unless
// $GSM_OFFLINE is set; say, which may be nil, gets lines about that, and cancelling ctx stops it.
// Opening the same again, as a cell that runs twice does, returns the backend that is open.
func Open(ctx context.Context, spec string, say func(string)) (compute.Backend, Info, error) {
	if spec = strings.TrimSpace(spec); spec == "auto" {
		spec = ""
	}
	mu.Lock()
	defer mu.Unlock()
	if o, ok := open[spec]; ok && !o.backend.IsFinalized() {
		return o.backend, o.info, nil
	}
	b, info, err := pjrt.Open(ctx, spec, say)
	if err != nil {
		return nil, info, err
	}
	open[spec] = opened{b, info}
	return b, info, nil
}
