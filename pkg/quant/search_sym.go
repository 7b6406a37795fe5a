package quant

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
	inv := symSpans[0] / top
	sumXL, sumL2 := symSums(x, inv)
	symQuants(x, inv, q)
	var scale float32
	if sumL2 != 0 {
		scale = sumXL / sumL2
	}
	best := float32(scale * sumXL)
	for _, span := range symSpans[1:] {
		inv = span / top
		sumXL, sumL2 = symSums(x, inv)
		if sumL2 > 0 && float32(sumXL*sumXL) > float32(best*sumL2) {
			symQuants(x, inv, q)
			scale = sumXL / sumL2
			best = float32(scale * sumXL)
		}
	}
	return scale
}

func symSums(x *[16]float32, inv float32) (sumXL, sumL2 float32) {
	for _, v := range x {
		l := float32(max(-symLevels, min(symLevels-1, nearest(inv*v))))
		w := float32(v * v)
		sumXL += float32(float32(w*v) * l)
		sumL2 += float32(float32(w*l) * l)
	}
	return sumXL, sumL2
}

func symQuants(x *[16]float32, inv float32, q *[16]byte) {
	for i, v := range x {
		q[i] = byte(symLevels + max(-symLevels, min(symLevels-1, nearest(inv*v))))
	}
}
