package engine

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// median returns the median of durations, in milliseconds.
func median(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2].Microseconds()) / 1000
}

// BenchmarkCell times a warm cell, and reports the medians of its parts and what a cell costs the
// worker in memory: `go test -run XXX -bench Cell -benchtime 20x ./kernel/engine`.
func BenchmarkCell(b *testing.B) {
	for _, bench := range []struct{ name, first, cell string }{
		{"fmt", "x := 1", "x = x + %d; x"},
		{"gomlx", "a := tensors.FromValue([]float32{1, 2})\nfunc twice(x *graph.Node) *graph.Node { return graph.MulScalar(x, 2) }",
			"b%d := tensors.FromValue([]float32{1, 2, 3})\n_ = twice\na.Shape()"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			s := newTestSession(b)
			run := func(code string) {
				if err := s.Execute(context.Background(), code, &transcript{}); err != nil {
					b.Fatal(err)
				}
			}
			run(bench.first)
			for i := range 3 {
				run(fmt.Sprintf(bench.cell, 1000+i))
			}
			before := memory(s)
			var check, compile, link, load, ran, total []time.Duration
			n := 0
			for b.Loop() {
				start := time.Now()
				run(fmt.Sprintf(bench.cell, n))
				n++
				total = append(total, time.Since(start))
				t := s.Times()
				check, compile, link = append(check, t.Check), append(compile, t.Compile), append(link, t.Build-t.Compile)
				load, ran = append(load, t.Load), append(ran, t.Run)
			}
			for name, d := range map[string][]time.Duration{"check": check, "compile": compile, "link": link, "load": load, "run": ran, "total": total} {
				b.ReportMetric(median(d), name+"-ms")
			}
			after := memory(s)
			b.ReportMetric(float64(after[0]-before[0])/float64(n)/1024, "RSS-MB/cell")
			b.ReportMetric(float64(after[1]-before[1])/float64(n)/1024, "anon-MB/cell")
		})
	}
}

// memory returns the worker's resident and anonymous memory in KB, or zeros if /proc is missing.
func memory(s *Engine) (kb [2]int) {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.cmd.Process.Pid))
	for line := range strings.Lines(string(data)) {
		fmt.Sscanf(line, "VmRSS: %d", &kb[0])
		fmt.Sscanf(line, "RssAnon: %d", &kb[1])
	}
	return kb
}

// BenchmarkLook times look-ups, which need no build:
// `go test -run XXX -bench Look -benchtime 200x ./kernel/engine`.
func BenchmarkLook(b *testing.B) {
	s := newTestSession(b)
	run := func(code string) {
		if err := s.Execute(context.Background(), code, &transcript{}); err != nil {
			b.Fatal(err)
		}
	}
	run("x := 1\nm := map[string][]int{\"a\": {1, 2, 3}}\na := tensors.FromValue([]float32{1, 2})\nfunc f(n int) (int, error) { return n + x, nil }")
	for _, code := range []string{"x", "a.Shape()", "len(m)", `m["a"][2] + x`, "f(2)"} {
		b.Run(code, func(b *testing.B) {
			var check, total []time.Duration
			for b.Loop() {
				start := time.Now()
				run(code)
				total = append(total, time.Since(start))
				check = append(check, s.Times().Check)
			}
			b.ReportMetric(median(check), "check-ms")
			b.ReportMetric(median(total), "total-ms")
			b.ReportMetric(float64(slices.Max(total).Microseconds())/1000, "max-ms")
		})
	}
}

// BenchmarkAgain times a cell that ran before:
// `go test -run XXX -bench Again -benchtime 50x ./kernel/engine`.
func BenchmarkAgain(b *testing.B) {
	s := newTestSession(b)
	run := func(code string) {
		if err := s.Execute(context.Background(), code, &transcript{}); err != nil {
			b.Fatal(err)
		}
	}
	run("x := 1")
	run("x = x + 1; x")
	var first, total []time.Duration
	for b.Loop() {
		start := time.Now()
		run("x = x + 1; x")
		total = append(total, time.Since(start))
		first = append(first, s.times.Check+s.times.Build+s.times.Load)
	}
	b.ReportMetric(median(first), "to-first-statement-ms")
	b.ReportMetric(median(total), "total-ms")
}
