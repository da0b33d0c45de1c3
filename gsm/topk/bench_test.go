package topk

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gsmlab/internal/pjrt/backendtest"
)

// scoreSets makes several vectors like the scores of successive steps: heavy-tailed, a third
// exactly zero. Each weight has a size that stays, and much of each score is new.
func scoreSets(n, sets int) [][]float32 {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	// With 25 million scores, drawing from a table costs a tenth of drawing from the distribution.
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

// BenchmarkThreshold measures the search alone, started each time from the threshold of the step
// before:
//
//	GSM_TEST_BACKEND=xla:cpu go test -run '^$' -bench Threshold ./gsm/topk
//
// "onepass" is the same graph with one pass over the scores and nothing else. "read" is how often
// the loops read all scores; parts of the scores count by their size.
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
		found := Greatest([]*graph.Node{x}, q, start)
		if found.sampled == nil {
			return []*graph.Node{found.Threshold, found.Passes}
		}
		return []*graph.Node{found.Threshold, found.Passes, found.sampled, found.among}
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
	passes, sampled, among, i := 0, 0, 0, 0
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
	onePass := func() {
		out, err := once.Call(xs[i%len(xs)], start)
		if err != nil {
			b.Fatal(err)
		}
		tensors.ToScalar[int32](out[0])
	}
	onePass()
	// Taken in turn, so that other work on a shared machine disturbs both alike.
	var search, memory []time.Duration
	for b.Loop() {
		begin := time.Now()
		step()
		search = append(search, time.Since(begin))
		begin = time.Now()
		onePass()
		memory = append(memory, time.Since(begin))
	}
	slices.Sort(search)
	slices.Sort(memory)
	b.ReportMetric(float64(passes)/float64(i), "passes/op")
	// The sample and the picked scores are read again and again too; they count by their share of
	// all.
	read := float64(passes) + float64(sampled)*sampleRun/sampleOf + float64(among)*2/float64(pickRows(n))
	b.ReportMetric(read/float64(i), "read/op")
	b.ReportMetric(float64(search[0].Nanoseconds())/1e3, "min-us")
	b.ReportMetric(float64(memory[0].Nanoseconds())/1e3, "onepass-us")
	b.ReportMetric(float64(search[len(search)/2])/float64(memory[len(memory)/2]), "median-ratio")
}
