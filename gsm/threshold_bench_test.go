package gsm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gsmlab/internal/backend/backendtest"
)

// scoreSets makes some vectors like the scores of successive steps: heavy-tailed, a third exactly
// zero, each weight with a size of its own that stays and much that is new.
func scoreSets(n, sets int) [][]float32 {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	// Drawing from a table costs a tenth of drawing from the distribution, at 25 million.
	table := make([]float32, 1<<14)
	for i := range table {
		table[i] = float32(math.Exp(rng.NormFloat64()))
	}
	draw := func() float32 { return table[rng.Uint32()>>18] }
	own := make([]float32, n)
	for i := range own {
		own[i] = draw() * 1e-6
	}
	out := make([][]float32, sets)
	for s := range out {
		level := float32(math.Exp(0.2 * rng.NormFloat64()))
		out[s] = make([]float32, n)
		for i := range out[s] {
			if v := rng.Uint32(); v%3 > 0 {
				out[s][i] = own[i] * draw() * level * (1 + float32(v>>8)/(1<<24))
			}
		}
	}
	return out
}

// BenchmarkThreshold measures the search alone, each time started from the threshold of the step before:
// GSM_TEST_BACKEND=xla:cpu go test -run '^$' -bench Threshold ./gsm
// "memory" is the same graph with one pass over the scores and nothing else.
func BenchmarkThreshold(b *testing.B) {
	backend := backendtest.Open(b)
	for _, c := range []struct {
		n     int
		ratio float64
	}{{4_096, 60}, {266_200, 60}, {430_500, 125}, {851_504, 10}, {4_000_000, 10}, {25_000_000, 5}} {
		b.Run(fmt.Sprint(c.n), func(b *testing.B) { benchThreshold(b, backend, c.n, int(float64(c.n)/c.ratio)) })
	}
}

func benchThreshold(b *testing.B, backend compute.Backend, n, q int) {
	exec, err := graph.NewExec(backend, func(x, start *graph.Node) []*graph.Node {
		found := kthGreatest([]*graph.Node{x}, q, start)
		if found.sampled == nil {
			return []*graph.Node{found.threshold, found.passes}
		}
		return []*graph.Node{found.threshold, found.passes, found.sampled, found.among}
	})
	if err != nil {
		b.Fatal(err)
	}
	once, err := graph.NewExec(backend, func(x, t *graph.Node) []*graph.Node {
		return []*graph.Node{countAtLeast([]*graph.Node{asBits(x)}, t)}
	})
	if err != nil {
		b.Fatal(err)
	}
	sets := scoreSets(n, max(2, min(16, 4_000_000/n)))
	var xs []*tensors.Tensor
	for _, s := range sets {
		x := tensors.FromFlatDataAndDimensions(s, n)
		if err := x.MaterializeOnDevice(backend, false, 0); err != nil {
			b.Fatal(err)
		}
		xs = append(xs, x)
	}
	start := tensors.FromScalar(int32(0))
	passes, sampled, among, i, memory := 0, 0, 0, 0, time.Duration(0)
	step := func() {
		x := xs[i%len(xs)]
		out, err := exec.Call(x, start)
		if err != nil {
			b.Fatal(err)
		}
		if len(out) > 2 {
			sampled += int(tensors.ToScalar[int32](out[2]))
			among += int(tensors.ToScalar[int32](out[3]))
		}
		start, passes, i = tensors.FromScalar(tensors.ToScalar[int32](out[0])), passes+int(tensors.ToScalar[int32](out[1])), i+1
	}
	for range 2 * len(xs) {
		step()
	}
	passes, sampled, among, i = 0, 0, 0, 0
	fastest := time.Duration(math.MaxInt64)
	for b.Loop() {
		begin := time.Now()
		step()
		fastest = min(fastest, time.Since(begin))
	}
	memory = math.MaxInt64
	for k := range 20 {
		begin := time.Now()
		out, err := once.Call(xs[k%len(xs)], start)
		if err != nil {
			b.Fatal(err)
		}
		tensors.ToScalar[int32](out[0])
		memory = min(memory, time.Since(begin))
	}
	b.ReportMetric(float64(passes)/float64(i), "passes/op")
	b.ReportMetric(float64(sampled)/float64(i), "sampled/op")
	b.ReportMetric(float64(among)/float64(i), "among/op")
	b.ReportMetric(float64(fastest.Nanoseconds())/1e3, "min-us")
	b.ReportMetric(float64(memory.Nanoseconds())/1e3, "onepass-us")
}
