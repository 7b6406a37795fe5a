package kernel

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
)

func digest(h hash.Hash, acts ...Act) {
	var b [4]byte
	for _, a := range acts {
		for s := range a.S {
			for c := range a.C {
				v := a.At(s, c)
				u := math.Float32bits(v)
				if v != v {
					u = 0x7fc00000
				}
				binary.LittleEndian.PutUint32(b[:], u)
				h.Write(b[:])
			}
		}
	}
}

// TestGolden digests the results of every op: the digest is the same on every
// architecture, at every GOAMD64 level and in every tier.
func TestGolden(t *testing.T) {
	const want = "b71948aa371ce9e7c81ec38253724457582cc66673a44abc9a5fb2e6940230ba"
	for _, tier := range Available() {
		h := sha256.New()
		r := rng(2026)
		for _, ty := range WeightTypes[:11] { // TestGoldenTypes has all of them
			w := forms(t, ty, []int64{20}, 512, randomWeight(r, ty, 20, 512))[P16]
			x := plainAct(t, r, 3, 512)
			for _, in := range []Act{x, quantised(t, x, C4)} {
				if in.Elem == I8 && !ty.Quantised() {
					continue
				}
				out := outputs(t, &w, 3)
				run(t, &Matmul{Tier: tier, W: &w, X: in, Out: out})
				digest(h, in, out[0])
			}
		}
		x, y := plainAct(t, r, 6, 320), plainAct(t, r, 6, 320)
		out, sum := newAct(t, F32, C4, 6, 320), newAct(t, F32, Plain, 6, 320)
		run(t, &AddRMSNorm{Tier: tier, A: x, B: y, Sum: sum, Out: out, Weight: gauss(r, 64), Dim: 64, Eps: 1e-5})
		digest(h, sum, out)
		for _, f := range []*Activation{Silu, GeluTanh} {
			run(t, &GatedAct{Tier: tier, F: f, Gate: x, Up: y, Out: out})
			digest(h, out)
		}
		tab := RopeTable{make([]float32, 6*32), make([]float32, 6*32), 32}
		inv := make([]float32, 32)
		for i := range inv {
			inv[i] = 1 / float32(1+i*i)
		}
		BuildRope(tab.Cos, tab.Sin, 1000, 6, inv, 1.25)
		run(t, &Rope{Tier: tier, X: x, Out: sum, HeadDim: 64, Dim: 64, Table: tab})
		digest(h, sum)
		for _, ty := range []*codec.Codec{codec.F32, codec.F16, codec.Q8_0} {
			c := attentionCase{ty, 1, 4, 64, 300, 5, 0}
			digest(h, attend(t, tier, c, filled(t, c, 305), plainAct(t, r, 5, 256), Plain))
		}
		k := &TopK{Tier: tier, Logits: x, K: 3, IDs: make([]int32, 18), Vals: make([]float32, 18), LSE: make([]float32, 6), LSETemp: make([]float32, 6), InvTemp: []float32{1, 1, 1, 1, 1, 1}}
		run(t, k)
		digest(h, FromF32(k.Vals, 6, 3), FromF32(k.LSE, 6, 1))
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("%s: digest %s, want %s", tier, got, want)
		}
	}
}
