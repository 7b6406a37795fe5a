package quant

// minSearch describes the search for a scale and a minimum with which unsigned
// quants 0..levels represent a run of values. The first guess spans the range
// of the values; then the range is taken to be spans[0], spans[1], ... quants
// wide, each time the quants are rounded, scale and minimum are refitted by
// weighted least squares, and the smallest error wins. The minimum is never
// positive, so that zero stays representable.
//
// This is the search that llama.cpp calls make_qkx2_quants; the operations and
// their order are part of the result.
type minSearch struct {
	levels   int32
	tries    int
	absolute bool        // weigh absolute instead of squared errors (Q2_K)
	spans    [21]float32 // width of the range in quants at each try
}

// newMinSearch searches spans of levels+first, levels+first+step, ...
func newMinSearch(levels int32, first, step float32, tries int) *minSearch {
	s := &minSearch{levels: levels, tries: tries}
	for try := range tries {
		s.spans[try] = first + float32(step*float32(try)) + float32(levels)
	}
	return s
}

// run quantises at most 32 values x with the weights w into q. It returns the
// scale and the negated minimum, both non-negative.
func (s *minSearch) run(x, w []float32, q []byte) (scale, least float32) {
	w, q = w[:len(x)], q[:len(x)]
	lo, hi := x[0], x[0]
	sumW := w[0]
	sumX := float32(sumW * x[0])
	for i, v := range x[1:] {
		if v < lo {
			lo = v
		}
		if v > hi {
			hi = v
		}
		sumW += w[i+1]
		sumX += float32(w[i+1] * v)
	}
	if lo > 0 {
		lo = 0
	}
	if hi == lo {
		clear(q)
		return 0, -lo
	}
	var quants [2]subBlock32
	found, fresh := quants[0][:len(x)], quants[1][:len(x)]
	inv := float32(s.levels) / (hi - lo)
	scale = 1 / inv
	s.sums(x, w, found, inv, lo)
	best := s.error(x, w, found, scale, lo)
	for _, span := range s.spans[:s.tries] {
		sumL, sumL2, sumXL := s.sums(x, w, fresh, span/(hi-lo), lo)
		det := float32(sumW*sumL2) - float32(sumL*sumL)
		if !(det > 0) {
			continue
		}
		tryScale := (float32(sumW*sumXL) - float32(sumX*sumL)) / det
		tryLo := (float32(sumL2*sumX) - float32(sumL*sumXL)) / det
		if tryLo > 0 {
			tryLo = 0
			tryScale = sumXL / sumL2
		}
		if e := s.error(x, w, fresh, tryScale, tryLo); e < best {
			found, fresh = fresh, found
			best, scale, lo = e, tryScale, tryLo
		}
	}
	for i, l := range found {
		q[i] = byte(int32(l))
	}
	return scale, -lo
}

// sums rounds (x-lo)*inv to the quants l and returns the weighted sums of l, l²
// and l*x.
func (s *minSearch) sums(x, w, quants []float32, inv, lo float32) (sumL, sumL2, sumXL float32) {
	w, quants = w[:len(x)], quants[:len(x)]
	levels := s.levels
	for i, v := range x {
		l := float32(max(0, min(levels, nearest(inv*(v-lo)))))
		quants[i] = l
		wl := float32(w[i] * l)
		sumL += wl
		sumL2 += float32(wl * l)
		sumXL += float32(wl * v)
	}
	return sumL, sumL2, sumXL
}

// error is the weighted error of representing x as scale*q + lo.
func (s *minSearch) error(x, w, q []float32, scale, lo float32) (sum float32) {
	w, q = w[:len(x)], q[:len(x)]
	if s.absolute {
		for i, v := range x {
			sum += float32(w[i] * abs32(float32(scale*q[i])+lo-v))
		}
		return sum
	}
	for i, v := range x {
		diff := float32(scale*q[i]) + lo - v
		sum += float32(w[i] * float32(diff*diff))
	}
	return sum
}

// subBlock32 is the part of a super-block that shares a scale and a minimum.
type subBlock32 = [32]float32

// superBlockWork is the scratch and the result of quantising one super-block
// of Q4_K or Q5_K.
type superBlockWork struct {
	d, dmin      uint16 // f16
	scales, mins [8]byte
	q            [superBlock]byte

	lanes lanes
}

// quantise fills all results from x.
func (w *superBlockWork) quantise(x *[superBlock]float32, s *minSearch) {
	var scale, least [8]float32
	if !w.lanes.searchMins(x, s, &scale, &least) {
		for j := range scale {
			scale[j], least[j] = w.searchSubBlock(x, s, j)
		}
	}
	var topScale, topMin float32
	for j := range scale {
		if scale[j] > topScale {
			topScale = scale[j]
		}
		if least[j] > topMin {
			topMin = least[j]
		}
	}
	invScale, invMin := overTop(topScale), overTop(topMin)
	w.d, w.dmin = f32ToF16(topScale/63), f32ToF16(topMin/63)
	d, dmin := f16ToF32(w.d), f16ToF32(w.dmin)
	var ds, ms [16]float32
	for j := range scale {
		w.scales[j] = min(63, byte(nearest(invScale*scale[j])))
		w.mins[j] = min(63, byte(nearest(invMin*least[j])))
		dj, mj := float32(d*float32(w.scales[j])), float32(dmin*float32(w.mins[j]))
		ds[2*j], ds[2*j+1] = dj, dj
		ms[2*j], ms[2*j+1] = mj, mj
	}
	// The quants follow the scales as they were stored. Where a stored scale
	// is zero they are those of the search.
	quantise(&w.q, x, &ds, &ms, 0, s.levels)
	for j := range scale {
		if ds[2*j] == 0 {
			w.searchSubBlock(x, s, j)
		}
	}
}

// quantiseGo is the portable version of quantise.
func quantiseGo(q *[superBlock]byte, x *[superBlock]float32, d, m *[16]float32, lowest, highest int32) {
	for j := range d {
		dj, mj := d[j], m[j]
		xs, qs := (*[16]float32)(x[16*j:]), (*[16]byte)(q[16*j:])
		for i, v := range xs {
			qs[i] = byte(max(lowest, min(highest, nearest((v+mj)/dj))) - lowest)
		}
	}
}

// searchSubBlock searches for scale and minimum of sub-block j and leaves the
// quants in w.q.
func (w *superBlockWork) searchSubBlock(x *[superBlock]float32, s *minSearch, j int) (scale, least float32) {
	xs := (*subBlock32)(x[32*j:])
	var weight subBlock32
	searchWeights(xs, &weight)
	return s.run(xs[:], weight[:], w.q[32*j:32*j+32])
}

// searchWeights gives each value its magnitude plus the root mean square of
// the sub-block as its weight.
func searchWeights(x, weight *subBlock32) {
	var sum float32
	for _, v := range x {
		sum += float32(v * v)
	}
	rms := sqrt32(sum / 32)
	for i, v := range x {
		weight[i] = rms + abs32(v)
	}
}

// overTop is 63/top, 0 for a top of zero.
func overTop(top float32) float32 {
	if top > 0 {
		return 63 / top
	}
	return 0
}
