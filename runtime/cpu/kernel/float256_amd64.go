package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

//go:noescape
func gemmFloat256(w, x, c *float32, groups int)

// floatScratch256 is one slab of one expanded panel, and a tile of gathered
// activations.
type floatScratch256 struct {
	wf  [Slab][16]float32
	xf  [Slab / 4][4][4]float32
	gen genericScratch
}

const scratchFloat256Bytes = (int(unsafe.Sizeof(floatScratch256{})) + 63) &^ 63

// matmulFloatAVX2 computes panels [p0, p1) for f32 activations.
func matmulFloatAVX2(m *Matmul, p0, p1 int, scratch []byte) {
	for p := p0; p < p1; p++ {
		for t := 0; t < m.X.S; t += gemmTokens {
			floatPanel256(m, p, t, min(gemmTokens, m.X.S-t), scratch)
		}
	}
}

func floatPanel256(m *Matmul, p, t0, count int, scratch []byte) {
	v := (*floatScratch256)(unsafe.Pointer(unsafe.SliceData(scratch[:scratchFloat256Bytes])))
	w, x := m.W, &m.X
	c := slice[float32](scratch, scratchFloat256Bytes, roundUp(count, 4)*16)
	clear(c)
	for s := range ceil(w.K, Slab) {
		k := min(Slab, w.K-s*Slab)
		rec := w.slab(p, s, v.gen.slab[:])
		wf := &v.wf
		switch w.Type {
		case tensor.F32:
			copy(wf[:k], slice32x16(rec, k))
		case tensor.F16:
			half256(&wf[0][0], &rec[0], 16*roundUp(k, 2))
		case tensor.BF16:
			bf16Pairs256(&wf[0][0], &rec[0], ceil(k, 2))
		default:
			expandFloat(wf, &v.gen.panel, &v.gen.q, w.Type, rec, k)
		}
		clear(wf[k:roundUp(k, 4)])
		for t := 0; t < count; t += 4 {
			tl := &v.xf[0][0][0]
			if x.Layout == C4 && x.S > 1 {
				tl = &x.F[x.off(t0+t, s*Slab)]
			} else {
				v.gather(x, t0+t, min(4, count-t), s*Slab, k)
			}
			gemmFloat256(&wf[0][0], tl, &c[t*16], ceil(k, 4))
		}
	}
	storePanel(m, p, t0, count, c)
}

// gather copies n contiguous tokens, k channels from k0 on, to the tile xf.
func (v *floatScratch256) gather(x *Act, t0, n, k0, k int) {
	clear(v.xf[:ceil(k, 4)])
	for t := range n {
		row := x.F
		if x.Layout == Plain {
			row = x.F[(t0+t)*x.C:]
		}
		for i, f := range row[k0 : k0+k] {
			v.xf[i/4][t][i%4] = f
		}
	}
}

func floatScratchSize256(m *Matmul) int {
	return scratchFloat256Bytes + 64*min(gemmTokens, roundUp(max(m.X.S, 1), 4))
}

var avx2Float = matmulImpl{matmulFloatAVX2, unit256, floatScratchSize256}
