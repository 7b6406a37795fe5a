package quant

import "math"

// Q8_0: 34 bytes per 32 elements. d f16, qs i8[32]; x = q*d.
const q8_0Bytes = 34

func badQ8_0(data []byte) int { return badHalf(data, q8_0Bytes, 0) }

func decodeQ8_0(dst []float32, src []byte) {
	for len(dst) >= 32 {
		d := f16ToF32(le16(src))
		y, qs := (*[32]float32)(dst), (*[32]byte)(src[2:])
		for j, q := range qs {
			y[j] = float32(int8(q)) * d
		}
		dst, src = dst[32:], src[q8_0Bytes:]
	}
}

// encodeQ8_0 maps the largest magnitude to 127 and rounds half away from zero.
func encodeQ8_0(dst []byte, src []float32) {
	for len(src) >= 32 {
		x := (*[32]float32)(src)
		var top uint32 // magnitudes compare as integers
		for _, v := range x {
			top = max(top, math.Float32bits(v)&0x7fffffff)
		}
		d := math.Float32frombits(top) / 127
		id, ok := inverse(d)
		put16(dst, f32ToF16(d))
		qs := (*[32]byte)(dst[2:])
		for j, v := range x {
			qs[j] = 0
			if ok {
				qs[j] = byte(roundAway(v * id))
			}
		}
		src, dst = src[32:], dst[q8_0Bytes:]
	}
}

// roundAway rounds to the nearest integer, ties away from zero. The half is
// added in float64, where the sum is exact.
func roundAway(v float32) int32 {
	half := math.Float64frombits(0x3fe0000000000000 | uint64(math.Float32bits(v)>>31)<<63)
	return int32(float64(v) + half)
}

// Q8_1: 36 bytes per 32 elements. d f16, s f16 (d times the sum of the quants,
// not needed to decode), qs i8[32]; x = q*d.
const q8_1Bytes = 36

func badQ8_1(data []byte) int { return badPair(data, q8_1Bytes, 0) }

func decodeQ8_1(dst []float32, src []byte) {
	for len(dst) >= 32 {
		d := f16ToF32(le16(src))
		y, qs := (*[32]float32)(dst), (*[32]byte)(src[4:])
		for j, q := range qs {
			y[j] = float32(int8(q)) * d
		}
		dst, src = dst[32:], src[q8_1Bytes:]
	}
}
