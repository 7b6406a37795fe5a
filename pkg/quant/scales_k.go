package quant

import "math"

// superBlock is the number of elements of a K-quant block.
const superBlock = 256

// scaleMin unpacks pair j of the eight 6-bit (scale, min) pairs that Q4_K and
// Q5_K keep in 12 bytes: pairs 0 to 3 in the low six bits of bytes j and j+4,
// pairs 4 to 7 in the nibbles of bytes 8 to 11, completed by the top two bits
// of bytes j-4 and j.
func scaleMin(s *[12]byte, j int) (scale, least byte) {
	if j < 4 {
		return s[j] & 63, s[j+4] & 63
	}
	return s[j+4]&15 | s[j-4]>>6<<4, s[j+4]>>4 | s[j]>>6<<4
}

// packScaleMins is the inverse of scaleMin for all pairs.
func packScaleMins(s *[12]byte, scales, mins *[8]byte) {
	for j := range 4 {
		s[j] = scales[j] | scales[j+4]>>4<<6
		s[j+4] = mins[j] | mins[j+4]>>4<<6
		s[j+8] = scales[j+4]&15 | mins[j+4]<<4
	}
}

// nearest rounds to the nearest integer, ties to even, for |v| < 2^22. Beyond
// that, and for Inf and NaN, the result is meaningless but the same everywhere.
// The conversion keeps the compiler from fusing the addition with a product
// that v may be.
func nearest(v float32) int32 {
	return int32(math.Float32bits(float32(v)+12582912)&0x7fffff) - 0x400000
}

func abs32(v float32) float32 {
	return math.Float32frombits(math.Float32bits(v) & 0x7fffffff)
}

func sqrt32(v float32) float32 { return float32(math.Sqrt(float64(v))) }
