package kernel

import (
	"fmt"
	"testing"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// BenchmarkGemmKernel measures the 3 x 4 kernels alone, on one slab, for tile
// counts whose activations fit the first and the second cache.
func BenchmarkGemmKernel(b *testing.B) {
	if _, err := best("avx512", available()); err != nil {
		b.Skip(err)
	}
	v := inHeap[vnniScratch]()
	buf := inHeap[[128]float32]()
	for _, tiles := range []int{1, 8, 64, 128} {
		x := newAct(b, I8, C4, 4*tiles, 256)
		clear(x.Q)
		clear(x.Exp)
		clear(x.Base)
		clear(x.Init)
		c := slice[float32](AlignedBytes(tiles*768), 0, tiles*192)
		a := gemmArgs{w: addr(&v.w), scale: addr(&v.scale), act: addr(&x.Q[0]), init: addr(&x.Init[0]),
			exp: addr(&x.Exp[0]), base: addr(&x.Base[0]), c: addr(&c[0]), tiles: tiles, blocks: 8,
			min: addr(&v.min), dmin: addr(&v.dmin), buf: addr(buf)}
		for name, f := range map[string]func(*gemmArgs){"offset": gemmOffset, "offset16": gemmOffset16, "min": gemmMin,
			"offsetFMA": gemmOffsetFMA, "offset16FMA": gemmOffset16FMA, "minFMA": gemmMinFMA} {
			b.Run(fmt.Sprintf("%s/tiles=%d", name, tiles), func(b *testing.B) {
				cpu := cpuSeconds()
				for b.Loop() {
					a := a
					f(&a)
				}
				cpu = cpuSeconds() - cpu
				b.ReportMetric(float64(b.N)*float64(tiles)*4*48*256*2/cpu/1e9, "GOPS")
			})
		}
	}
}

// TestGemmForms compares the two forms of the GEMM kernels with the generic
// tier, whichever this machine would choose.
func TestGemmForms(t *testing.T) {
	if _, err := best("avx512", available()); err != nil {
		t.Skip(err)
	}
	defer func(was bool) { fmaForms = was }(fmaForms)
	for _, ty := range WeightTypes {
		if !ty.Quantised() {
			continue
		}
		for _, k := range channels(ty) {
			r := rng(uint64(k))
			w := forms(t, ty, []int64{40, 37}, k, randomWeight(r, ty, 77, k))[P16]
			x := quantised(t, plainAct(t, r, 21, int(k)), C4)
			want := outputs(t, &w, 21)
			run(t, &Matmul{W: &w, X: x, Out: want})
			for _, fmaForms = range []bool{false, true} {
				out := outputs(t, &w, 21)
				run(t, &Matmul{Tier: AVX512, W: &w, X: x, Out: out})
				for m := range out {
					sameBits(t, fmt.Sprintf("%s K=%d FMA forms %v", ty, k, fmaForms), &out[m], &want[m])
				}
			}
		}
	}
}

// TestMatmulPasses: several passes over the tokens give the same bits.
func TestMatmulPasses(t *testing.T) {
	if _, err := best("avx512", available()); err != nil {
		t.Skip(err)
	}
	defer func(b, m, f, n int) { passBytes, passMin, floatTokens, tileTokens = b, m, f, n }(passBytes, passMin, floatTokens, tileTokens)
	passBytes, passMin, floatTokens, tileTokens = 1, 12, 12, 8
	for _, ty := range []tensor.Type{tensor.Q8_0, tensor.Q4_K, tensor.Q6_K, tensor.F16} {
		r := rng(7)
		w := forms(t, ty, []int64{40, 37, 64}, 512, randomWeight(r, ty, 141, 512))[P16]
		for _, s := range []int{1, 12, 13, 31} {
			x := plainAct(t, r, s, 512)
			for _, l := range []Layout{Plain, C4} {
				in := relayout(t, x, l)
				if ty.Quantised() {
					in = quantised(t, in, l)
				}
				want, out := outputs(t, &w, s), outputs(t, &w, s)
				run(t, &Matmul{W: &w, X: in, Out: want})
				m := &Matmul{Tier: AVX512, W: &w, X: in, Out: out}
				run(t, m)
				if passes := m.Items() / ceil(w.panels, m.unit); l == C4 && passes != ceil(s, 12) {
					t.Errorf("%s S=%d: %d passes", ty, s, passes)
				}
				again := outputs(t, &w, s)
				whole := &Matmul{Tier: AVX512, W: &w, X: in, Out: again}
				if err := whole.Prepare(); err != nil {
					t.Fatal(err)
				}
				whole.Run(0, whole.Items(), AlignedBytes(whole.Scratch()))
				for i := range out {
					sameBits(t, fmt.Sprintf("%s S=%d %s", ty, s, l), &out[i], &want[i])
					sameBits(t, fmt.Sprintf("%s S=%d %s in one run", ty, s, l), &again[i], &want[i])
				}
			}
		}
	}
}
