package quant

// The search for the scale of signed quants -levels..levels-1: the value of
// largest magnitude is mapped to -levels, then to -(levels+i/10) for i from -9
// to 9, each time with the quants rounded and the scale refitted by least
// squares weighted by x². llama.cpp calls it make_qx_quants with rmse type 1;
// the operations and their order are part of the result.

// tinyGroup is the magnitude below which a group of values counts as zero.
const tinyGroup = 1e-15

// searchSym quantises x into q as l+levels and returns the scale, which is
// negative when the value of largest magnitude is positive. A zero group has
// scale 0 and quants 0 (not levels).
func searchSym(x []float32, levels int32, q []byte) float32 {
	q = q[:len(x)]
	var top, amax float32
	for _, v := range x {
		if a := abs32(v); a > amax {
			amax, top = a, v
		}
	}
	if amax < tinyGroup {
		clear(q)
		return 0
	}
	inv := -float32(levels) / top
	sumXL, sumL2 := symSums(x, levels, inv)
	symQuants(x, levels, inv, q)
	var scale float32
	if sumL2 != 0 {
		scale = sumXL / sumL2
	}
	best := float32(scale * sumXL)
	for try := -9; try <= 9; try++ {
		if try == 0 {
			continue
		}
		inv = symSpan(levels, try) / top
		sumXL, sumL2 = symSums(x, levels, inv)
		if sumL2 > 0 && float32(sumXL*sumXL) > float32(best*sumL2) {
			symQuants(x, levels, inv, q)
			scale = sumXL / sumL2
			best = float32(scale * sumXL)
		}
	}
	return scale
}

// symSpan is the negated number of quants that the largest magnitude spans at
// the given try.
func symSpan(levels int32, try int) float32 {
	return -(float32(levels) + float32(0.1*float32(try)))
}

func symSums(x []float32, levels int32, inv float32) (sumXL, sumL2 float32) {
	for _, v := range x {
		l := float32(max(-levels, min(levels-1, nearest(inv*v))))
		w := float32(v * v)
		sumXL += float32(float32(w*v) * l)
		sumL2 += float32(float32(w*l) * l)
	}
	return sumXL, sumL2
}

func symQuants(x []float32, levels int32, inv float32, q []byte) {
	for i, v := range x {
		q[i] = byte(levels + max(-levels, min(levels-1, nearest(inv*v))))
	}
}
