package kernel

import (
	"fmt"
	"testing"
	"unsafe"
)

// BenchmarkAttentionKernels measures the parts of a group of twelve rows over a
// full chunk, as nanoseconds of processor time and GFLOPS.
func BenchmarkAttentionKernels(b *testing.B) {
	if _, err := best("avx512", available()); err != nil {
		b.Skip(err)
	}
	for _, d := range []int{64, 128} {
		c := attentionCase{kvHeads: 1, g: 4, d: d}
		a := &Attention{Tier: AVX512, Cache: &KVCache{KVShape: KVShape{Heads: 1, KDim: d, VDim: d}}, Heads: c.g, Scale: 0.1}
		a.Q = plainAct(b, rng(1), 3, 4*d)
		var w wideState
		w.init(a, wideRows, AlignedBytes(4*wideFloats(d, d, wideRows)))
		copy(w.kf, gauss(rng(2), len(w.kf)))
		copy(w.vf, gauss(rng(3), len(w.vf)))
		p := &w.args
		reset := func() {
			p.rows = wideRows
			for i := range p.q {
				p.q[i] = unsafe.Pointer(&a.Q.F[i*d])
				p.from[i], p.to[i] = 0, Chunk
			}
			p.m, p.l, p.o = unsafe.Pointer(&w.m[0]), unsafe.Pointer(&w.l[0]), unsafe.Pointer(&w.o[0])
			p.k, p.v, p.e, p.scores = unsafe.Pointer(&w.kf[0]), unsafe.Pointer(&w.vf[0]), p.s, p.s
			p.panels, p.pairs, p.n = 16, d/32, Chunk
		}
		for _, c := range []struct {
			name   string
			f      func(*rows12Args)
			panels int
		}{{"qk", qk12, 16}, {"qk", qk12, 4}, {"qk", qk12, 2}, {"softmax", softmax12, 16}, {"pv", pv12, 16}, {"pv", pv12, 4}} {
			b.Run(fmt.Sprintf("%s/d=%d/panels=%d", c.name, d, c.panels), func(b *testing.B) {
				reset()
				qk12(p)
				var cpu float64
				n := 0
				for b.Loop() {
					reset()
					p.panels, p.n = c.panels, 16*c.panels
					if c.name == "softmax" {
						for i := range w.scores {
							w.scores[i] = float32(i%256-100) * 0.1
						}
					}
					t := cpuSeconds()
					for range 1000 {
						p.panels, p.pairs, p.scores = c.panels, d/32, p.s
						c.f(p)
					}
					cpu += cpuSeconds() - t
					n += 1000
				}
				b.ReportMetric(cpu/float64(n)*1e9, "ns/group")
				b.ReportMetric(float64(n)*float64(wideRows*16*c.panels*d*2)/cpu/1e9, "GFLOPS")
			})
		}
	}
}
