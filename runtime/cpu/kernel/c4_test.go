package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
)

// TestRunsOfC4 moves runs of every length to and from every offset: what a tier
// does in groups of 4 channels must touch the run and nothing else.
func TestRunsOfC4(t *testing.T) {
	for _, tier := range Available() {
		if vectorTier(tier) == Generic {
			continue
		}
		for _, s := range []int{2, 4, 5} {
			for _, c := range []int{6, 64, 250, 256, 259, 318, 530} {
				whole := relayout(t, plainAct(t, rng(uint64(c)), s, c), C4)
				for k := range c {
					if k >= 20 && (k < 240 || k > 272) && k < c-20 {
						continue
					}
					for _, n := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 14, 18, 33, 64, 257, 300} {
						if k+n > c {
							break
						}
						what := fmt.Sprintf("%s [%d, %d]: %d channels from %d", tier, s, c, n, k)
						got, want := make([]float32, n+1), make([]float32, n+1)
						getVec(&whole, got[:n], s-1, k)
						whole.getRun(want[:n], s-1, k)
						for i := range want {
							if got[i] != want[i] {
								t.Fatalf("%s: read %v at %d, want %v", what, got[i], i, want[i])
							}
						}
						a, b := newAct(t, F32, C4, s, c), newAct(t, F32, C4, s, c)
						putVec(&a, s-1, k, got[:n])
						b.putRun(s-1, k, want[:n])
						if !slices.EqualFunc(a.F, b.F, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) }) {
							t.Fatalf("%s: stored elsewhere", what)
						}
					}
				}
			}
		}
	}
}

// TestWidthsOfEveryResidue: every op that writes c4 writes the bits of the
// generic tier's plain output, whatever the width leaves when it is divided by
// 4 and 16, and wherever a head begins.
func TestWidthsOfEveryResidue(t *testing.T) {
	// Widths of every residue around a slab's border and below a group.
	var widths []int
	for c := 1; c <= 17; c++ {
		widths = append(widths, c)
	}
	for c := 248; c <= 273; c++ {
		widths = append(widths, c)
	}
	for _, c := range widths {
		w := gauss(rng(uint64(c)), c)
		for _, s := range []int{1, 3, 4, 6} {
			r := rng(uint64(100*c + s))
			x, y := plainAct(t, r, s, c), plainAct(t, r, s, c)
			for name, op := range map[string]func(tier Tier, out Act) Task{
				"rms_norm": func(tier Tier, out Act) Task {
					return &RMSNorm{Tier: tier, X: x, Out: out, Weight: w, Dim: c, Eps: 1e-5}
				},
				"add_rms_norm": func(tier Tier, out Act) Task {
					return &AddRMSNorm{Tier: tier, A: x, B: y, Sum: newAct(t, F32, Plain, s, c), Out: out, Weight: w, Dim: c, Eps: 1e-5}
				},
				"gated_act silu": func(tier Tier, out Act) Task {
					return &GatedAct{Tier: tier, F: Silu, Gate: x, Up: y, Out: out}
				},
				"gated_act gelu": func(tier Tier, out Act) Task {
					return &GatedAct{Tier: tier, F: GeluTanh, Gate: x, Up: y, Out: out}
				},
			} {
				want := newAct(t, F32, Plain, s, c)
				run(t, op(Generic, want))
				for _, tier := range Available() {
					c4 := newAct(t, F32, C4, s, c)
					run(t, op(tier, c4))
					what := fmt.Sprintf("%s %s [%d, %d]", name, tier, s, c)
					sameBits(t, what, &c4, &want)
					sameI8All(t, what, tier, want, c4)
				}
			}
		}
	}
}

// sameI8All quantises plain and c4 forms of one activation in a tier and compares
// with the generic tier.
func sameI8All(t *testing.T, what string, tier Tier, plain, c4 Act) {
	t.Helper()
	for _, l := range []Layout{Plain, C4} {
		want := quantised(t, plain, l)
		out := newAct(t, I8, l, plain.S, plain.C)
		run(t, &QuantizeAct{Tier: tier, X: plain, Out: out})
		sameI8(t, what+", quantised", out, want)
		if l == C4 {
			out := newAct(t, I8, l, plain.S, plain.C)
			run(t, &QuantizeAct{Tier: tier, X: c4, Out: out})
			sameI8(t, what+", quantised from c4", out, want)
		}
	}
}

// TestHeadsOfEveryDim: attention of heads of every dim up to 20, so with heads
// that begin at every offset, in every tier, layout, tiled and split.
func TestHeadsOfEveryDim(t *testing.T) {
	for d := 1; d <= 20; d++ {
		for i, c := range []attentionCase{
			{codec.F32, 3, 2, d, 0, 5, 0},   // tiled
			{codec.F16, 3, 1, d, 254, 4, 0}, // over two chunks
			{codec.F32, 1, 9, d, 300, 2, 0}, // split and merged
			{codec.F16, 2, 3, d, 13, 6, 7},  // windowed
		} {
			if testing.Short() && i%2 != d%2 {
				continue
			}
			cache := filled(t, c, c.start+c.s)
			q := plainAct(t, rng(uint64(d)), c.s, c.kvHeads*c.g*c.d)
			want := attend(t, Generic, c, cache, q, Plain)
			for _, tier := range Available() {
				for _, l := range []Layout{Plain, C4} {
					out := attend(t, tier, c, cache, q, l)
					what := fmt.Sprintf("%+v %s %s", c, tier, l)
					sameBits(t, what, &out, &want)
					out = attendTo(t, tier, c, cache, q, newAct(t, I8, l, c.s, q.C))
					sameI8(t, what, out, quantised(t, want, l))
				}
			}
		}
	}
}
