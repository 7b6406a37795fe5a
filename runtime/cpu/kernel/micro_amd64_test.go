package kernel

import (
	"fmt"
	"testing"
	"unsafe"
)

// BenchmarkGemmKernel measures the 3 x 4 kernels alone, on one slab, for tile
// counts whose activations fit the first and the second cache.
func BenchmarkGemmKernel(b *testing.B) {
	if _, err := best("avx512", available()); err != nil {
		b.Skip(err)
	}
	var v vnniScratch
	var buf [128]float32
	for _, tiles := range []int{1, 8, 64, 128} {
		x := newAct(b, I8, C4, 4*tiles, 256)
		clear(x.Q)
		clear(x.Exp)
		clear(x.Base)
		clear(x.Init)
		c := slice[float32](AlignedBytes(tiles*768), 0, tiles*192)
		a := gemmArgs{w: unsafe.Pointer(&v.w), scale: unsafe.Pointer(&v.scale), act: unsafe.Pointer(&x.Q[0]), init: unsafe.Pointer(&x.Init[0]),
			exp: unsafe.Pointer(&x.Exp[0]), base: unsafe.Pointer(&x.Base[0]), c: unsafe.Pointer(&c[0]), tiles: tiles, blocks: 8,
			min: unsafe.Pointer(&v.min), dmin: unsafe.Pointer(&v.dmin), buf: unsafe.Pointer(&buf)}
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
