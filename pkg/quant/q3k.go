package quant

// Q3_K: 110 bytes per 256 elements. hmask[32], qs[64], scales[12], d f16. The
// element walk of Q2_K; bit t of hmask[l] set means that element l of the t-th
// run of 32 is not lowered by 4. The sixteen 6-bit scales are stored plus 32:
// low four bits in the nibbles of bytes 0 to 7 (low for 0-7, high for 8-15),
// upper two of scale j in bits 2*(j/4) of byte 8+j%4; x = (d*scale)*q.
const q3_KBytes = 110

func badQ3_K(data []byte) int { return badHalf(data, q3_KBytes, 108) }

// q3_KScale unpacks scale j, -32..31.
func q3_KScale(s *[12]byte, j int) int32 {
	low := s[j%8] >> (j / 8 * 4) & 15
	high := s[8+j%4] >> (j / 4 * 2) & 3
	return int32(low|high<<4) - 32
}

func decodeQ3_K(dst []float32, src []byte) {
	for len(dst) >= superBlock {
		d := f16ToF32(le16(src[108:]))
		scales := (*[12]byte)(src[96:])
		for sub := range 16 {
			ds := float32(d * float32(q3_KScale(scales, sub)))
			qs := (*[16]byte)(src[32+sub/8*32+sub%2*16:])
			hm := (*[16]byte)(src[sub%2*16:])
			y := (*[16]float32)(dst[16*sub:])
			shift, bit := sub/2%4*2, sub/2
			for l, q := range qs {
				y[l] = ds * float32(int32(q>>shift&3|hm[l]>>bit&1<<2)-4)
			}
		}
		dst, src = dst[superBlock:], src[q3_KBytes:]
	}
}

func encodeQ3_K(dst []byte, src []float32) {
	var q [superBlock]byte
	var scale [16]float32
	for len(src) >= superBlock {
		x := (*[superBlock]float32)(src)
		var top, amax float32
		for j := range scale {
			scale[j] = searchQ3((*[16]float32)(x[16*j:]), (*[16]byte)(q[16*j:]))
			if a := abs32(scale[j]); a > amax {
				amax, top = a, scale[j]
			}
		}
		block := (*[q3_KBytes]byte)(dst)
		*block = [q3_KBytes]byte{}
		scales := (*[12]byte)(block[96:])
		if top != 0 {
			inv := -32 / top
			for j, s := range scale {
				l := byte(max(-32, min(31, int8(nearest(inv*s)))) + 32)
				scales[j%8] |= l & 15 << (j / 8 * 4)
				scales[8+j%4] |= l >> 4 << (j / 4 * 2)
			}
			put16(block[108:], f32ToF16(1/inv))
		}
		d := f16ToF32(le16(block[108:]))
		for j := range scale {
			dj := float32(d * float32(q3_KScale(scales, j)))
			if dj == 0 {
				continue
			}
			for i, v := range x[16*j : 16*j+16] {
				q[16*j+i] = byte(max(-4, min(3, nearest(v/dj))) + 4)
			}
		}
		for j, l := range q {
			block[j%32] |= l >> 2 << (j / 32)
		}
		packCrumbs((*[64]byte)(block[32:]), &q)
		src, dst = src[superBlock:], dst[q3_KBytes:]
	}
}

// searchQ3 maps the value of largest magnitude to -4 and rounds the others,
// then changes one quant at a time, at most five rounds, while that lowers the
// error weighted by x². It stores q+4 and returns the scale; a zero group has
// scale 0 and quants 0 (not 4). llama.cpp calls it make_q3_quants.
func searchQ3(x *[16]float32, q *[16]byte) float32 {
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
	inv := -4 / top
	var l [16]int32
	var sumXL, sumL2 float32
	for i, v := range x {
		l[i] = max(-4, min(3, nearest(inv*v)))
		w, f := float32(v*v), float32(l[i])
		sumXL += float32(float32(w*v) * f)
		sumL2 += float32(float32(w*f) * f)
	}
	for range 5 {
		changed := false
		for i, v := range x {
			w, f := float32(v*v), float32(l[i])
			restXL := sumXL - float32(float32(w*v)*f)
			if !(restXL > 0) {
				continue
			}
			restL2 := sumL2 - float32(float32(w*f)*f)
			n := max(-4, min(3, nearest(float32(v*restL2)/restXL)))
			if n == l[i] {
				continue
			}
			f = float32(n)
			restXL += float32(float32(w*v) * f)
			restL2 += float32(float32(w*f) * f)
			if restL2 > 0 && float32(float32(restXL*restXL)*sumL2) > float32(float32(sumXL*sumXL)*restL2) {
				l[i], sumXL, sumL2 = n, restXL, restL2
				changed = true
			}
		}
		if !changed {
			break
		}
	}
	for i, v := range l {
		q[i] = byte(v + 4)
	}
	if sumL2 > 0 {
		return sumXL / sumL2
	}
	return 0
}
