package display

import (
	"context"
	"errors"
	"testing"
)

// kernel/engine/testdata/display.txtar tests the calls in a cell.
func TestOutsideOfAKernel(t *testing.T) {
	if InKernel() || Context() != context.Background() {
		t.Errorf("InKernel %v, Context %v in a test", InKernel(), Context())
	}
	Clear(true)
	if _, err := Input("name? "); !errors.Is(err, ErrNoInput) {
		t.Errorf("Input: %v, want %v", err, ErrNoInput)
	}
	if _, err := Password("word? "); !errors.Is(err, ErrNoInput) {
		t.Errorf("Password: %v, want %v", err, ErrNoInput)
	}
}
