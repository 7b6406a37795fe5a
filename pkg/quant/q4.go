package quant

import "math"

// Q4_0: 18 bytes per 32 elements. d f16, qs[16]; byte j holds elements j (low
// nibble) and j+16; x = (q-8)*d.
const q4_0Bytes = 18

func badQ4_0(data []byte) int { return badHalf(data, q4_0Bytes, 0) }

func decodeQ4_0(dst []float32, src []byte) {
	for len(dst) >= 32 {
		d := f16ToF32(le16(src))
		y, qs := (*[32]float32)(dst), (*[16]byte)(src[2:])
		for j, q := range qs {
			y[j] = float32(int32(q&15)-8) * d
			y[j+16] = float32(int32(q>>4)-8) * d
		}
		dst, src = dst[32:], src[q4_0Bytes:]
	}
}

// encodeQ4_0 maps the value of largest magnitude to -8 (q = 0).
func encodeQ4_0(dst []byte, src []float32) {
	for len(src) >= 32 {
		x := (*[32]float32)(src)
		d := signedMax(x) / -8
		id, ok := inverse(d)
		put16(dst, f32ToF16(d))
		qs := (*[16]byte)(dst[2:])
		for j := range qs {
			qs[j] = 0
			if ok {
				lo := int32(float32(x[j]*id) + 8.5)
				hi := int32(float32(x[j+16]*id) + 8.5)
				qs[j] = byte(min(lo, 15) | min(hi, 15)<<4)
			}
		}
		src, dst = src[32:], dst[q4_0Bytes:]
	}
}

// Q4_1: 20 bytes per 32 elements. d f16, m f16, qs[16] in the order of Q4_0;
// x = q*d + m.
const q4_1Bytes = 20

func badQ4_1(data []byte) int { return badPair(data, q4_1Bytes, 0) }

func decodeQ4_1(dst []float32, src []byte) {
	for len(dst) >= 32 {
		d, m := f16ToF32(le16(src)), f16ToF32(le16(src[2:]))
		y, qs := (*[32]float32)(dst), (*[16]byte)(src[4:])
		for j, q := range qs {
			y[j] = float32(float32(q&15)*d) + m
			y[j+16] = float32(float32(q>>4)*d) + m
		}
		dst, src = dst[32:], src[q4_1Bytes:]
	}
}

// encodeQ4_1 maps the smallest value to 0 and the largest to 15.
func encodeQ4_1(dst []byte, src []float32) {
	for len(src) >= 32 {
		x := (*[32]float32)(src)
		lowest, highest := extremes(x)
		d := (highest - lowest) / 15
		id, ok := inverse(d)
		put16(dst, f32ToF16(d))
		put16(dst[2:], f32ToF16(lowest))
		qs := (*[16]byte)(dst[4:])
		for j := range qs {
			qs[j] = 0
			if ok {
				lo := int32(float32((x[j]-lowest)*id) + 0.5)
				hi := int32(float32((x[j+16]-lowest)*id) + 0.5)
				qs[j] = byte(min(lo, 15) | min(hi, 15)<<4)
			}
		}
		src, dst = src[32:], dst[q4_1Bytes:]
	}
}

// signedMax is the value of largest magnitude, the first of equals; 0 if all
// are zero.
func signedMax(x *[32]float32) float32 {
	var top, at uint32 // magnitudes compare as integers
	for _, v := range x {
		u := math.Float32bits(v)
		if a := u & 0x7fffffff; a > top {
			top, at = a, u
		}
	}
	return math.Float32frombits(at)
}

// extremes are the smallest and the largest value, the first of equals.
func extremes(x *[32]float32) (lowest, highest float32) {
	lo, hi := int32(math.MaxInt32), int32(math.MinInt32)
	for _, v := range x {
		k := ordered(v)
		lo, hi = min(lo, k), max(hi, k)
	}
	return firstZero(x, fromOrdered(lo)), firstZero(x, fromOrdered(hi))
}

// ordered maps floats to integers of the same order, -0 before 0.
func ordered(v float32) int32 {
	k := int32(math.Float32bits(v))
	return k ^ k>>31&math.MaxInt32
}

func fromOrdered(k int32) float32 { return math.Float32frombits(uint32(k ^ k>>31&math.MaxInt32)) }

// firstZero gives a zero the sign of the first zero in x.
func firstZero(x *[32]float32, v float32) float32 {
	if v == 0 {
		for _, z := range x {
			if z == 0 {
				return z
			}
		}
	}
	return v
}

// inverse is 1/d, 0 for d = 0. It is not ok when d is so small that 1/d is Inf
// (d is then 0 in f16, the quants mean nothing and are stored as zero) or when
// d itself is Inf (the block is refused by the caller).
func inverse(d float32) (id float32, ok bool) {
	if d == 0 {
		return 0, true
	}
	id = 1 / d
	return id, math.Float32bits(id)&0x7fffffff-1 < 0x7f800000-1
}
