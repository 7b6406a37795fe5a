package quant

import "math"

// MXFP4: 17 bytes per 32 elements. e (E8M0 exponent), qs[16] in the order of
// Q4_0; a quant is an FP4 number (sign, two exponent bits, one mantissa bit),
// here doubled to an integer; x = 2^(e-128)*value[q]. e = 255 is the NaN of the
// OCP format and is refused by CheckBlocks.
const mxfp4Bytes = 17

var mxfp4Values = [16]float32{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}

func badMXFP4(data []byte) int {
	for i := 0; i+mxfp4Bytes <= len(data); i += mxfp4Bytes {
		if data[i] == 255 {
			return i / mxfp4Bytes
		}
	}
	return -1
}

func decodeMXFP4(dst []float32, src []byte) {
	for len(dst) >= 32 {
		d := e8m0Half(src[0])
		y, qs := (*[32]float32)(dst), (*[16]byte)(src[1:])
		for j, q := range qs {
			y[j] = d * mxfp4Values[q&15]
			y[j+16] = d * mxfp4Values[q>>4]
		}
		dst, src = dst[32:], src[mxfp4Bytes:]
	}
}

// encodeMXFP4 takes the exponent from the largest magnitude, so that it falls
// into the upper half of the table, and the nearest value, of two the smaller.
func encodeMXFP4(dst []byte, src []float32) {
	for len(src) >= 32 {
		x := (*[32]float32)(src)
		var top uint32
		for _, v := range x {
			top = max(top, math.Float32bits(v)&0x7fffffff)
		}
		e := mxfp4Exponent(top)
		dst[0] = e
		// The doubled values are compared with 2x, an exact product in float64.
		inv := math.Float64frombits(uint64(1023+129-int(e)) << 52)
		qs := (*[16]byte)(dst[1:])
		for j := range qs {
			qs[j] = mxfp4Index(x[j], inv) | mxfp4Index(x[j+16], inv)<<4
		}
		src, dst = src[32:], dst[mxfp4Bytes:]
	}
}

// mxfp4Exponent is floor(log2 of the magnitude) - 2, biased by 127, at least 0;
// 0 for zero. llama.cpp takes the logarithm in float32, which rounds up to the
// next integer n when fewer than ln2*ulp(n)/2 are missing; the table holds that
// many last places of the mantissa by the length of |n|.
func mxfp4Exponent(magnitude uint32) byte {
	near := [8]uint32{0, 0, 1, 2, 5, 11, 22, 44}
	n := int(magnitude>>23) - 126 // the next integer above the logarithm
	length := bitLen(n)
	if n > 0 && n&(n-1) == 0 {
		length-- // below a power of two the floats are twice as dense
	}
	floor := n - 1
	if 0x800000-magnitude&0x7fffff <= near[length] {
		floor = n
	}
	return byte(max(0, floor-2+127))
}

// bitLen is the number of binary digits of |n|.
func bitLen(n int) (length int) {
	for n = max(n, -n); n > 0; n >>= 1 {
		length++
	}
	return length
}

// mxfp4Index is the index of the doubled value nearest to x*inv/2. The
// midpoints, doubled again, are the integers 1, 3, 5, 7, 10, 14 and 20.
func mxfp4Index(x float32, inv float64) byte {
	v := float64(abs32(x)) * inv
	i := int32(v)
	if float64(i) < v {
		i++
	}
	q := [34]byte{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6,
		7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7}[min(i, 33)]
	if x < 0 && q > 0 {
		q |= 8
	}
	return q
}
