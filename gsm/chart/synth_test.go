package chart

import (
	"math"
	"math/rand/v2"

	"gsmlab/gsm/trace"
)

// synth makes a trace that looks like a GSM run: a base stage, then a GSM stage. There the
// threshold falls, the mask settles and the passive weights collapse. It records each every-th
// step.
func synth(layers []trace.Layer, stepsPerEpoch, baseEpochs, gsmEpochs, every int) *trace.Run {
	rng := rand.New(rand.NewPCG(1, 2))
	h := trace.Header{Version: 1, Model: "lenet300", Preset: "quick", Backend: "xla:cpu", Seed: 1, Compression: 60, BudgetS: 9.38,
		BatchSize: 256, StepsPerEpoch: stepsPerEpoch, Every: every, Layers: layers, HistogramEdges: trace.DefaultEdges(),
		Command: "gsm prune lenet300 --compress 60 --seed 1"}
	for _, l := range layers {
		h.Prunable += l.Prunable
	}
	h.Q = h.Prunable / 60
	run := &trace.Run{Header: h}
	noise := func(s float64) float64 { return math.Exp(s * rng.NormFloat64()) }
	for stage, epochs := range []int{baseEpochs, gsmEpochs} {
		name := []string{trace.StageBase, trace.StageGSM}[stage]
		total := epochs * stepsPerEpoch
		for step := 1; step <= total; step++ {
			t := float64(step) / float64(total)
			rate := 0.03 * math.Min(1, float64(step)/float64(5*stepsPerEpoch))
			for _, m := range []float64{0.75, 0.875} {
				if t > m {
					rate /= 10
				}
			}
			loss := (0.02 + 2.3*math.Exp(-40*t)) * noise(0.3)
			accuracy := 0.982 - 0.06*math.Exp(-8*t) - 0.8*math.Exp(-80*t) + 0.0008*rng.NormFloat64()
			if stage == 1 {
				loss = (0.03 + 0.01*t + 0.2*math.Exp(-60*t)) * noise(0.4)
				accuracy = 0.980 + 0.002*t + 0.0006*rng.NormFloat64()
			}
			if step%every == 0 {
				s := trace.Step{Stage: name, Step: step, Epoch: float64(step) / float64(stepsPerEpoch), Loss: loss, LearningRate: rate, Seconds: 0.003}
				if stage == 1 {
					s.Threshold = new(3e-5 * math.Exp(-5*t) * noise(0.5))
					flips := int64(float64(h.Q) * (0.02 + 0.8*math.Exp(-6*t)) * noise(0.2))
					if t > 0.875 && rng.Float64() < 0.1 {
						flips = 0
					}
					s.Flips, s.Reactivated = new(flips), new(flips/2)
					s.Active = synthCounts(layers, h.Q, t, noise(0.1))
				}
				run.Steps = append(run.Steps, s)
			}
			if step%stepsPerEpoch == 0 {
				run.Evals = append(run.Evals, trace.Eval{Stage: name, Step: step, Accuracy: accuracy, Loss: 0.06 + 0.3*math.Exp(-20*t)})
			}
			if stage == 1 && step%(5*stepsPerEpoch) == 0 {
				run.Magnitudes = append(run.Magnitudes, synthMagnitude(h, name, step, t, rng))
			}
		}
	}
	last := run.Evals[len(run.Evals)-1]
	run.Cuts = []trace.Cut{{Stage: last.Stage, Step: last.Step, Threshold: 0.012, Kept: synthCounts(layers, h.Q, 1, 1), Q: h.Q,
		AccuracyBefore: last.Accuracy, AccuracyAfter: last.Accuracy - 0.0001}}
	run.Evals = append(run.Evals, trace.Eval{Stage: last.Stage, Step: last.Step, Accuracy: last.Accuracy - 0.0001, Loss: 0.065, After: trace.AfterCut})
	return run
}

// synthCounts shares q among the layers, more densely in the small ones.
func synthCounts(layers []trace.Layer, q int, t, noise float64) []int {
	weight := make([]float64, len(layers))
	sum := 0.0
	for i, l := range layers {
		weight[i] = math.Pow(float64(l.Prunable), 1-0.4*t*noise) * (1 + 0.3*t*math.Sin(float64(i)))
		sum += weight[i]
	}
	counts := make([]int, len(layers))
	for i, l := range layers {
		counts[i] = min(int(float64(q)*weight[i]/sum), l.Prunable)
	}
	return counts
}

func synthMagnitude(h trace.Header, stage string, step int, t float64, rng *rand.Rand) trace.Magnitude {
	counts := make([]int, len(h.HistogramEdges)+1)
	weights := make([]float32, 20000)
	for i := range weights {
		w := rng.NormFloat64() * 0.05
		if i%60 != 0 {
			w *= math.Exp(-9 * t)
		} else {
			w = math.Copysign(0.03+0.1*math.Abs(rng.NormFloat64()), w)
		}
		weights[i] = float32(w)
	}
	if err := trace.AddHistogram(counts, h.HistogramEdges, weights); err != nil {
		panic(err)
	}
	return trace.Magnitude{Stage: stage, Step: step, Threshold: 0.012, Kept: synthCounts(h.Layers, h.Q, t, 1), MassBelow: math.Exp(-9 * t), Histogram: counts}
}

func lenet300() []trace.Layer {
	return []trace.Layer{
		{Name: "/lenet300/fc1/weights", Shape: []int{784, 300}, Prunable: 235200},
		{Name: "/lenet300/fc2/weights", Shape: []int{300, 100}, Prunable: 30000},
		{Name: "/lenet300/fc3/weights", Shape: []int{100, 10}, Prunable: 1000},
	}
}

// deep is a network of n layers, as many as a ResNet may have.
func deep(n int) []trace.Layer {
	var layers []trace.Layer
	for i := range n {
		c := 16 << (3 * i / n)
		layers = append(layers, trace.Layer{Name: "/resnet56/stage_" + string(rune('1'+3*i/n)) + "/block_" + string(rune('a'+i%26)) + "/conv_1/weights",
			Shape: []int{3, 3, c, c}, Prunable: 9 * c * c})
	}
	return layers
}
