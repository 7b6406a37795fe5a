package kernel

import (
	"fmt"
	"testing"

	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// TestCallBytes: a call into a GEMV kernel reads at most callBytes of weights,
// whole slabs of them.
func TestCallBytes(t *testing.T) {
	for _, ty := range WeightTypes {
		if f := pack.Lookup(ty); !ty.Quantised() {
			if n := callBytes / (Slab / f.Channels * f.Size); n < 1 {
				t.Errorf("%s: no whole slab in a call", ty)
			}
			continue
		}
		k := int64(64 * Slab)
		size, err := pack.P16.Size(ty, []int64{16}, k)
		if err != nil {
			t.Fatal(err)
		}
		w, err := NewWeight(ty, P16, []int64{16}, k, make([]byte, size))
		if err != nil {
			t.Fatal(err)
		}
		n := w.callRecords()
		if bytes := n * w.run.Size; bytes > callBytes || n%recordsPerSlab(w.run) != 0 || n < 1 {
			t.Errorf("%s: %d records in a call, %d bytes", ty, n, bytes)
		}
	}
}

// TestManyCalls: the bits do not depend on how many calls a panel takes.
func TestManyCalls(t *testing.T) {
	defer func(n int) { callBytes = n }(callBytes)
	const k = 4*Slab + 64
	for _, ty := range WeightTypes {
		if ty == tensor.Q4_K || ty == tensor.Q5_K || ty == tensor.Q6_K {
			continue // whole slabs only, see below
		}
		t.Run(ty.String(), func(t *testing.T) { manyCalls(t, ty, k) })
	}
	for _, ty := range []tensor.Type{tensor.Q4_K, tensor.Q5_K, tensor.Q6_K} {
		t.Run(ty.String(), func(t *testing.T) { manyCalls(t, ty, 5*Slab) })
	}
}

func manyCalls(t *testing.T, ty tensor.Type, k int) {
	r := rng(uint64(ty) + 5)
	w := forms(t, ty, []int64{40}, int64(k), randomWeight(r, ty, 40, int64(k)))[P16]
	for _, s := range []int{1, 3, 6, 11, 16} {
		x := plainAct(t, r, s, k)
		for _, elem := range []Elem{F32, I8} {
			if elem == I8 && !ty.Quantised() {
				continue
			}
			in := relayout(t, x, C4)
			if elem == I8 {
				in = quantised(t, x, C4)
			}
			want := outputs(t, &w, s)
			run(t, &Matmul{W: &w, X: in, Out: want})
			for _, tier := range Available() {
				for _, bytes := range []int{1, 10 << 10, 256 << 10} {
					callBytes = bytes
					out := outputs(t, &w, s)
					run(t, &Matmul{Tier: tier, W: &w, X: in, Out: out})
					sameBits(t, fmt.Sprintf("%s %s, %d tokens, %d bytes a call, %s", ty, elem, s, bytes, tier), &out[0], &want[0])
				}
			}
		}
	}
}
