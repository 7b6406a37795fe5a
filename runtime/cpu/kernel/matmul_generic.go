package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/internal/f32"
	"github.com/tessera-llm/tessera/pkg/pack"
)

// genericScratch is the scratch of the generic matmul.
type genericScratch struct {
	panel quantPanel
	wf    [Slab][16]float32
	q     [Slab][16]int16
	slab  [maxSlabBytes]byte
	x     [Slab]int8
	xf    [Slab]float32
}

const genericScratchBytes = (int(unsafe.Sizeof(genericScratch{})) + 63) &^ 63

func asGenericScratch(b []byte) *genericScratch {
	_ = b[genericScratchBytes-1]
	return (*genericScratch)(unsafe.Pointer(unsafe.SliceData(b)))
}

// matmulQuantGeneric computes panels [p0, p1) for i8 activations.
func matmulQuantGeneric(m *Matmul, p0, p1 int, scratch []byte) {
	sc := asGenericScratch(scratch)
	w, x := m.W, &m.X
	for p := p0; p < p1; p++ {
		member, row, rows := w.panel(p)
		out := &m.Out[member]
		for s := range ceil(w.K, Slab) {
			n := min(Slab, w.K-s*Slab)
			sc.panel.expand(&sc.q, w.format, w.slab(p, s, sc.slab[:]), n)
			for t := range x.S {
				x.loadSlab(&sc.x, t, s)
				g, lane, width := x.group(t, s)
				var acc [16]float32
				sc.panel.dot(&acc, w.format, &sc.x, x, g, lane, width, n)
				base := x.Base[g*width+lane]
				c := out.F[t*out.C+row:][:rows]
				for r := range c {
					if s == 0 {
						c[r] = 0
					}
					c[r] = f32.FMA(acc[r], base, c[r])
				}
			}
		}
	}
}

// loadSlab copies the integers of (token t, slab s) to dst.
func (a *Act) loadSlab(dst *[Slab]int8, t, s int) {
	n := min(Slab, roundUp(a.C, 64)-s*Slab)
	src := a.Q[a.off(t, s*Slab):]
	if w, _ := tile(a.Layout, a.S); w == 1 {
		copy(dst[:n], src)
		return
	}
	for k := 0; k < n; k += 4 {
		copy(dst[k:k+4], src[4*k:4*k+4])
	}
}

// dot runs one token over the slab: the sums of each block are exact integers,
// the scales are applied by one FMA per block, ascending.
func (p *quantPanel) dot(acc *[16]float32, f *pack.Format, x *[Slab]int8, a *Act, g, lane, width, n int) {
	for b := range n / f.Group {
		k := b * f.Group
		sums := dotWords(x[k:k+f.Group], p.w[k:k+f.Group])
		p.scaled(acc, &p.scale[b], &sums, a.Exp[(g*8+k/32)*width+lane])
	}
	blocks := n / 32
	switch f.Plane {
	case pack.PlaneBSum:
		for b := range blocks {
			sum := a.BSum[(g*8+b)*width+lane]
			for r := range acc {
				acc[r] = f32.FMA(sum, p.min[b][r], acc[r])
			}
		}
	case pack.PlaneMinPair:
		var sums [16]int32
		for b := range blocks {
			q := int32(a.MinPair[((g*4+b/2)*width+lane)*2+b%2])
			for r := range sums {
				sums[r] += p.mn[b][r] * q
			}
		}
		for r := range acc {
			acc[r] = f32.FMA(-float32(sums[r]), p.dmin[r], acc[r])
		}
	}
}

// dotWords is the sum over k of x[k]*w[k] in eight words of two rows.
func dotWords(x []int8, w [][8]int64) [8]int64 {
	var a0, a1, a2, a3, a4, a5, a6, a7 int64
	w = w[:len(x)]
	for k := range x {
		v, q := &w[k], int64(x[k])
		a0 += v[0] * q
		a1 += v[1] * q
		a2 += v[2] * q
		a3 += v[3] * q
		a4 += v[4] * q
		a5 += v[5] * q
		a6 += v[6] * q
		a7 += v[7] * q
	}
	return [8]int64{a0, a1, a2, a3, a4, a5, a6, a7}
}

// scaled adds the integer sums times scale*2^-e; exp is -(e << 23).
func (p *quantPanel) scaled(acc, scale *[16]float32, sums *[8]int64, exp int32) {
	pow := exp2i(int(exp >> 23))
	for i, word := range sums {
		lo := int32(word)
		hi := int32((word - int64(lo)) >> 32)
		acc[i] = f32.FMA(float32(lo), scale[i]*pow, acc[i])
		acc[i+8] = f32.FMA(float32(hi), scale[i+8]*pow, acc[i+8])
	}
}

func exp2i(n int) float32 { return f32.Exp2i(n) }

// matmulFloatGeneric computes panels [p0, p1) for f32 activations.
func matmulFloatGeneric(m *Matmul, p0, p1 int, scratch []byte) {
	sc := asGenericScratch(scratch)
	w, x := m.W, &m.X
	for p := p0; p < p1; p++ {
		member, row, rows := w.panel(p)
		out := &m.Out[member]
		for s := range ceil(w.K, Slab) {
			n := min(Slab, w.K-s*Slab)
			expandFloat(&sc.wf, &sc.panel, &sc.q, w.Type, w.slab(p, s, sc.slab[:]), n)
			for t := range x.S {
				xs := sc.xf[:n]
				x.getRun(xs, t, s*Slab)
				var acc [16]float32
				for k, v := range xs {
					wk := &sc.wf[k]
					for r := range acc {
						acc[r] = f32.FMA(v, wk[r], acc[r])
					}
				}
				c := out.F[t*out.C+row:][:rows]
				for r := range c {
					if s == 0 {
						c[r] = 0
					}
					c[r] += acc[r]
				}
			}
		}
	}
}
