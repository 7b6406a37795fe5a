package quant

import (
	"encoding/binary"
	"math"
)

// Plain floats, little-endian.

func decodeF32(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

func encodeF32(dst []byte, src []float32) {
	for i, v := range src {
		binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v))
	}
}

func badF32(data []byte) int {
	for i := 0; i+4 <= len(data); i += 4 {
		if binary.LittleEndian.Uint32(data[i:])&0x7f800000 == 0x7f800000 {
			return i / 4
		}
	}
	return -1
}

func decodeF16(dst []float32, src []byte) {
	for i := widenF16(dst, src); i < len(dst); i++ {
		dst[i] = f16ToF32(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

func encodeF16(dst []byte, src []float32) {
	for i := narrowF16(dst, src); i < len(src); i++ {
		binary.LittleEndian.PutUint16(dst[2*i:], f32ToF16(src[i]))
	}
}

func badF16(data []byte) int { return bad16(data, 0x7c00) }

func decodeBF16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = bf16ToF32(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

func encodeBF16(dst []byte, src []float32) {
	for i, v := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], f32ToBF16(v))
	}
}

func badBF16(data []byte) int { return bad16(data, 0x7f80) }

// bad16 finds the first 16-bit value whose exponent bits are all set. Four are
// tested at a time: adding the lowest exponent bit carries into the sign
// position exactly when the exponent is full.
func bad16(data []byte, exponent uint16) int {
	const lanes = 0x0001_0001_0001_0001
	mask := uint64(exponent) * lanes
	low := uint64(exponent&-exponent) * lanes
	i := 0
	for ; i+32 <= len(data); i += 32 { // the sums never overflow: the top bit of each lane is masked off
		b := (*[32]byte)(data[i:])
		v := binary.LittleEndian.Uint64(b[:])&mask + low
		v |= binary.LittleEndian.Uint64(b[8:])&mask + low
		v |= binary.LittleEndian.Uint64(b[16:])&mask + low
		v |= binary.LittleEndian.Uint64(b[24:])&mask + low
		if v&(0x8000*lanes) != 0 {
			break
		}
	}
	for ; i+8 <= len(data); i += 8 {
		v := binary.LittleEndian.Uint64(data[i:]) & mask
		if (v+low)&(0x8000*lanes) != 0 {
			break
		}
	}
	for ; i+2 <= len(data); i += 2 {
		if binary.LittleEndian.Uint16(data[i:])&exponent == exponent {
			return i / 2
		}
	}
	return -1
}

func decodeF64(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
	}
}

func badF64(data []byte) int {
	const exponent = 0x7ff << 52
	for i := 0; i+8 <= len(data); i += 8 {
		if binary.LittleEndian.Uint64(data[i:])&exponent == exponent {
			return i / 8
		}
	}
	return -1
}

// magnitudeGo is the portable version of magnitude.
func magnitudeGo(x []float32) uint32 {
	var a, b, c, d uint32
	for ; len(x) >= 4; x = x[4:] {
		a = max(a, math.Float32bits(x[0])&0x7fffffff)
		b = max(b, math.Float32bits(x[1])&0x7fffffff)
		c = max(c, math.Float32bits(x[2])&0x7fffffff)
		d = max(d, math.Float32bits(x[3])&0x7fffffff)
	}
	for _, v := range x {
		a = max(a, math.Float32bits(v)&0x7fffffff)
	}
	return max(a, b, c, d)
}
