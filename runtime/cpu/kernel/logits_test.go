package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tessera-llm/tessera/internal/f32"
)

// TestLogits: maximum, exponentials and their log-sum are the same bits at every tier,
// those of their definitions, at every length and with what is no number among them.
func TestLogits(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 8))
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	lengths := []int{0, 1, 7, 8, 15, 16, 17, 31, 33, 100, expRun - 1, expRun, expRun + 17, vecRun - 1, vecRun + 40}
	for _, n := range lengths {
		for _, with := range [][]float32{nil, {-inf}, {nan}, {inf}, {-inf, nan}} {
			for _, inv := range []float32{1, 1.25, 0.5, 1e30, 1e-6} {
				row := make([]float32, n)
				for i := range row {
					if row[i] = 4 * float32(r.NormFloat64()); len(with) > 0 && r.IntN(9) == 0 {
						row[i] = with[r.IntN(len(with))]
					}
				}
				m := -inf
				for _, l := range row {
					if l > m {
						m = l
					}
				}
				top := float32(m * inv)
				e, lanes := make([]float32, n), [16]float32{}
				for i, l := range row {
					e[i] = f32.Exp(float32(l*inv) - top)
					lanes[i%16] += e[i]
				}
				lse := top + f32.Log(f32.Tree16(&lanes))
				for _, tier := range Available() {
					if got := Max(tier, row); got != m {
						t.Errorf("%v: the largest of %d with %v is %v, want %v", tier, n, with, got, m)
					}
					if got := LogSumExp(tier, row, inv); got != lse && (got == got || lse == lse) {
						t.Errorf("%v: the log-sum-exp of %d with %v at %v is %v, want %v", tier, n, with, inv, got, lse)
					}
					got := make([]float32, n)
					Exp(tier, got, row, inv, top)
					for i := range got {
						if got[i] != e[i] && (got[i] == got[i] || e[i] == e[i]) {
							t.Fatalf("%v: exp %d of %d, %v at %v, is %v, want %v", tier, i, n, row[i], inv, got[i], e[i])
						}
					}
				}
			}
		}
	}
}
