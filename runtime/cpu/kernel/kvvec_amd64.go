package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/internal/f32"
)

// kvVec is what the vector tiers of amd64 do with a codec themselves.
type kvVec struct {
	// AVX-512. qk and pv read K and V where they lie, for up to four and up to eight
	// query rows; channel is the bytes of a channel of V there, scales makes its block
	// scales f32. keys and values decode a chunk; nil: the form's decode.
	qk, pv  [2]func(*rows12Args)
	channel int
	scales  func(dst []float32, mem []byte, n, room, d int)
	keys    func(dst []float32, mem []byte, n, d int)
	values  func(dst []float32, mem []byte, n, room, d int)
	plain   bool // K and V lie as decoding would give them

	// AVX2. qk256 and pv256 read elements of size bytes where they lie, expand256
	// decodes n of them.
	qk256     func(*qkArgs)
	pv256     func(*pvArgs)
	size      int
	expand256 func(dst *float32, src *byte, n int)
}

// stays reports whether a chunk is not decoded first: kernels for few rows
// ("direct") read it in place, those for many want f32.
func (v *kvVec) stays(direct bool) bool { return v.plain || direct && v.qk[0] != nil }

var f32Vec = &kvVec{
	qk: [2]func(*rows12Args){qk4F32, qk8F32}, pv: [2]func(*rows12Args){pv4F32, pv8F32}, channel: 4, plain: true,
	qk256: qk256, pv256: pv256, size: 4,
}

var f16Vec = &kvVec{
	qk: [2]func(*rows12Args){qk4F16, qk8F16}, pv: [2]func(*rows12Args){pv4F16, pv8F16}, channel: 2,
	keys:   func(dst []float32, mem []byte, n, d int) { wideHalf(dst, mem, n*d) },
	values: func(dst []float32, mem []byte, n, _, d int) { wideHalf(dst, mem, n*d) },
	qk256:  qkHalf256, pv256: pvHalf256, size: 2, expand256: half256,
}

var q8Vec = &kvVec{
	qk: [2]func(*rows12Args){qk4Q8, qk8Q8}, pv: [2]func(*rows12Args){pv4Q8, pv8Q8}, channel: 1,
	scales: func(dst []float32, mem []byte, n, room, d int) { wideHalf(dst, mem[room*d:], n*d/32) },
	keys: func(dst []float32, mem []byte, n, d int) {
		for i := range n / 16 {
			q8Keys(&dst[i*16*d], &mem[i*(d+16*d)], d/32)
		}
	},
	values: wideQ8Values,
}

// wideHalf makes n halves f32; n is a multiple of 16.
func wideHalf(dst []float32, mem []byte, n int) {
	_ = dst[n-1]
	halfToFloat(&dst[0], &slice[uint16](mem, 0, n)[0], n)
}

// wideQ8Values decodes n rows of V.
func wideQ8Values(dst []float32, mem []byte, n, room, d int) {
	nb := d / 32
	var scale [512]float32
	scales := slice[uint16](mem, room*d, room*nb)
	for j := 0; j < n; {
		rows := max(1, min(n-j, len(scale)/nb))
		for i := range rows * nb {
			scale[i] = f32.FromHalf(scales[j*nb+i])
		}
		q8Values(&dst[j*d], &slice[int8](mem, j*d, rows*d)[0], &scale[0], rows*nb)
		j += rows
	}
}

// chunkPart is K or V of one head of one chunk for the AVX2 kernels.
type chunkPart struct {
	mem  unsafe.Pointer
	size int // bytes of an element
	d    int
}

// part256 makes n positions of one side ready for rows query rows: where they
// lie, or in dst.
func part256(s *kvSide, dst []float32, mem []byte, n, room, rows int) (chunkPart, *kvVec) {
	f := s.form.vec
	if f != nil && f.qk256 != nil && (f.plain || rows <= directRows256) {
		return chunkPart{unsafe.Pointer(&mem[0]), f.size, s.d}, f
	}
	if f != nil && f.expand256 != nil {
		f.expand256(&dst[0], &mem[0], n*s.d)
	} else {
		s.decode(dst[:n*s.d], mem, n, room, s.d)
	}
	return chunkPart{unsafe.Pointer(&dst[0]), 4, s.d}, f32Vec
}
