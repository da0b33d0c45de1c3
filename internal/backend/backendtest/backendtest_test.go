package backendtest

import (
	"os"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

func TestEachMultiplies(t *testing.T) {
	Each(t, func(t *testing.T, b compute.Backend) {
		t.Run("two matrices", func(t *testing.T) {
			got, err := graph.ExecOnce(b, func(x, y *graph.Node) *graph.Node { return graph.Dot(x, y).Product() },
				[][]float32{{1, 2}, {3, 4}}, [][]float32{{5, 6}, {7, 8}})
			if err != nil {
				t.Fatal(err)
			}
			v := got.Value().([][]float32)
			want := [][]float32{{19, 22}, {43, 50}}
			for i := range want {
				for j := range want[i] {
					if v[i][j] != want[i][j] {
						t.Fatalf("on %s: %v, want %v", os.Getenv(EnvOne), v, want)
					}
				}
			}
		})
	})
}
