package quant

import (
	"math"

	"github.com/x448/float16"
)

// f16ToF32 widens an IEEE half, exactly. The common case is one shift and one
// addition and is inlined; the rest are subnormals, zeros, Inf and NaN.
func f16ToF32(h uint16) float32 {
	u := uint32(h)
	if e := u & 0x7c00; e == 0 || e == 0x7c00 {
		return float16.Frombits(h).Float32()
	}
	return math.Float32frombits((u&0x8000)<<16 | ((u&0x7fff)<<13 + 112<<23))
}

// f32ToF16 rounds to the nearest half, ties to even; a NaN stays a NaN, values
// of 65520 and above become Inf. What rounds to a normal half is done here.
func f32ToF16(f float32) uint16 {
	u := math.Float32bits(f)
	if a := u & 0x7fffffff; a-0x38800000 < 0x477fe000-0x38800000 {
		return uint16(u>>16&0x8000 | (a-0x38000000+0xfff+a>>13&1)>>13)
	}
	return float16.Fromfloat32(f).Bits()
}

// f16Finite reports whether the half is neither Inf nor NaN.
func f16Finite(h uint16) bool { return h&0x7c00 != 0x7c00 }

// bf16ToF32 widens a bfloat16, exactly.
func bf16ToF32(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// f32ToBF16 rounds to the nearest bfloat16, ties to even. A NaN keeps its sign
// and upper payload and becomes quiet.
func f32ToBF16(f float32) uint16 {
	u := math.Float32bits(f)
	if u&0x7fffffff > 0x7f800000 {
		return uint16(u>>16) | 0x40
	}
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

// e8m0Half is half of the power of two that an E8M0 exponent byte stands for,
// 2^(e-128): the tables of 4-bit floats hold doubled values. For e < 2 the
// result is subnormal, so it is built from bits.
func e8m0Half(e byte) float32 {
	if e < 2 {
		return math.Float32frombits(0x00200000 << e)
	}
	return math.Float32frombits(uint32(e-1) << 23)
}

func le16(b []byte) uint16 { return uint16(b[0]) | uint16(b[1])<<8 }

func put16(b []byte, v uint16) { b[0], b[1] = byte(v), byte(v>>8) }

func le32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func put32(b []byte, v uint32) {
	b[0], b[1], b[2], b[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
}
