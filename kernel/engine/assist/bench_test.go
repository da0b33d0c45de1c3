package assist

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkComplete times completion and inspection:
// `go test -run XXX -bench Complete -benchtime 5x ./kernel/engine/assist`.
func BenchmarkComplete(b *testing.B) {
	a := online(b)
	all := func() (took []time.Duration) {
		for _, c := range completions {
			start := time.Now()
			a.Complete(context.Background(), strings.Replace(c.code, "‸", "", 1), strings.Index(c.code, "‸"))
			took = append(took, time.Since(start))
		}
		for _, c := range inspections {
			start := time.Now()
			a.Inspect(context.Background(), strings.Replace(c.code, "‸", "", 1), strings.Index(c.code, "‸"))
			took = append(took, time.Since(start))
		}
		return took
	}
	all() // loads packages
	var took []time.Duration
	for b.Loop() {
		took = append(took, all()...)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "median-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "99th-ms")
	b.ReportMetric(float64(slices.Max(took).Microseconds())/1000, "max-ms")
}
