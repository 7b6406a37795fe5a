package kernel

import (
	"fmt"
	"testing"
	"unsafe"
)

// BenchmarkGemmFloatKernel measures the float kernel alone on one slab.
func BenchmarkGemmFloatKernel(b *testing.B) {
	if _, err := best("avx512", available()); err != nil {
		b.Skip(err)
	}
	for _, pad := range []int{0, 64, 1024} {
		for _, tiles := range []int{1, 2, 3, 30, 126} {
			x := newAct(b, F32, C4, 4*tiles, 256)
			clear(x.F)
			c := slice[float32](AlignedBytes(tiles*512), 0, tiles*128)
			w := AlignedBytes(32768 + 4096)
			a := floatArgs{w: unsafe.Pointer(&w[0]), panel: 16384 + pad, x: unsafe.Pointer(&x.F[0]), tile: 4096,
				in: unsafe.Pointer(&c[0]), inStep: 128, out: unsafe.Pointer(&c[0]), outStep: 128, groups: 64, tiles: tiles}
			b.Run(fmt.Sprintf("pad=%d/tiles=%d", pad, tiles), func(b *testing.B) {
				cpu := cpuSeconds()
				for b.Loop() {
					gemmFloat(&a)
				}
				cpu = cpuSeconds() - cpu
				b.ReportMetric(float64(b.N)*float64(tiles)*4*32*256*2/cpu/1e9, "GOPS")
			})
		}
	}
}
