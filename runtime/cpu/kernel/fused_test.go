package kernel

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"unsafe"
)

// memory is everything an i8 activation made by newAct holds, planes and gaps.
func memory(a *Act) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&a.Q[0])), Bytes(a.Elem, a.Layout, a.S, a.C))
}

// TestFusedQuantisation: an op that writes int8 writes, in every byte of every
// plane, what QuantizeAct makes of the same op's f32, at every tier.
func TestFusedQuantisation(t *testing.T) {
	type fused struct {
		name string
		task func(tier Tier, x, y, out Act) Task
	}
	norm := func(dim int) fused {
		w := gauss(rng(3), dim)
		return fused{fmt.Sprintf("rms_norm %d", dim), func(tier Tier, x, _, out Act) Task {
			return &RMSNorm{Tier: tier, X: x, Out: out, Weight: w, Dim: dim, Eps: 1e-5}
		}}
	}
	addNorm := func(dim int) fused {
		w := gauss(rng(4), dim)
		return fused{fmt.Sprintf("add_rms_norm %d", dim), func(tier Tier, x, y, out Act) Task {
			sum := newAct(t, F32, Plain, x.S, x.C)
			return &AddRMSNorm{Tier: tier, A: x, B: y, Sum: sum, Out: out, Weight: w, Dim: dim, Eps: 1e-5}
		}}
	}
	gate := func(f *Activation) fused {
		return fused{fmt.Sprintf("gated_act %s", f), func(tier Tier, x, y, out Act) Task {
			return &GatedAct{Tier: tier, F: f, Gate: x, Up: y, Out: out}
		}}
	}
	for _, c := range []int{32, 96, 256, 300, 640, 1536} {
		ops := []fused{norm(c), addNorm(c), gate(Silu), gate(GeluTanh)}
		if c == 1536 {
			ops = append(ops, norm(512), addNorm(96), norm(384)) // runs beside, in and across slabs
		}
		for _, s := range []int{1, 2, 3, 4, 5, 8, 13} {
			r := rng(uint64(c*100 + s))
			x, y := plainAct(t, r, s, c), plainAct(t, r, s, c)
			x.F[len(x.F)-1] = 1e4
			if s > 2 {
				x.F[2*c+c/2], x.F[c+7] = float32(math.NaN()), float32(math.Inf(1))
			}
			for _, op := range ops {
				f32 := newAct(t, F32, Plain, s, c)
				run(t, op.task(Generic, x, y, f32))
				for _, l := range []Layout{Plain, C4} {
					want := quantised(t, f32, l)
					for _, tier := range Available() {
						got, whole := newAct(t, I8, l, s, c), newAct(t, I8, l, s, c)
						run(t, op.task(tier, x, y, got))
						all := op.task(tier, x, y, whole)
						if err := all.Prepare(); err != nil {
							t.Fatal(err)
						}
						all.Run(0, all.Items(), AlignedBytes(all.Scratch()))
						for _, a := range []*Act{&got, &whole} {
							if g, w := memory(a), memory(&want); !bytes.Equal(g, w) {
								i := 0
								for g[i] == w[i] {
									i++
								}
								t.Fatalf("%s C=%d S=%d %s %s: byte %d of %d is %#x, want %#x", op.name, c, s, tier, l, i, len(g), g[i], w[i])
							}
						}
					}
				}
			}
		}
	}
}

// The sum of a norm that writes int8 is stored as that of one that writes f32.
func TestFusedSum(t *testing.T) {
	for _, s := range []int{1, 4, 7} {
		r := rng(uint64(s))
		x, y, w := plainAct(t, r, s, 320), plainAct(t, r, s, 320), gauss(r, 320)
		want := newAct(t, F32, Plain, s, 320)
		run(t, &Add{A: x, B: y, Out: want})
		for _, tier := range Available() {
			a := FromF32(append([]float32(nil), x.F...), s, 320) // also in place
			run(t, &AddRMSNorm{Tier: tier, A: a, B: y, Sum: a, Out: newAct(t, I8, C4, s, 320), Weight: w, Dim: 320, Eps: 1e-5})
			sameBits(t, "sum", &a, &want)
		}
	}
}
