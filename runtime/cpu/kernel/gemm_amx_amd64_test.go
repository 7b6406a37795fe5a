package kernel

import (
	"fmt"
	"testing"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// TestMatmulAMX compares with the tier below: whole and short slabs, several of
// them, groups of one to three panels, whole and partial tiles.
func TestMatmulAMX(t *testing.T) {
	if _, err := best("amx", available()); err != nil {
		t.Skip(err)
	}
	defer func(n int) { streamFloats = n }(streamFloats)
	streamFloats = 2000 // some outputs here are larger
	for _, ty := range WeightTypes {
		if !ty.Quantised() {
			continue
		}
		for _, k := range channels(ty) {
			for _, rows := range [][]int64{{16}, {40, 20}, {64, 16, 33}} {
				n := int64(0)
				for _, m := range rows {
					n += m
				}
				r := rng(uint64(k*n) + uint64(ty))
				w := forms(t, ty, rows, k, randomWeight(r, ty, n, k))[P16]
				from := amxTokensFor(pack.Lookup(ty))
				for _, s := range []int{from, from + 1, from + 34} {
					x := quantised(t, plainAct(t, r, s, int(k)), C4)
					want, out := outputs(t, &w, s), outputs(t, &w, s)
					run(t, &Matmul{Tier: AVX512, W: &w, X: x, Out: want})
					run(t, &Matmul{Tier: AMX, W: &w, X: x, Out: out})
					for m := range out {
						sameBits(t, fmt.Sprintf("%s K=%d rows %v S=%d member %d", ty, k, rows, s, m), &out[m], &want[m])
					}
				}
			}
		}
	}
}

// BenchmarkAMXKernel measures the kernels alone, on one slab of three panels.
func BenchmarkAMXKernel(b *testing.B) {
	if _, err := best("amx", available()); err != nil {
		b.Skip(err)
	}
	v := inHeap[vnniScratch]()
	ring := addr(&AlignedBytes(amxRingBytes)[0])
	for _, tiles := range []int{2, 8, 32} {
		const panels = 3
		x := newAct(b, I8, C4, 16*tiles, 256)
		clear(x.Q)
		clear(x.T)
		clear(x.Exp)
		clear(x.Base)
		c := slice[float32](AlignedBytes(panels*tiles*1024), 0, panels*tiles*256)
		a := amxArgs{w: addr(&v.w), scale: addr(&v.scale), act: addr(&x.T[0]),
			exp: addr(&x.Exp[0]), base: addr(&x.Base[0]), c: addr(&c[0]), jobs: panels * tiles, panels: panels, sums: panels, floats: panels,
			ring: ring, plane: addr(&x.MinPair[0]), min: addr(&v.min), dmin: addr(&v.dmin)}
		for name, f := range map[string]func(*amxArgs){"offset": amxOffset, "min": amxMin} {
			b.Run(fmt.Sprintf("%s/tiles=%d", name, tiles), func(b *testing.B) {
				cpu := cpuSeconds()
				for b.Loop() {
					a := a
					f(&a)
				}
				cpu = cpuSeconds() - cpu
				b.ReportMetric(float64(b.N)*panels*float64(tiles)*16*16*256*2/cpu/1e9, "GOPS")
			})
		}
	}
}
