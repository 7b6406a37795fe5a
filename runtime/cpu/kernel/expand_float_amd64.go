package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

//go:noescape
func expandF16(dst *float32, src *byte, n int)

//go:noescape
func expandBF16(dst *float32, src *byte, n int)

//go:noescape
func expandBytes(dst *float32, src *byte, n int, scale, min *float32, groups, zero int)

// floatBytes is one slab of a quantised panel on its way to f32: the bytes and
// scales of the integer kernels, and what is subtracted in a block.
type floatBytes struct {
	vnniScratch
	sub [16][16]float32
}

// decode expands one slab of n channels of a quantised panel to dst. Whole
// blocks are written.
func (v *floatBytes) decode(dst *float32, t tensor.Type, rec []byte, n int) {
	v.expand(0, t, rec)
	blocks, groups, zero := ceil(n, 32), 8, 128
	v.sub = [16][16]float32{}
	switch t {
	case tensor.Q6_K:
		blocks, groups = ceil(n, 16), 4
	case tensor.Q4_K, tensor.Q5_K:
		zero = 0
		for i, mn := range v.min[0] { // [4][16][2]
			r := i / 2 % 16
			v.sub[i/32*2+i%2][r] = float32(float32(v.dmin[0][r]*8) * float32(mn))
		}
	case tensor.Q4_1, tensor.Q5_1:
		zero = 0
		for i, m := range v.minF[0][:16*blocks] {
			v.sub[i/16][i%16] = -m
		}
	}
	expandBytes(dst, &v.w[0][0], blocks, &v.scale[0], &v.sub[0][0], groups, zero)
}

// expand decodes n channels of one panel to w; channels beyond n, up to a
// multiple of 4, become zero.
func (f *floatScratch) expand(w *[Slab][16]float32, t tensor.Type, rec []byte, n int) {
	switch t {
	case tensor.F32:
		copy(w[:n], slice32x16(rec, n))
	case tensor.F16:
		expandF16(&w[0][0], &rec[0], ceil(n, 2))
	case tensor.BF16:
		expandBF16(&w[0][0], &rec[0], ceil(n, 2))
	default:
		f.bytes.decode(&w[0][0], t, rec, n)
	}
	clear(w[n:roundUp(n, 4)])
}

func slice32x16(b []byte, n int) [][16]float32 {
	_ = b[64*n-1]
	return unsafe.Slice((*[16]float32)(unsafe.Pointer(unsafe.SliceData(b))), n)
}
