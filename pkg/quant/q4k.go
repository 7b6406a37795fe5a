package quant

// Q4_K: 144 bytes per 256 elements. d f16, dmin f16, scales[12], qs[128].
// Eight sub-blocks of 32 with a 6-bit scale and min each; chunk c of 32 bytes
// holds sub-block 2c in its low and 2c+1 in its high nibbles;
// x = (d*scale)*q - dmin*min.
const q4_KBytes = 144

func badQ4_K(data []byte) int { return badPair(data, q4_KBytes, 0) }

func decodeQ4_K(dst []float32, src []byte) {
	for len(dst) >= superBlock {
		d, dmin := f16ToF32(le16(src)), f16ToF32(le16(src[2:]))
		scales := (*[12]byte)(src[4:])
		for c := range 4 {
			s, m := scaleMin(scales, 2*c)
			d1, m1 := float32(d*float32(s)), float32(dmin*float32(m))
			s, m = scaleMin(scales, 2*c+1)
			d2, m2 := float32(d*float32(s)), float32(dmin*float32(m))
			qs := (*[32]byte)(src[16+32*c:])
			y := (*[64]float32)(dst[64*c:])
			for l, q := range qs {
				y[l] = float32(d1*float32(q&15)) - m1
				y[l+32] = float32(d2*float32(q>>4)) - m2
			}
		}
		dst, src = dst[superBlock:], src[q4_KBytes:]
	}
}

var q4_KSearch = newMinSearch(15, -1, 0.1, 21)

func encodeQ4_K(dst []byte, src []float32) {
	var w superBlockWork
	for len(src) >= superBlock {
		w.quantise((*[superBlock]float32)(src), q4_KSearch)
		put16(dst, w.d)
		put16(dst[2:], w.dmin)
		packScaleMins((*[12]byte)(dst[4:]), &w.scales, &w.mins)
		for c := range 4 {
			qs := (*[32]byte)(dst[16+32*c:])
			lo, hi := (*[32]byte)(w.q[64*c:]), (*[32]byte)(w.q[64*c+32:])
			for l := range qs {
				qs[l] = lo[l] | hi[l]<<4
			}
		}
		src, dst = src[superBlock:], dst[q4_KBytes:]
	}
}
