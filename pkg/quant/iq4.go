package quant

// The 4-bit types whose quants index a table of unevenly spaced values.

var iq4Values = [16]float32{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// iq4Nearest[i] is the index of the value nearest to (i-254)/2, the upper one
// of two equally near: all midpoints are multiples of a half, so it is also
// right for everything from there up to the next half.
var iq4Nearest = func() (table [481]byte) {
	for i := range table {
		x := float32(float32(i-254) / 2)
		for k := 1; k < 16 && x-iq4Values[k-1] >= iq4Values[k]-x; k++ {
			table[i] = byte(k)
		}
	}
	return table
}()

// iq4Index is the index of the table value nearest to x.
func iq4Index(x float32) byte {
	switch {
	case x >= 113:
		return 15
	case x > -127:
		twice := 2 * float32(x) // the conversion keeps x+x from being fused with a product
		i := int32(twice)
		if float32(i) > twice {
			i--
		}
		return iq4Nearest[i+254]
	}
	return 0
}

// IQ4_NL: 18 bytes per 32 elements. d f16, qs[16] in the order of Q4_0;
// x = d*value[q].
const iq4_NLBytes = 18

func badIQ4_NL(data []byte) int { return badHalf(data, iq4_NLBytes, 0) }

func decodeIQ4_NL(dst []float32, src []byte) {
	for len(dst) >= 32 {
		decodeIQ4((*[32]float32)(dst), (*[16]byte)(src[2:]), f16ToF32(le16(src)))
		dst, src = dst[32:], src[iq4_NLBytes:]
	}
}

func decodeIQ4(y *[32]float32, qs *[16]byte, d float32) {
	for j, q := range qs {
		y[j] = d * iq4Values[q&15]
		y[j+16] = d * iq4Values[q>>4]
	}
}

func encodeIQ4_NL(dst []byte, src []float32) {
	for len(src) >= 32 {
		x := (*[32]float32)(src)
		d := searchIQ4(x)
		put16(dst, f32ToF16(d))
		packIQ4((*[16]byte)(dst[2:]), x, d)
		src, dst = src[32:], dst[iq4_NLBytes:]
	}
}

// IQ4_XS: 136 bytes per 256 elements. d f16, scales_h u16, scales_l[4],
// qs[128]. Eight sub-blocks of 32 in the order of IQ4_NL with 6-bit scales
// stored plus 32: low four bits in nibble b of scales_l, upper two in bits 2b
// of scales_h; x = (d*scale)*value[q].
const iq4_XSBytes = 136

func badIQ4_XS(data []byte) int { return badHalf(data, iq4_XSBytes, 0) }

func decodeIQ4_XS(dst []float32, src []byte) {
	for len(dst) >= superBlock {
		d, high := f16ToF32(le16(src)), le16(src[2:])
		for b := range 8 {
			low := src[4+b/2] >> (b % 2 * 4) & 15
			scale := int32(uint16(low)|high>>(2*b)&3<<4) - 32
			decodeIQ4((*[32]float32)(dst[32*b:]), (*[16]byte)(src[8+16*b:]), float32(d*float32(scale)))
		}
		dst, src = dst[superBlock:], src[iq4_XSBytes:]
	}
}

func encodeIQ4_XS(dst []byte, src []float32) {
	for len(src) >= superBlock {
		var scale [8]float32
		var top, amax float32
		for b := range scale {
			scale[b] = searchIQ4((*[32]float32)(src[32*b:]))
			if a := abs32(scale[b]); a > amax {
				amax, top = a, scale[b]
			}
		}
		block := (*[iq4_XSBytes]byte)(dst)
		*block = [iq4_XSBytes]byte{}
		d := -top / 32
		put16(block[:], f32ToF16(d))
		var inv float32
		if d != 0 {
			inv = 1 / d
		}
		var high uint16
		for b, s := range scale {
			l := max(-32, min(31, nearest(inv*s)))
			packIQ4((*[16]byte)(block[8+16*b:]), (*[32]float32)(src[32*b:]), float32(d*float32(l)))
			u := byte(l + 32)
			block[4+b/2] |= u & 15 << (b % 2 * 4)
			high |= uint16(u>>4) << (2 * b)
		}
		put16(block[2:], high)
		src, dst = src[superBlock:], dst[iq4_XSBytes:]
	}
}

// packIQ4 stores the table indices nearest to x/d.
func packIQ4(qs *[16]byte, x *[32]float32, d float32) {
	var inv float32
	if d != 0 {
		inv = 1 / d
	}
	for j := range qs {
		qs[j] = iq4Index(inv*x[j]) | iq4Index(inv*x[j+16])<<4
	}
}

// searchIQ4 maps the value of largest magnitude to the end of the table, then
// to seven integers on either side, refits the scale by least squares weighted
// by x² and returns the best; 0 for a zero group.
func searchIQ4(x *[32]float32) float32 {
	var top, amax float32
	for _, v := range x {
		if a := abs32(v); a > amax {
			amax, top = a, v
		}
	}
	if amax < tinyGroup {
		return 0
	}
	first := -top / iq4Values[0]
	sumQX, sumQ2 := iq4Sums(x, 1/first)
	var d float32
	if sumQ2 > 0 {
		d = sumQX / sumQ2
	}
	best := float32(d * sumQX)
	for try := float32(-7); try <= 7; try++ {
		sumQX, sumQ2 = iq4Sums(x, (try+iq4Values[0])/top)
		if sumQ2 > 0 && float32(sumQX*sumQX) > float32(best*sumQ2) {
			d = sumQX / sumQ2
			best = float32(d * sumQX)
		}
	}
	return d
}

func iq4Sums(x *[32]float32, inv float32) (sumQX, sumQ2 float32) {
	for _, v := range x {
		q := iq4Values[iq4Index(inv*v)]
		wq := float32(float32(v*v) * q)
		sumQX += float32(wq * v)
		sumQ2 += float32(wq * q)
	}
	return sumQX, sumQ2
}
