package quant

// Q5_K: 176 bytes per 256 elements. d f16, dmin f16, scales[12], qh[32],
// qs[128]. As Q4_K; bit s of qh[l] is the fifth bit of element l of sub-block s.
const q5_KBytes = 176

func badQ5_K(data []byte) int { return badPair(data, q5_KBytes, 0) }

func decodeQ5_K(dst []float32, src []byte) {
	for len(dst) >= superBlock {
		d, dmin := f16ToF32(le16(src)), f16ToF32(le16(src[2:]))
		scales, qh := (*[12]byte)(src[4:]), (*[32]byte)(src[16:])
		for c := range 4 {
			s, m := scaleMin(scales, 2*c)
			d1, m1 := float32(d*float32(s)), float32(dmin*float32(m))
			s, m = scaleMin(scales, 2*c+1)
			d2, m2 := float32(d*float32(s)), float32(dmin*float32(m))
			qs := (*[32]byte)(src[48+32*c:])
			y := (*[64]float32)(dst[64*c:])
			for l, q := range qs {
				h := qh[l] >> (2 * c)
				y[l] = float32(d1*float32(q&15|h<<4&16)) - m1
				y[l+32] = float32(d2*float32(q>>4|h<<3&16)) - m2
			}
		}
		dst, src = dst[superBlock:], src[q5_KBytes:]
	}
}

var q5_KSearch = newMinSearch(31, -0.5, 0.1, 16)

func encodeQ5_K(dst []byte, src []float32) {
	var w superBlockWork
	for len(src) >= superBlock {
		w.quantise((*[superBlock]float32)(src), q5_KSearch)
		put16(dst, w.d)
		put16(dst[2:], w.dmin)
		packScaleMins((*[12]byte)(dst[4:]), &w.scales, &w.mins)
		qh := (*[32]byte)(dst[16:])
		*qh = [32]byte{}
		for c := range 4 {
			qs := (*[32]byte)(dst[48+32*c:])
			lo, hi := (*[32]byte)(w.q[64*c:]), (*[32]byte)(w.q[64*c+32:])
			for l := range qs {
				qs[l] = lo[l]&15 | hi[l]<<4
				qh[l] |= (lo[l]>>4 | hi[l]>>4<<1) << (2 * c)
			}
		}
		src, dst = src[superBlock:], dst[q5_KBytes:]
	}
}
