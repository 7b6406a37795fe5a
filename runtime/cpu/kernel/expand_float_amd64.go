package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// floatBytes is one slab of a quantised panel on its way to f32: the bytes and
// scales of the integer kernels, and what is subtracted in a block.
type floatBytes struct {
	vnniScratch
	sub [16][16]float32
}

// decode expands one slab of n channels of a quantised panel to dst. Whole
// blocks are written.
func (v *floatBytes) decode(dst *float32, w *Weight, rec []byte, n int) {
	f := w.run
	v.expand(0, w, rec)
	blocks, groups, zero := ceil(n, f.Group), f.Group/4, 128
	v.sub = [16][16]float32{}
	switch f.Plane {
	case pack.PlaneMinPair:
		zero = 0
		for i, mn := range v.min[0] { // [4][16][2]
			r := i / 2 % 16
			v.sub[i/32*2+i%2][r] = float32(float32(v.dmin[0][r]*8) * float32(mn))
		}
	case pack.PlaneBSum:
		zero = 0
		for i, m := range v.minF[0][:16*blocks] {
			v.sub[i/16][i%16] = -m
		}
	}
	expandBytes(dst, &v.w[0][0], blocks, &v.scale[0], &v.sub[0][0], groups, zero)
}

// expand decodes n channels of one panel of from to w; channels beyond n, up to a
// multiple of 4, become zero.
func (f *floatScratch) expand(w *[Slab][16]float32, from *Weight, rec []byte, n int) {
	switch widen := from.native.widen; {
	case from.Type.Quantised():
		f.bytes.decode(&w[0][0], from, rec, n)
	case widen != nil:
		widen(&w[0][0], &rec[0], ceil(n, 2))
	default:
		copy(w[:n], slice32x16(rec, n))
	}
	clear(w[n:roundUp(n, 4)])
}

func slice32x16(b []byte, n int) [][16]float32 {
	_ = b[64*n-1]
	return unsafe.Slice((*[16]float32)(unsafe.Pointer(unsafe.SliceData(b))), n)
}
