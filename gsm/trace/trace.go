// Package trace records what happened at each step of a GSM run as a stream
// of JSON lines, and reads such streams back.
//
// A trace file begins with one [Header] line. Every further line is one
// [Step], [Eval], [Magnitude] or [Cut]. Lines are written in the order in
// which things happen, so a file is always a readable prefix of the run:
//
//	{"type":"header","version":1,"model":"lenet300","q":4436,...}
//	{"type":"step","stage":"gsm","step":1,"epoch":0.004,"loss":0.03,...}
//	{"type":"eval","stage":"gsm","step":235,"accuracy":0.981,"loss":0.06}
//	{"type":"cut","stage":"gsm","step":18800,"threshold":0.013,...}
//
// JSON has no NaN and no infinities. Floats that are not finite are written
// as the strings "NaN", "+Inf" and "-Inf" and read back as what they were.
//
// The package does not depend on GoMLX: a reader of traces needs no backend.
package trace

import (
	"fmt"
	"math"
)

// Version is the format version that this package writes, and the newest one it reads.
const Version = 1

// The stages of a run, in the order in which they happen. Other names are
// allowed; AppendFrom orders them by their first appearance in the file.
const (
	StageBase   = "base"   // training the dense network
	StageGSM    = "gsm"    // training with global sparse momentum
	StageTicket = "ticket" // retraining the masked initial weights
)

// AfterCut is the value of Eval.After for an evaluation of the network that the final cut left.
const AfterCut = "cut"

// A Record is one line of a trace: a Header, Step, Eval, Magnitude or Cut (by value).
type Record interface {
	// kind is the value of the line's "type" field.
	kind() string
	// check reports counts that do not fit the header.
	check(h *Header) error
}

// Layer describes one prunable variable.
type Layer struct {
	Name     string `json:"name"`     // path of the variable
	Shape    []int  `json:"shape"`    // dimensions of the kernel
	Prunable int    `json:"prunable"` // number of weights, the product of Shape
}

// StagePlan says how long a stage is meant to be.
type StagePlan struct {
	Name  string `json:"name"`
	Steps int    `json:"steps"` // planned steps
}

// Header describes the run. It is the first line of a file and appears only there.
type Header struct {
	Version       int     // format version; 0 is written as Version
	Model         string  // model name, such as "lenet300"
	Preset        string  // name of the recipe, "" for none
	Backend       string  // backend that ran the steps, such as "xla:cpu"
	Seed          int64   // seed of the initial weights and the batch order
	Compression   float64 // C >= 1
	Q             int     // weights that stay active, int(Prunable/C)
	Prunable      int     // N, prunable weights of all layers together
	BudgetS       float64 // S, the sum of alpha*eta/(1-beta) over the planned GSM steps
	BatchSize     int     // examples in a step
	StepsPerEpoch int     // steps in an epoch
	Every         int     // a Step is recorded every Every steps; 0 or 1 means each one
	Layers        []Layer // prunable variables; all per-layer counts follow this order
	Stages        []StagePlan
	// HistogramEdges are the ascending bin edges of log10|w| of all Magnitude
	// records, nil when the run records no histograms.
	HistogramEdges []float64
	Command        string // command line that made the run, "" if unknown
}

// Step is one optimizer step. Nil pointers and nil slices were not measured;
// zero is a measured zero.
type Step struct {
	Stage        string   // StageBase, StageGSM, StageTicket or another name
	Step         int      // steps done in this stage, this one included; the first is 1
	Epoch        float64  // epochs done in this stage, fractional
	Loss         float64  // loss of the minibatch before the update
	LearningRate float64  // learning rate of the update
	Threshold    *float64 // Q-th greatest |w * dL/dw|
	Active       []int    // per layer: weights whose gradient passed (score >= Threshold)
	Nonzero      []int    // per layer: weights that are not exactly 0 after the step
	Flips        *int64   // weights whose activity differs from the previous step
	Reactivated  *int64   // flips from passive to active
	Seconds      float64  // wall time of the step; 0 means not measured
}

// Eval is an evaluation on the test set. 0 and NaN were not measured.
type Eval struct {
	Stage    string
	Step     int     // steps done in this stage
	Accuracy float64 // fraction of correct top-1 answers, 0 to 1
	Loss     float64 // mean loss
	After    string  // "" while training, AfterCut for the cut network
}

// Magnitude says what the final cut would do to the weights as they are now.
type Magnitude struct {
	Stage     string
	Step      int     // steps done in this stage
	Threshold float64 // Q-th greatest |w|
	Kept      []int   // per layer: weights that the cut would keep
	// MassBelow is the sum of |w| over the weights that the cut would drop,
	// divided by the sum of |w| over all prunable weights. It falls to 0 as
	// the passive weights collapse, and the cut changes nothing then.
	MassBelow float64
	// Histogram counts all prunable weights by log10|w|: len(HistogramEdges)+1
	// bins, the first of which holds what is below the first edge (zeros
	// included), the last what is at or above the last edge. Nil: not measured.
	Histogram []int
}

// Cut is the final magnitude cut. An accuracy of 0 or NaN was not measured: no
// network that is worth a cut is wrong about everything.
type Cut struct {
	Stage          string // stage whose weights were cut; "" is written as StageGSM
	Step           int    // steps done in that stage
	Threshold      float64
	Kept           []int // per layer: weights kept
	Q              int   // weights kept in all
	AccuracyBefore float64
	AccuracyAfter  float64
}

func (Header) kind() string    { return "header" }
func (Step) kind() string      { return "step" }
func (Eval) kind() string      { return "eval" }
func (Magnitude) kind() string { return "magnitude" }
func (Cut) kind() string       { return "cut" }

func (h Header) check(*Header) error {
	switch {
	case h.Version < 1:
		return fmt.Errorf("version %d: must be at least 1", h.Version)
	case h.Version > Version:
		return fmt.Errorf("version %d is newer than %d, the newest this program reads: update the program", h.Version, Version)
	case h.Q < 0 || h.Prunable < 0 || h.Q > h.Prunable:
		return fmt.Errorf("q %d of %d prunable weights: must be between 0 and all of them", h.Q, h.Prunable)
	}
	for _, l := range h.Layers {
		if l.Prunable < 0 {
			return fmt.Errorf("layer %q: prunable %d: must not be negative", l.Name, l.Prunable)
		}
	}
	for i, e := range h.HistogramEdges {
		// The negated comparison also refuses NaN.
		if math.IsInf(e, 0) || i > 0 && !(h.HistogramEdges[i-1] < e) || e != e {
			return fmt.Errorf("histogram edge %d is %v: edges must be finite and ascending", i, e)
		}
	}
	return nil
}

func (s Step) check(h *Header) error {
	if err := checkStage(s.Stage, s.Step); err != nil {
		return err
	}
	if err := checkCounts("active", s.Active, len(h.Layers)); err != nil {
		return err
	}
	return checkCounts("nonzero", s.Nonzero, len(h.Layers))
}

func (e Eval) check(*Header) error { return checkStage(e.Stage, e.Step) }

func (m Magnitude) check(h *Header) error {
	if err := checkStage(m.Stage, m.Step); err != nil {
		return err
	}
	if err := checkCounts("kept", m.Kept, len(h.Layers)); err != nil {
		return err
	}
	if m.Histogram != nil && len(h.HistogramEdges) == 0 {
		return fmt.Errorf("histogram without histogram_edges in the header")
	}
	return checkBins(m.Histogram, len(h.HistogramEdges)+1)
}

// Measured reports whether the accuracies before and after the cut were measured.
func (c Cut) Measured() (before, after bool) {
	return c.AccuracyBefore > 0, c.AccuracyAfter > 0 // NaN is not
}

func (c Cut) check(h *Header) error {
	if err := checkStage(c.Stage, c.Step); err != nil {
		return err
	}
	return checkCounts("kept", c.Kept, len(h.Layers))
}

func checkStage(stage string, step int) error {
	if stage == "" {
		return fmt.Errorf("stage is empty")
	}
	if step < 0 {
		return fmt.Errorf("step %d: must not be negative", step)
	}
	return nil
}

func checkCounts(what string, counts []int, layers int) error {
	if counts != nil && len(counts) != layers {
		return fmt.Errorf("%s has %d counts, the header has %d layers", what, len(counts), layers)
	}
	return checkNegative(what, counts)
}

func checkBins(counts []int, bins int) error {
	if counts != nil && len(counts) != bins {
		return fmt.Errorf("histogram has %d bins, the header's edges make %d", len(counts), bins)
	}
	return checkNegative("histogram", counts)
}

func checkNegative(what string, counts []int) error {
	for i, n := range counts {
		if n < 0 {
			return fmt.Errorf("%s[%d] is %d: must not be negative", what, i, n)
		}
	}
	return nil
}

// DefaultEdges returns edges for Header.HistogramEdges: log10|w| from -12 to 1
// in steps of a quarter. Trained weights lie near -2, collapsed ones below -4.
func DefaultEdges() []float64 {
	edges := make([]float64, 0, 53)
	for i := -48; i <= 4; i++ {
		edges = append(edges, float64(i)/4)
	}
	return edges
}

// AddHistogram counts the weights by log10|w| into counts, which must have
// len(edges)+1 elements (see Magnitude.Histogram). NaN counts as the last bin,
// so that the counts always sum to the number of weights.
func AddHistogram(counts []int, edges []float64, weights []float32) error {
	if len(counts) != len(edges)+1 {
		return fmt.Errorf("trace: histogram has %d bins, %d edges make %d", len(counts), len(edges), len(edges)+1)
	}
	// Comparing |w| with the powers of ten costs no logarithm per weight.
	bounds := make([]float64, len(edges))
	for i, e := range edges {
		bounds[i] = math.Pow(10, e)
	}
	for _, w := range weights {
		abs := math.Abs(float64(w))
		lo, hi := 0, len(bounds)
		for lo < hi {
			mid := int(uint(lo+hi) / 2)
			if abs < bounds[mid] {
				hi = mid
			} else {
				lo = mid + 1
			}
		}
		counts[lo]++
	}
	return nil
}
