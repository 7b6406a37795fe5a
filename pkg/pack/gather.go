package pack

import (
	"github.com/tessera-llm/tessera/internal/f32"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// DecodeRow decodes row r (0..15) of one panel to dst; len(dst) channels.
func DecodeRow(dst []float32, panel []byte, t tensor.Type, r int) {
	f := formats[t]
	if f.Floats != nil {
		f.Floats.row(dst, panel, r)
		return
	}
	var c column
	for len(dst) > 0 {
		c.get(f, panel[:f.Size], r)
		n := min(len(dst), f.Channels)
		f.decode(dst[:n], &c.w, &c.s)
		dst, panel = dst[n:], panel[f.Size:]
	}
}

// DecodeBlocks decodes whole GGUF blocks of a quantised type to dst with the
// same values as Form.Gather after packing.
func DecodeBlocks(dst []float32, src []byte, t tensor.Type) {
	f := formats[t]
	var c column
	for len(dst) > 0 {
		if f.elems == 256 {
			f.read256(&c.w, &c.s, src[:f.bytes])
		} else {
			f.read32(&c.w, &c.s, src[:f.bytes], 0)
		}
		f.decode(dst[:f.elems], &c.w, &c.s)
		dst, src = dst[f.elems:], src[f.bytes:]
	}
}

// decode writes the float values of the first len(dst) channels of a row, a
// multiple of 32.
func (f *Format) decode(dst []float32, w *words, s *scales) {
	zero, hasMin := int32(f.Zero), f.HasMin()
	for b := 0; 32*b < len(dst); b++ {
		d, e, m := s.block(f, b)
		out := (*[32]float32)(dst[32*b:])
		// Adding +0 turns the -0 of a product with zero into +0.
		if f.LUT != nil {
			for i, g := range f.group(w, b) {
				for j := range 4 {
					out[4*i+j] = float32(d*float32(f.LUT[g>>(8*j)&15])) + 0 + m
				}
			}
			continue
		}
		if hasMin {
			for i, g := range f.group(w, b) {
				out[4*i] = float32(d*float32(int32(g&255))) + 0 + m
				out[4*i+1] = float32(d*float32(int32(g>>8&255))) + 0 + m
				out[4*i+2] = float32(d*float32(int32(g>>16&255))) + 0 + m
				out[4*i+3] = float32(d*float32(int32(g>>24))) + 0 + m
			}
			continue
		}
		for i, g := range f.group(w, b) {
			if i == 4 {
				d = e
			}
			out[4*i] = float32(d*float32(int32(g&255)-zero)) + 0
			out[4*i+1] = float32(d*float32(int32(g>>8&255)-zero)) + 0
			out[4*i+2] = float32(d*float32(int32(g>>16&255)-zero)) + 0
			out[4*i+3] = float32(d*float32(int32(g>>24)-zero)) + 0
		}
	}
}

// block returns what belongs to 32-channel block b: the scales of its two
// halves and the term to be added.
func (s *scales) block(f *Format, b int) (d, e, m float32) {
	if f.elems == 32 {
		d = f32.FromHalf(s.d[b])
		return d, d, f32.FromHalf(s.m[b])
	}
	d = f32.FromHalf(s.d[0])
	if f.Scale == ScaleI8 {
		sc := s.sc[b/4] >> (16 * (b % 4))
		return float32(d * float32(int8(sc))), float32(d * float32(int8(sc>>8))), 0
	}
	d = float32(d * float32(byte(s.sc[0]>>(8*b))))
	return d, d, -float32(f32.FromHalf(s.m[0]) * float32(byte(s.mn>>(8*b))))
}

// DecodeRows decodes len(dst) channels stored as in GGUF: floats of any p16
// type, or whole blocks as DecodeBlocks does.
func DecodeRows(dst []float32, src []byte, t tensor.Type) {
	if f := formats[t]; f.Floats != nil {
		f.Floats.rows(dst, src)
		return
	}
	DecodeBlocks(dst, src, t)
}

// DecodeMin is the term that type t subtracts (k-quants) or adds (q4_1, q5_1)
// in 32-channel block b of a GGUF row: dmin*mn or m; zero for other types.
func DecodeMin(row []byte, t tensor.Type, b int) float32 {
	f := formats[t]
	var s scales
	switch f.Plane {
	case PlaneMinPair:
		s.readK(row[b/8*f.bytes:][:16])
		_, _, m := s.block(f, b%8)
		return -m
	case PlaneBSum:
		return f32.FromHalf(le.Uint16(row[b*f.bytes+2:]))
	}
	return 0
}
