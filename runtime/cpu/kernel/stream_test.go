package kernel

import (
	"fmt"
	"testing"
)

// TestMatmulStreams compares one token over so many channels that the kernels
// which run several slabs at once, or stream whole panels, take several turns and
// a rest.
func TestMatmulStreams(t *testing.T) {
	const k = 9*Slab + 256
	for _, ty := range WeightTypes {
		r := rng(uint64(ty) + 77)
		w := forms(t, ty, []int64{40}, k, randomWeight(r, ty, 40, k))[P16]
		x := plainAct(t, r, 1, k)
		for _, elem := range []Elem{F32, I8} {
			if elem == I8 && !ty.Quantised() {
				continue
			}
			for _, l := range []Layout{Plain, C4} {
				in := relayout(t, x, l)
				if elem == I8 {
					in = quantised(t, x, l)
				}
				want := outputs(t, &w, 1)
				run(t, &Matmul{W: &w, X: in, Out: want})
				for _, tier := range Available() {
					out := outputs(t, &w, 1)
					run(t, &Matmul{Tier: tier, W: &w, X: in, Out: out})
					sameBits(t, fmt.Sprintf("%s %s %s %s", ty, elem, l, tier), &out[0], &want[0])
				}
			}
		}
	}
}
