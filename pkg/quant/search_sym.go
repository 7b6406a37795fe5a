package quant

import "math"

// The search for the scale of signed quants -32..31: the value of largest
// magnitude is mapped to -32, then to -(32+i/10) for i from -9 to 9, each time
// with the quants rounded and the scale refitted by least squares weighted by
// x². llama.cpp calls it make_qx_quants with rmse type 1;
// the operations and their order are part of the result.

// symLevels is the number of positive and of negative quants of Q6_K.
const symLevels = 32

// symSpans are the negated numbers of quants that the largest magnitude is taken
// to span, in the order in which they are tried.
var symSpans = func() (spans [19]float32) {
	spans[0] = -symLevels
	n := 1
	for try := -9; try <= 9; try++ {
		if try != 0 {
			spans[n] = -(symLevels + float32(0.1*float32(try)))
			n++
		}
	}
	return spans
}()

// tinyGroup is the magnitude below which a group of values counts as zero.
const tinyGroup = 1e-15

// searchSym quantises x into q as l+32 and returns the scale, which is
// negative when the value of largest magnitude is positive. A zero group has
// scale 0 and quants 0 (not 32).
func searchSym(x *[16]float32, q *[16]byte) float32 {
	var top, amax float32
	for _, v := range x {
		if a := abs32(v); a > amax {
			amax, top = a, v
		}
	}
	if amax < tinyGroup {
		*q = [16]byte{}
		return 0
	}
	var w, wx [16]float32
	for i, v := range x {
		w[i] = float32(v * v)
		wx[i] = float32(w[i] * v)
	}
	var scale, best, found float32
	for try, span := range symSpans {
		inv := span / top
		var sumXL, sumL2 float32
		for i, v := range x {
			// The rounded values are adjacent floats: clamp their bits.
			k := int32(math.Float32bits(float32(inv*v) + symZero))
			l := math.Float32frombits(uint32(max(symLowest, min(symHighest, k)))) - symZero
			sumXL += float32(wx[i] * l)
			sumL2 += float32(float32(w[i]*l) * l)
		}
		if try == 0 || sumL2 > 0 && float32(sumXL*sumXL) > float32(best*sumL2) {
			scale = sumXL / sumL2
			best = float32(scale * sumXL)
			found = inv
		}
	}
	for i, v := range x {
		q[i] = byte(symLevels + max(-symLevels, min(symLevels-1, nearest(found*v))))
	}
	return scale
}

// symZero rounds what is added to it; symLowest and symHighest are the bits of
// symZero-32 and symZero+31.
const (
	symZero    = 12582912
	symLowest  = 0x4b400000 - symLevels
	symHighest = 0x4b400000 + symLevels - 1
)
