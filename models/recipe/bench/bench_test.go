package bench

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gsmlab/internal/pjrt/backendtest"
	"gsmlab/models/data"
)

func TestRun(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		calls := 0
		o := Options{Cases: []Case{{"lenet-300-100", 60}}, Batch: 8, Pairs: 3, WarmUp: 2,
			Progress: func(model string, done, total int) {
				calls++
				if model != "lenet-300-100" || done != calls || total != 5 {
					t.Errorf("progress %s %d/%d after %d calls", model, done, total, calls)
				}
			}}
		rows, err := Run(context.Background(), b, o)
		if err != nil || len(rows) != 1 || calls != 5 {
			t.Fatalf("%+v, %v, %d calls", rows, err, calls)
		}
		r := rows[0]
		if r.Model != "lenet-300-100" || r.Batch != 8 || r.Pairs != 3 || r.Data != "synthetic" || !(r.SGDms > 0 && r.GSMms > 0 && r.Ratio > 0) {
			t.Errorf("row %+v", r)
		}
		raw, _ := json.Marshal(r)
		var keys map[string]any
		if err := json.Unmarshal(raw, &keys); err != nil {
			t.Fatal(err)
		}
		for _, k := range []string{"model", "batch", "sgd_ms", "gsm_ms", "ratio"} {
			if _, ok := keys[k]; !ok {
				t.Errorf("%s lacks %q", raw, k)
			}
		}

		ctx, cancel := context.WithCancel(context.Background())
		o.Progress = func(string, int, int) { cancel() }
		if _, err := Run(ctx, b, o); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		for want, bad := range map[string]Options{
			"lenet-6":     {Cases: []Case{{"lenet-6", 2}}, Batch: 1},
			"Pairs -1":    {Pairs: -1},
			"compression": {Cases: []Case{{"lenet-300-100", 0.5}}, Batch: 1},
		} {
			if _, err := Run(context.Background(), b, bad); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, want)
			}
		}
	})
}

// peer takes made-up steps and notes them.
type peer struct {
	steps  []bool
	closed bool
}

func (p *peer) Step(gsm bool) (float64, error) {
	p.steps = append(p.steps, gsm)
	if gsm {
		return 3e6, nil
	}
	return 2e6, nil
}

func (p *peer) Close() { p.closed = true }

func TestRunBesidePyTorch(t *testing.T) {
	p := new(peer)
	o := Options{Cases: []Case{{"mlp-digits", 20}}, Batch: 4, Pairs: 2, WarmUp: 1, PyTorch: func(c Case, batch int) (Peer, error) {
		if c != (Case{"mlp-digits", 20}) || batch != 4 {
			t.Errorf("asked for %v, batch %d", c, batch)
		}
		return p, nil
	}}
	b := backendtest.Open(t)
	rows, err := Run(context.Background(), b, o)
	if err != nil {
		t.Fatal(err)
	}
	r := rows[0]
	if !slices.Equal(p.steps, []bool{false, true, false, true, false, true}) || !p.closed || r.PyTorchSGDms != 2e6 || r.PyTorchGSMms != 3e6 {
		t.Errorf("steps %v, closed %v, row %+v", p.steps, p.closed, r)
	}
	if !(r.OverPyTorch > 0 && r.OverPyTorch < 1) { // no step of ours takes half an hour
		t.Errorf("ratio %g", r.OverPyTorch)
	}
	o.PyTorch = func(Case, int) (Peer, error) { return nil, errors.New("not here") }
	if _, err := Run(context.Background(), b, o); err == nil || err.Error() != "bench: mlp-digits: PyTorch: not here" {
		t.Error(err)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.x); got != c.want {
			t.Errorf("%v: %g, want %g", c.x, got, c.want)
		}
	}
}

func TestSynthetic(t *testing.T) {
	if err := Synthetic(100, 1, [3]int{32, 32, 3}, 10).Check(); err != nil {
		t.Error(err)
	}
}

// BenchmarkSteps is `gsm bench` without the command: go test -bench Steps -benchtime 1x
// ./models/recipe/bench. The metrics are those of the last run.
func BenchmarkSteps(b *testing.B) {
	backend := backendtest.Open(b)
	o := Options{}
	if split, err := data.MNIST(context.Background(), data.Options{}); err == nil {
		o.Train = split.Train
	}
	if os.Getenv("GSM_BENCH_SHORT") != "" {
		o.Pairs = 40
	}
	for _, c := range DefaultCases {
		b.Run(c.Model, func(b *testing.B) {
			o.Cases = []Case{c}
			var rows []Row
			for b.Loop() {
				var err error
				if rows, err = Run(context.Background(), backend, o); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(rows[0].SGDms, "sgd-ms")
			b.ReportMetric(rows[0].GSMms, "gsm-ms")
			b.ReportMetric(rows[0].Ratio, "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}
