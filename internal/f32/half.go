package f32

import "math"

// FromHalf converts an IEEE half to float32, exactly.
func FromHalf(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	e, f := uint32(h>>10&31), uint32(h&0x3ff)
	switch e {
	case 0:
		v := float32(f) * 0x1p-24
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | f<<13)
	}
	return math.Float32frombits(sign | (e+112)<<23 | f<<13)
}

// ToHalf rounds x to the nearest IEEE half, ties to even; values beyond 65504
// round to infinity, NaN becomes a quiet NaN.
func ToHalf(x float32) uint16 {
	u := math.Float32bits(x)
	sign := uint16(u >> 16 & 0x8000)
	u &= 1<<31 - 1
	switch {
	case u > 0x7f800000:
		return sign | 0x7e00
	case u >= 0x47800000: // 65536 and infinity
		return sign | 0x7c00
	case u < 0x38800000: // below 2^-14: a multiple of 2^-24
		v := math.Float32frombits(u) + 0.5 // the last bit of 0.5 is 2^-24
		return sign | uint16(math.Float32bits(v)-0x3f000000)
	}
	u += 0xfff + u>>13&1
	return sign | uint16((u-0x38000000)>>13)
}
