package main

import (
	"strings"
	"testing"

	"gsmlab/models"
	"gsmlab/models/recipe/bench"
)

// TestTorchTrainsTheSameNetworks: startTorch refuses a network with another number of weights.
func TestTorchTrainsTheSameNetworks(t *testing.T) {
	if _, err := pythonWith("torch"); err != nil {
		if !strings.Contains(err.Error(), "apt install python3-torch") {
			t.Error(err)
		}
		t.Skip("PyTorch: ", err)
	}
	for _, name := range models.Names() {
		p, err := startTorch(bench.Case{Model: name, Compression: 10}, 2)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, gsm := range []bool{false, true} {
			if ms, err := p.Step(gsm); err != nil || !(ms > 0) {
				t.Errorf("%s: %g ms, %v", name, ms, err)
			}
		}
		p.Close()
	}
	p, err := startTorch(bench.Case{Model: "lenet-5", Compression: 10}, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.(torchTraining).time("adam"); err == nil || !strings.Contains(err.Error(), "KeyError: 'adam'") {
		t.Errorf("a question that it does not know: %v", err)
	}
}
