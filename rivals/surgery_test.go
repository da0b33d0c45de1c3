// Known answers of DNS, L-OBS, ExactOBS and SNIP, on layers small enough to solve exactly.

package rivals

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"gonum.org/v1/gonum/mat"

	"gsmlab/internal/pjrt/backendtest"
)

// TestSurgical: between 0.9 and 1.1 of the threshold a weight stays as it was, below it is off, and
// above on.
func TestSurgical(t *testing.T) {
	weights := []float32{0.89, -0.89, 0.9, 0.91, -1.09, 1.11, -1.11, 0}
	for _, before := range []bool{false, true} {
		mask := slices.Repeat([]bool{before}, len(weights))
		out, err := model.CallOnce(backendtest.Open(t), model.NewStore(), func(_ *model.Scope, w, m *graph.Node) *graph.Node { return surgical(w, m, 1) }, weights, mask)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tensors.CopyFlatData[bool](out)
		if err != nil {
			t.Fatal(err)
		}
		if want := []bool{false, false, false, before, before, true, true, false}; !slices.Equal(got, want) {
			t.Errorf("masks that were %v become %v, want %v", before, got, want)
		}
	}
}

// TestSpread: mean and deviation of |w|, over weights that are not zero, bias included.
func TestSpread(t *testing.T) {
	got := spreadOf([]float64{1, -3, 0}, []float64{2})
	if got.mean != 2 || math.Abs(got.deviation-math.Sqrt(2.0/3)) > 1e-12 {
		t.Errorf("spread %+v, want mean 2 and deviation %g", got, math.Sqrt(2.0/3))
	}
	if th := got.threshold(-100); th != 0 {
		t.Errorf("threshold %g, want 0: it is never negative", th)
	}
}

// TestRateOfSurgery: the c that it finds keeps as many weights as asked for.
func TestRateOfSurgery(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 1))
	weights := numbers{make([]float64, 500), make([]float64, 300)}
	var spreads []spread
	for i := range weights {
		for j := range weights[i] {
			weights[i][j] = draw.NormFloat64() * float64(i+1)
		}
		spreads = append(spreads, spreadOf(weights[i]))
	}
	c := surgery{}.rate(weights, spreads, 40)
	n := 0
	for i, l := range weights {
		for _, w := range l {
			if math.Abs(w) > dnsBelow*spreads[i].threshold(c) {
				n++
			}
		}
	}
	if n < 40 || n > 41 {
		t.Errorf("c = %g keeps %d weights, want 40", c, n)
	}
}

// problem is a linear layer of one unit: inputs, their mean x x^T, and weights.
func problem(n, samples int) (xs [][]float64, mean *mat.SymDense, w []float64) {
	draw := rand.New(rand.NewPCG(2, 7))
	mean = mat.NewSymDense(n, nil)
	for range samples {
		x, common := make([]float64, n), draw.NormFloat64()
		for i := range x {
			x[i] = draw.NormFloat64() + common // correlated
		}
		xs = append(xs, x)
		mean.SymRankOne(mean, 1/float64(samples), mat.NewVecDense(n, x))
	}
	for range n {
		w = append(w, draw.NormFloat64())
	}
	return xs, mean, w
}

// excess is the mean of (x^T (v - w))^2 over the inputs, divided by 2.
func excess(mean mat.Symmetric, v, w []float64) float64 {
	d := mat.NewVecDense(len(w), nil)
	for i := range w {
		d.SetVec(i, v[i]-w[i])
	}
	return mat.Inner(d, mean, d) / 2
}

// TestLOBSInverse: the closed form is what the authors' loop over samples gives.
func TestLOBSInverse(t *testing.T) {
	const n, samples = 6, 40
	xs, mean, _ := problem(n, samples)
	inverse := mat.NewDense(n, n, nil)
	for i := range n {
		inverse.Set(i, i, 1e6)
	}
	for _, values := range xs {
		x := mat.NewVecDense(n, values)
		var hx mat.VecDense
		hx.MulVec(inverse, x)
		inverse.RankOne(inverse, -1/(samples+mat.Dot(x, &hx)), &hx, &hx)
	}
	got, more := lobsInverse(mean)
	if more != 0 {
		t.Errorf("damped by %g more", more)
	}
	for i := range n {
		for j := range n {
			if a, b := got.At(i, j), inverse.At(i, j); math.Abs(a-b) > 1e-6 {
				t.Errorf("inverse at %d, %d: %g, sample by sample %g", i, j, a, b)
			}
		}
	}
}

// TestLOBSOneWeight: of a linear layer the surgery of one weight is exact: the others become what
// least squares without that weight gives, and the error is its score.
func TestLOBSOneWeight(t *testing.T) {
	const n = 6
	_, mean, w := problem(n, 40)
	inverse, _ := lobsInverse(mean)
	scores := lobsScores(w, inverse, layer{"/x/weights", []int{n, 1}})
	for q := range n {
		got := slices.Clone(w)
		surgeon(got, inverse, []int{q})
		var kept []int
		for i := range n {
			if i != q {
				kept = append(kept, i)
			}
		}
		want, err := solve(mean, w, kept)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if math.Abs(got[i]-want[i]) > 1e-4 {
				t.Errorf("without weight %d: %v, least squares %v", q, got, want)
				break
			}
		}
		if e := excess(mean, got, w); math.Abs(e-scores[q]) > 1e-4 {
			t.Errorf("without weight %d the error is %g, its score %g", q, e, scores[q])
		}
	}
}

// TestFollow: each step of ExactOBS removes the weight whose removal costs the least, the losses
// are those errors, and in the end the weights are those of least squares.
func TestFollow(t *testing.T) {
	const n = 7
	_, mean, w := problem(n, 50)
	hessian := mat.NewSymDense(n, nil)
	hessian.ScaleSym(2, mean)
	inverse, damping := invert(hessian)
	if damping != 0 {
		t.Fatalf("damped by %g", damping)
	}
	lower := make([][]float64, n)
	for i := range lower {
		for j := 0; j <= i; j++ {
			lower[i] = append(lower[i], inverse.At(i, j))
		}
	}
	got := follow(slices.Clone(w), lower)
	kept := make([]int, n)
	for i := range kept {
		kept[i] = i
	}
	now, total := slices.Clone(w), 0.0
	for step, q := range got.order {
		best, least := -1, math.Inf(1)
		for _, p := range kept {
			values, err := solve(hessian, w, without(kept, p))
			if err != nil {
				t.Fatal(err)
			}
			if e := excess(hessian, values, w); e < least {
				best, least = p, e
			}
		}
		if q != best {
			t.Fatalf("step %d removes weight %d, the cheapest is %d", step, q, best)
		}
		kept = without(kept, q)
		total += got.losses[step]
		if math.Abs(total-least) > 1e-9*(1+least) {
			t.Errorf("after step %d the losses add up to %g, the error is %g", step, total, least)
		}
		var err error
		if now, err = solve(hessian, w, kept); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Max(now) != 0 || len(got.order) != n {
		t.Errorf("%d weights went and %v are left, want all gone", len(got.order), now)
	}
}

func without(list []int, x int) []int {
	return slices.DeleteFunc(slices.Clone(list), func(y int) bool { return y == x })
}

// TestFollowIndependentInputs: where inputs are independent, ExactOBS is magnitude pruning.
func TestFollowIndependentInputs(t *testing.T) {
	w := []float64{0.5, -3, 0.1, 1}
	lower := [][]float64{{1}, {0, 1}, {0, 0, 1}, {0, 0, 0, 1}}
	got := follow(slices.Clone(w), lower)
	if want := []int{2, 0, 3, 1}; !slices.Equal(got.order, want) {
		t.Errorf("order %v, want %v", got.order, want)
	}
	for i, q := range got.order {
		if want := w[q] * w[q] / 2; math.Abs(got.losses[i]-want) > 1e-12 {
			t.Errorf("weight %d costs %g, want %g", q, got.losses[i], want)
		}
	}
}

// TestInvertSingular: a singular matrix is damped, and the damping is reported.
func TestInvertSingular(t *testing.T) {
	for _, h := range []*mat.SymDense{mat.NewSymDense(2, []float64{1, 1, 1, 1}), mat.NewSymDense(2, nil)} {
		inverse, damping := invert(h)
		if !(damping > 0) {
			t.Errorf("damping %g, want more than 0", damping)
		}
		if x := inverse.At(0, 0); math.IsNaN(x) || math.IsInf(x, 0) {
			t.Errorf("inverse %g", x)
		}
	}
	if _, damping := invert(mat.NewSymDense(2, []float64{2, 1, 1, 2})); damping != 0 {
		t.Errorf("a matrix that is not singular is damped by %g", damping)
	}
}

// TestSensitivity: |w dL/dw|.
func TestSensitivity(t *testing.T) {
	if got, want := sensitivity(numbers{{2, -3, 0}}, numbers{{0.5, 1, 9}}), []float64{1, 3, 0}; !slices.Equal(got[0], want) {
		t.Errorf("sensitivity %v, want %v", got[0], want)
	}
}
