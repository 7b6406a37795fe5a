package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

func channels(ty tensor.Type) []int64 {
	switch ty.BlockElems() {
	case 1:
		return []int64{1, 7, 67, 256, 300}
	case 32:
		return []int64{32, 96, 256, 352}
	}
	return []int64{256, 768}
}

// TestMatmulModel compares the generic tier with a float64 sum over the
// decoded operands. Bounds: float weights accumulate K roundings of relative size 2^-24;
// quantised weights have exact block sums, one rounding per block and slab;
// q4_k and q5_k add half a step of minq (1/16) times dmin*mn per block.
func TestMatmulModel(t *testing.T) {
	for _, ty := range WeightTypes {
		for _, k := range channels(ty) {
			for _, elem := range []Elem{F32, I8} {
				if elem == I8 && !ty.Quantised() {
					continue
				}
				r := rng(uint64(k) + uint64(ty)<<16)
				rows, s := []int64{21, 5}, 3
				src := randomWeight(r, ty, 26, k)
				w := forms(t, ty, rows, k, src)[P16]
				x := plainAct(t, r, s, int(k))
				if elem == I8 {
					x = quantised(t, x, Plain)
				}
				out := outputs(t, &w, s)
				run(t, &Matmul{W: &w, X: x, Out: out})
				row, _ := ty.RowBytes(k)
				dec := make([]float32, k)
				for n := range 26 {
					pack.DecodeRows(dec, src[int64(n)*row:][:row], ty)
					m, nn := 0, n
					if n >= 21 {
						m, nn = 1, n-21
					}
					for tok := range s {
						sum, abs := 0.0, 0.0
						for c := range dec {
							p := float64(dec[c]) * float64(x.At(tok, c))
							sum += p
							abs += math.Abs(p)
						}
						bound := abs * float64(k+16) * 0x1p-24
						if elem == I8 {
							bound = abs*40*0x1p-24 + minBound(&x, tok, ty, src[int64(n)*row:][:row])
						}
						got := float64(out[m].At(tok, nn))
						if math.Abs(got-sum) > bound {
							t.Fatalf("%s K=%d %s row %d token %d: %v, want %v within %v", ty, k, elem, n, tok, got, sum, bound)
						}
					}
				}
			}
		}
	}
}

// minBound is what the rounding of minq to 1/8 may cost: half an eighth of a
// unit of 2^-e per block, times the min, times the slab scale.
func minBound(x *Act, tok int, ty tensor.Type, row []byte) float64 {
	switch ty {
	case tensor.Q4_K, tensor.Q5_K, tensor.Q4_1, tensor.Q5_1:
	default:
		return 0
	}
	total := 0.0
	zero := make([]float32, 256)
	for s := 0; s*256 < x.C; s++ {
		g, lane, w := x.group(tok, s)
		base := float64(x.Base[g*w+lane])
		if ty == tensor.Q4_1 || ty == tensor.Q5_1 {
			// the min term is large beside the result: its own roundings
			for b := range min(8, (x.C-s*256)/32) {
				m := float64(pack.DecodeMin(row, ty, s*8+b))
				total += math.Abs(m*float64(x.BSum[(g*8+b)*w+lane])*base) * 40 * 0x1p-24
			}
			continue
		}
		pack.DecodeRows(zero, row[s*ty.BlockBytes():][:ty.BlockBytes()], ty)
		for b := range 8 {
			m := float64(pack.DecodeMin(row, ty, s*8+b))
			total += math.Abs(m)*base/16 + math.Abs(m*float64(x.BSum[(g*8+b)*w+lane])*base)*40*0x1p-24
		}
	}
	return total
}

// shape is a test case of the equality tests: members, K per block type and S.
var tokenCounts = []int{1, 2, 3, 4, 5, 64, 65}

// TestMatmulOneAnswer compares bits between packing forms, activation layouts,
// token counts, tile positions and member groupings, for every tier.
func TestMatmulOneAnswer(t *testing.T) {
	for _, ty := range WeightTypes {
		for ki, k := range channels(ty) {
			for _, elem := range []Elem{F32, I8} {
				if elem == I8 && !ty.Quantised() {
					continue
				}
				name := fmt.Sprintf("%s K=%d %s", ty, k, elem)
				r := rng(uint64(k)*31 + uint64(ty))
				rows := []int64{37, 50, 16} // no multiple of 16, of 48
				src := randomWeight(r, ty, 103, k)
				ws := forms(t, ty, rows, k, src)
				x := plainAct(t, r, 65, int(k))
				in := x
				if elem == I8 {
					in = quantised(t, x, Plain)
				}
				want := outputs(t, &ws[P16], 65)
				run(t, &Matmul{W: &ws[P16], X: in, Out: want})
				counts := tokenCounts
				if testing.Short() || ki%2 == 1 {
					counts = []int{1, 5}
				}
				for _, s := range counts {
					first := 65 - s // another tile position than in the whole
					part := FromF32(x.F[first*int(k):], s, int(k))
					for _, l := range []Layout{Plain, C4} {
						in := relayout(t, part, l)
						if elem == I8 {
							in = quantised(t, part, l)
						}
						for _, tier := range Available() {
							for f := range ws {
								if f == int(Rows) && s > 5 {
									continue
								}
								out := outputs(t, &ws[f], s)
								run(t, &Matmul{Tier: tier, W: &ws[f], X: in, Out: out})
								for m := range out {
									w := FromF32(want[m].F[first*want[m].C:], s, want[m].C)
									sameBits(t, fmt.Sprintf("%s S=%d %s %s %s member %d", name, s, l, tier, Form(f), m), &out[m], &w)
								}
							}
						}
					}
				}
			}
		}
	}
}

func TestMatmulGroup(t *testing.T) {
	r := rng(4)
	x := plainAct(t, r, 5, 256)
	q := quantised(t, x, C4)
	var members []Matmul
	var want [][]Act
	for i, ty := range []tensor.Type{tensor.Q4_K, tensor.Q6_K, tensor.Q8_0} {
		w := forms(t, ty, []int64{33, 17}, 256, randomWeight(r, ty, 50, 256))[P16]
		single := outputs(t, &w, 5)
		run(t, &Matmul{W: &w, X: q, Out: single})
		want = append(want, single)
		members = append(members, Matmul{W: &w, X: q, Out: outputs(t, &w, 5)})
		_ = i
	}
	for _, tier := range Available() {
		g := &MatmulGroup{Tier: tier, Members: members}
		run(t, g)
		for i := range members {
			for m := range want[i] {
				sameBits(t, fmt.Sprintf("%s member %d.%d", tier, i, m), &members[i].Out[m], &want[i][m])
			}
		}
	}
}

// TestMatmulExtremes: Inf and NaN in the input give NaN, tiny inputs zeros,
// the largest integers do not overflow.
func TestMatmulExtremes(t *testing.T) {
	k := int64(512)
	for _, ty := range WeightTypes {
		if !ty.Quantised() {
			continue
		}
		r := rng(9)
		src := randomWeight(r, ty, 48, k)
		for i := range src { // all integers at their extreme
			if bb := ty.BlockBytes(); i%bb >= bb-16 && ty != tensor.Q6_K {
				src[i] = 0xff
				if ty == tensor.Q8_0 {
					src[i] = 0x80
				}
			}
		}
		ws := forms(t, ty, []int64{48}, k, src)
		x := make([]float32, 6*k)
		for c := range int(k) {
			x[c] = 1
			x[int(k)+c] = -3e38
			x[2*int(k)+c] = 1e-30
			x[3*int(k)+c] = float32(r.NormFloat64())
			x[4*int(k)+c] = float32(math.Ldexp(1, -c%40))
			x[5*int(k)+c] = math.MaxFloat32
		}
		x[3*int(k)+300] = float32(math.Inf(1))
		var want []Act
		for _, tier := range Available() {
			out := outputs(t, &ws[P16], 6)
			run(t, &Matmul{Tier: tier, W: &ws[P16], X: quantised(t, FromF32(x, 6, int(k)), C4), Out: out})
			if tier == Generic {
				want = out
			}
			sameBits(t, fmt.Sprintf("%s %s", ty, tier), &out[0], &want[0])
			for n := range 48 {
				if v := out[0].At(2, n); v != 0 {
					t.Errorf("%s: tiny input gives %v", ty, v)
				}
				if v := out[0].At(3, n); v == v {
					t.Errorf("%s: infinite input gives %v", ty, v)
				}
			}
		}
	}
}

func TestEmbedding(t *testing.T) {
	for _, ty := range WeightTypes {
		r := rng(uint64(ty))
		k := int64(256)
		rows := []int64{19, 30}
		src := randomWeight(r, ty, 49, k)
		ws := forms(t, ty, rows, k, src)
		ids := []int32{0, 48, 18, 19, 7}
		row, _ := ty.RowBytes(k)
		want := make([]float32, k)
		for f := range ws {
			out := newAct(t, F32, Plain, len(ids), int(k))
			run(t, &Embedding{W: &ws[f], IDs: ids, Out: out})
			for i, id := range ids {
				pack.DecodeRows(want, src[int64(id)*row:][:row], ty)
				for c := range want {
					if math.Float32bits(want[c]) != math.Float32bits(out.At(i, c)) {
						t.Fatalf("%s %s id %d channel %d: %v, want %v", ty, Form(f), id, c, out.At(i, c), want[c])
					}
				}
			}
		}
		bad := &Embedding{W: &ws[P16], IDs: []int32{49}, Out: newAct(t, F32, Plain, 1, int(k))}
		if bad.Prepare() == nil {
			t.Error("id beyond the table accepted")
		}
	}
}

func TestLookup(t *testing.T) {
	for _, row := range Table() {
		got, err := Lookup(row.Key, row.Tier)
		if err != nil || got.Tier != row.Tier {
			t.Errorf("%v at %s: %v, %v", row.Key, row.Tier, got.Tier, err)
		}
	}
	if _, err := Lookup(Key{Weight: tensor.IQ4_XS, Form: P16, Elem: F32}, Generic); err == nil {
		t.Error("iq4_xs has a kernel")
	}
	if _, err := Lookup(Key{Weight: tensor.F16, Form: P16, Elem: I8}, AVX512); err == nil {
		t.Error("f16 with i8 activations has a kernel")
	}
}

func TestTierMask(t *testing.T) {
	have := [numTiers]bool{Generic: true, AVX2: true, AVX512: true}
	for _, c := range []struct {
		mask string
		want Tier
		ok   bool
	}{
		{"", AVX512, true}, {"avx512", AVX512, true}, {"avx2", AVX2, true}, {"generic", Generic, true},
		{"-avx512", AVX2, true}, {"-avx512,-avx2", Generic, true}, {" avx2 , -avx2", Generic, true}, {"-neon", AVX512, true},
		{"neon", 0, false}, {"sse9", 0, false}, {"-sse9", 0, false}, {"AVX2", 0, false}, {"-generic", 0, false},
		{"avxvnni", 0, false},
	} {
		got, err := best(c.mask, have)
		if (err == nil) != c.ok || c.ok && got != c.want {
			t.Errorf("mask %q: %v, %v; want %v, %v", c.mask, got, err, c.want, c.ok)
		}
	}
	have[AVXVNNI] = true
	for mask, want := range map[string]Tier{"": AVX512, "-avx512": AVXVNNI, "avxvnni": AVXVNNI, "avx2": AVX2, "-avx512,-avxvnni": AVX2, "avxvnni,-avxvnni": AVX2} {
		if got, err := best(mask, have); err != nil || got != want {
			t.Errorf("mask %q with avxvnni: %v, %v; want %v", mask, got, err, want)
		}
	}
	have[AMX] = true
	for mask, want := range map[string]Tier{"": AMX, "amx": AMX, "-amx": AVX512, "avx512": AVX512, "-avx512": AVXVNNI, "-avx2": Generic} {
		if got, err := best(mask, have); err != nil || got != want {
			t.Errorf("mask %q with amx: %v, %v; want %v", mask, got, err, want)
		}
	}
}
