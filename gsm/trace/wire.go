// How records look as JSON, NaN and infinities included.

package trace

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// number is a float64 whose NaN and infinities survive JSON.
type number float64

// MarshalJSON writes finite numbers as numbers, others as strings.
func (n number) MarshalJSON() ([]byte, error) {
	f := float64(n)
	switch {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 1):
		return []byte(`"+Inf"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Inf"`), nil
	}
	return json.Marshal(f)
}

// UnmarshalJSON reads what MarshalJSON writes, and nothing else: a null or a
// "1.5" in a number's place is a fault in the file.
func (n *number) UnmarshalJSON(text []byte) error {
	switch string(text) {
	case `"NaN"`:
		*n = number(math.NaN())
		return nil
	case `"+Inf"`:
		*n = number(math.Inf(1))
		return nil
	case `"-Inf"`:
		*n = number(math.Inf(-1))
		return nil
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return fmt.Errorf("%.40s is not a number", text)
	}
	*n = number(f)
	return nil
}

// The wire types mirror the exported ones; they exist so that callers have
// plain float64 fields and the file has no NaN literals.

type wireHeader struct {
	Type           string      `json:"type"`
	Version        int         `json:"version"`
	Model          string      `json:"model"`
	Preset         string      `json:"preset,omitempty"`
	Backend        string      `json:"backend"`
	Seed           int64       `json:"seed"`
	Compression    number      `json:"compression"`
	Q              int         `json:"q"`
	Prunable       int         `json:"prunable"`
	BudgetS        number      `json:"budget_s"`
	BatchSize      int         `json:"batch_size,omitempty"`
	StepsPerEpoch  int         `json:"steps_per_epoch"`
	Every          int         `json:"every,omitempty"`
	Layers         []Layer     `json:"layers"`
	Stages         []StagePlan `json:"stages,omitzero"`
	HistogramEdges []number    `json:"histogram_edges,omitzero"`
	Command        string      `json:"command,omitempty"`
}

type wireStep struct {
	Type         string  `json:"type"`
	Stage        string  `json:"stage"`
	Step         int     `json:"step"`
	Epoch        number  `json:"epoch"`
	Loss         number  `json:"loss"`
	LearningRate number  `json:"learning_rate"`
	Threshold    *number `json:"threshold,omitempty"`
	Active       []int   `json:"active,omitzero"`
	Nonzero      []int   `json:"nonzero,omitzero"`
	Flips        *int64  `json:"flips,omitempty"`
	Reactivated  *int64  `json:"reactivated,omitempty"`
	Seconds      number  `json:"seconds,omitempty"`
}

type wireEval struct {
	Type     string `json:"type"`
	Stage    string `json:"stage"`
	Step     int    `json:"step"`
	Accuracy number `json:"accuracy"`
	Loss     number `json:"loss"`
	After    string `json:"after,omitempty"`
}

type wireMagnitude struct {
	Type      string `json:"type"`
	Stage     string `json:"stage"`
	Step      int    `json:"step"`
	Threshold number `json:"threshold"`
	Kept      []int  `json:"kept,omitzero"`
	MassBelow number `json:"mass_below"`
	Histogram []int  `json:"histogram,omitzero"`
}

type wireCut struct {
	Type           string `json:"type"`
	Stage          string `json:"stage"`
	Step           int    `json:"step"`
	Threshold      number `json:"threshold"`
	Kept           []int  `json:"kept,omitzero"`
	Q              int    `json:"q"`
	AccuracyBefore number `json:"accuracy_before"`
	AccuracyAfter  number `json:"accuracy_after"`
}

// encode returns the record's line without the newline.
func encode(rec Record) ([]byte, error) {
	switch r := rec.(type) {
	case Header:
		return json.Marshal(wireHeader{r.kind(), r.Version, r.Model, r.Preset, r.Backend, r.Seed,
			number(r.Compression), r.Q, r.Prunable, number(r.BudgetS), r.BatchSize, r.StepsPerEpoch,
			r.Every, r.Layers, r.Stages, convert[number](r.HistogramEdges), r.Command})
	case Step:
		return json.Marshal(wireStep{r.kind(), r.Stage, r.Step, number(r.Epoch), number(r.Loss),
			number(r.LearningRate), (*number)(r.Threshold), r.Active, r.Nonzero, r.Flips, r.Reactivated,
			number(r.Seconds)})
	case Eval:
		return json.Marshal(wireEval{r.kind(), r.Stage, r.Step, number(r.Accuracy), number(r.Loss), r.After})
	case Magnitude:
		return json.Marshal(wireMagnitude{r.kind(), r.Stage, r.Step, number(r.Threshold), r.Kept,
			number(r.MassBelow), r.Histogram})
	case Cut:
		return json.Marshal(wireCut{r.kind(), r.Stage, r.Step, number(r.Threshold), r.Kept, r.Q,
			number(r.AccuracyBefore), number(r.AccuracyAfter)})
	}
	return nil, fmt.Errorf("trace: %T is not a record: pass Header, Step, Eval, Magnitude or Cut by value", rec)
}

// decode parses one line. Unknown fields are ignored, so that later versions
// may add some; unknown types are errors.
func decode(line []byte) (Record, error) {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return nil, err
	}
	switch head.Type {
	case "header":
		var w wireHeader
		err := json.Unmarshal(line, &w)
		return Header{w.Version, w.Model, w.Preset, w.Backend, w.Seed, float64(w.Compression), w.Q,
			w.Prunable, float64(w.BudgetS), w.BatchSize, w.StepsPerEpoch, w.Every, w.Layers, w.Stages,
			convert[float64](w.HistogramEdges), w.Command}, err
	case "step":
		var w wireStep
		err := json.Unmarshal(line, &w)
		return Step{w.Stage, w.Step, float64(w.Epoch), float64(w.Loss), float64(w.LearningRate),
			(*float64)(w.Threshold), w.Active, w.Nonzero, w.Flips, w.Reactivated, float64(w.Seconds)}, err
	case "eval":
		// for what the line does not have
		w := wireEval{Accuracy: number(math.NaN()), Loss: number(math.NaN())}
		err := json.Unmarshal(line, &w)
		return Eval{w.Stage, w.Step, float64(w.Accuracy), float64(w.Loss), w.After}, err
	case "magnitude":
		var w wireMagnitude
		err := json.Unmarshal(line, &w)
		return Magnitude{w.Stage, w.Step, float64(w.Threshold), w.Kept, float64(w.MassBelow), w.Histogram}, err
	case "cut":
		var w wireCut
		err := json.Unmarshal(line, &w)
		return Cut{w.Stage, w.Step, float64(w.Threshold), w.Kept, w.Q, float64(w.AccuracyBefore), float64(w.AccuracyAfter)}, err
	case "":
		return nil, fmt.Errorf(`no "type" field`)
	}
	return nil, fmt.Errorf("unknown type %q, known are header, step, eval, magnitude and cut", head.Type)
}

// convert copies a slice of floats into another float type; nil stays nil.
func convert[T, F ~float64](in []F) []T {
	if in == nil {
		return nil
	}
	out := make([]T, len(in))
	for i, v := range in {
		out[i] = T(v)
	}
	return out
}
