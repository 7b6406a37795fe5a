package kernel

import (
	"fmt"
	"testing"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// TestMatmulGroups256: items of several panels and several passes over the
// tokens, full and rest, give the bits of single panels.
func TestMatmulGroups256(t *testing.T) {
	for _, tier := range []Tier{AVX2, AVXVNNI} {
		if !available()[tier] {
			t.Logf("no %s here", tier)
			continue
		}
		for _, ty := range WeightTypes {
			r := rng(7)
			w := forms(t, ty, []int64{40, 37, 64}, 512, randomWeight(r, ty, 141, 512))[P16]
			for _, s := range []int{2, 13, tokens256 + 5} {
				if s > 16 && ty != tensor.Q8_0 && ty != tensor.Q4_K && ty != tensor.F16 {
					continue
				}
				in := relayout(t, plainAct(t, r, s, 512), C4)
				if ty.Quantised() {
					in = quantised(t, in, C4)
				}
				want, out := outputs(t, &w, s), outputs(t, &w, s)
				run(t, &Matmul{W: &w, X: in, Out: want})
				whole := &Matmul{Tier: tier, W: &w, X: in, Out: out}
				if err := whole.Prepare(); err != nil {
					t.Fatal(err)
				}
				whole.Run(0, whole.Items(), AlignedBytes(whole.Scratch()))
				for i := range out {
					sameBits(t, fmt.Sprintf("%s %s S=%d", tier, ty, s), &out[i], &want[i])
				}
			}
		}
	}
}

// TestLargestSums256: weights and activations at the ends of their ranges, of
// one sign and of alternating signs, do not overflow any int16 sum.
func TestLargestSums256(t *testing.T) {
	const k = 512
	for _, ty := range WeightTypes {
		if !ty.Quantised() {
			continue
		}
		for _, fill := range []byte{0, 0xff, 0x80, 0x7f} {
			src := randomWeight(rng(3), ty, 32, k)
			scales := map[tensor.Type][2]int{tensor.Q6_K: {0, 192}, tensor.Q4_K: {16, 144}, tensor.Q5_K: {16, 176}}[ty]
			if scales[1] == 0 {
				scales = [2]int{ty.BlockBytes() - 16, ty.BlockBytes()}
			}
			for i := range src {
				if at := i % ty.BlockBytes(); at >= scales[0] && at < scales[1] {
					src[i] = fill
				}
			}
			w := forms(t, ty, []int64{32}, k, src)[P16]
			x := make([]float32, 5*k)
			for i := range x {
				x[i] = 1
				if c := i % k; i/k == 1 || i/k == 2 && c%2 == 1 || i/k == 3 && c%4 > 1 || i/k == 4 && c%8 > 3 {
					x[i] = -1
				}
			}
			for _, s := range []int{1, 5} {
				in := quantised(t, FromF32(x[:s*k], s, k), C4)
				want := outputs(t, &w, s)
				run(t, &Matmul{W: &w, X: in, Out: want})
				for _, tier := range Available() {
					out := outputs(t, &w, s)
					run(t, &Matmul{Tier: tier, W: &w, X: in, Out: out})
					sameBits(t, fmt.Sprintf("%s filled with %#x S=%d %s", ty, fill, s, tier), &out[0], &want[0])
				}
			}
		}
	}
}

// TestTierBelow: a tier without AVX-VNNI never falls back to it.
func TestTierBelow(t *testing.T) {
	for _, c := range [][2]Tier{{AVX512, AVX2}, {AVXVNNI, AVX2}, {AVX2, Generic}, {I8MM, NEON}, {NEON, Generic}, {Generic, Generic}} {
		if got := c[0].below(); got != c[1] {
			t.Errorf("below %s: %s, want %s", c[0], got, c[1])
		}
	}
}

// TestPeaks256: the calibration loops of 256 bits count what they do.
func TestPeaks256(t *testing.T) {
	b := AlignedBytes(1 << 19)
	for _, tier := range []Tier{AVX2, AVXVNNI} {
		if !available()[tier] {
			continue
		}
		if dot, fma, read := DotPeak(tier, 4), FMAPeak(tier, 4), ReadAll(tier, b); dot < 6e6 || fma < 6e6 || read != len(b) {
			t.Errorf("%s: %g dot, %g fma operations, %d bytes read", tier, dot, fma, read)
		}
	}
}

// BenchmarkGemmKernel256 measures the kernels alone, on one slab of one panel.
func BenchmarkGemmKernel256(b *testing.B) {
	v := inHeap[scratch256]()
	r := rng(1)
	for i := range v.w {
		v.w[i] = byte(r.Uint32() & 15)
	}
	for _, tiles := range []int{8, 64} {
		x := newAct(b, I8, C4, 4*tiles, 256)
		for i := range x.Q {
			x.Q[i] = int8(r.Uint32())
		}
		clear(x.Exp)
		clear(x.Base)
		clear(x.Init16)
		clear(x.MinPair)
		c := slice[float32](AlignedBytes(tiles*256), 0, tiles*64)
		wide := slice[int16](AlignedBytes(tiles*2048), 0, tiles*1024)
		wideActs256(&wide[0], &x.Q[0], len(x.Q)/32)
		for _, ty := range []tensor.Type{tensor.Q8_0, tensor.Q4_0, tensor.Q4_K, tensor.Q5_0, tensor.Q6_K} {
			for _, tier := range []Tier{AVX2, AVXVNNI} {
				if !available()[tier] {
					continue
				}
				a := gemm256Args{w: addr(&v.w), scale: addr(&v.scale), act: addr(&x.Q[0]), plane: addr(&x.Init16[0]),
					exp: addr(&x.Exp[0]), base: addr(&x.Base[0]), c: addr(&c[0]), tiles: tiles, blocks: 8,
					min: addr(&v.min), dmin: addr(&v.dmin), acc: addr(&v.acc)}
				f := natives[ty].gemm256
				if tier == AVXVNNI {
					f = natives[ty].gemm256V
				} else if ty == tensor.Q8_0 {
					a.act = addr(&wide[0])
				}
				b.Run(fmt.Sprintf("%s/tiles=%d/%s", ty, tiles, tier), func(b *testing.B) {
					cpu := cpuSeconds()
					for b.Loop() {
						f(&a)
					}
					cpu = cpuSeconds() - cpu
					b.ReportMetric(float64(b.N)*float64(tiles)*4*16*256*2/cpu/1e9, "GOPS")
				})
			}
		}
	}
}
