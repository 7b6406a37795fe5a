package quant

// Q2_K: 84 bytes per 256 elements. scales[16] (scale low, min high nibble),
// qs[64], d f16, dmin f16. Sixteen sub-blocks of 16; two halves of 128 elements
// with 32 bytes each, element l+32k in bits 2k of byte l;
// x = (d*scale)*q - dmin*min.
const q2_KBytes = 84

func badQ2_K(data []byte) int { return badPair(data, q2_KBytes, 80) }

func decodeQ2_K(dst []float32, src []byte) {
	for len(dst) >= superBlock {
		d, dmin := f16ToF32(le16(src[80:])), f16ToF32(le16(src[82:]))
		for sub := range 16 {
			s := src[sub]
			ds, ms := float32(d*float32(s&15)), float32(dmin*float32(s>>4))
			qs := (*[16]byte)(src[16+sub/8*32+sub%2*16:])
			y := (*[16]float32)(dst[16*sub:])
			shift := sub / 2 % 4 * 2
			for l, q := range qs {
				y[l] = float32(ds*float32(q>>shift&3)) - ms
			}
		}
		dst, src = dst[superBlock:], src[q2_KBytes:]
	}
}

var q2_KSearch = func() *minSearch {
	s := newMinSearch(3, -0.5, 0.1, 16)
	s.absolute = true
	return s
}()

func encodeQ2_K(dst []byte, src []float32) {
	var q [superBlock]byte
	var scale, least, weight [16]float32
	for len(src) >= superBlock {
		x := (*[superBlock]float32)(src)
		var topScale, topMin float32
		for j := range scale {
			xs := x[16*j : 16*j+16]
			for i, v := range xs {
				weight[i] = abs32(v)
			}
			scale[j], least[j] = q2_KSearch.run(xs, weight[:], q[16*j:16*j+16])
			if scale[j] > topScale {
				topScale = scale[j]
			}
			if least[j] > topMin {
				topMin = least[j]
			}
		}
		block := (*[q2_KBytes]byte)(dst)
		*block = [q2_KBytes]byte{}
		if topScale > 0 {
			inv := 15 / topScale
			for j, s := range scale {
				block[j] = byte(nearest(inv * s))
			}
		}
		if topMin > 0 {
			inv := 15 / topMin
			for j, m := range least {
				block[j] |= byte(nearest(inv*m) << 4)
			}
		}
		put16(block[80:], f32ToF16(topScale/15))
		put16(block[82:], f32ToF16(topMin/15))
		d, dmin := f16ToF32(le16(block[80:])), f16ToF32(le16(block[82:]))
		for j, s := range block[:16] {
			dj, mj := float32(d*float32(s&15)), float32(dmin*float32(s>>4))
			if dj == 0 {
				continue
			}
			for i, v := range x[16*j : 16*j+16] {
				q[16*j+i] = byte(max(0, min(3, nearest((v+mj)/dj))))
			}
		}
		packCrumbs((*[64]byte)(block[16:]), &q)
		src, dst = src[superBlock:], dst[q2_KBytes:]
	}
}

// packCrumbs stores the low two bits of 256 quants in the order of Q2_K.
func packCrumbs(dst *[64]byte, q *[superBlock]byte) {
	for half := range 2 {
		h := (*[128]byte)(q[128*half:])
		for l := range 32 {
			dst[32*half+l] = h[l]&3 | h[l+32]&3<<2 | h[l+64]&3<<4 | h[l+96]&3<<6
		}
	}
}
