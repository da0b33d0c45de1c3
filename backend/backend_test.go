package backend

import (
	"context"
	"strings"
	"testing"
)

func TestOpenTwiceIsOne(t *testing.T) {
	a, info, err := Open(context.Background(), "go", nil)
	if err != nil || info.Spec != "go" {
		t.Fatal(info, err)
	}
	b, _, err := Open(context.Background(), " go ", nil)
	if err != nil || b != a {
		t.Errorf("another backend the second time (%v)", err)
	}
	a.Finalize()
	b, _, err = Open(context.Background(), "go", nil)
	if err != nil || b == a || b.IsFinalized() {
		t.Errorf("a finalized backend was returned (%v)", err)
	}
	b.Finalize()
	if _, _, err := Open(context.Background(), "nonsense", nil); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("nonsense: %v", err)
	}
}
