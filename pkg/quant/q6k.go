package quant

// Q6_K: 210 bytes per 256 elements. ql[128], qh[64], scales i8[16], d f16.
// Sixteen sub-blocks of 16; two halves of 128 elements, each with 64 bytes of
// ql, 32 of qh and 8 scales; in a half, element l+32k (l < 32) has its low four
// bits in ql[l+32*(k&1)], the high nibble for k >= 2, and its upper two in bits
// 2k of qh[l]; x = (d*scale)*(q-32).
const q6_KBytes = 210

func badQ6_K(data []byte) int { return badHalf(data, q6_KBytes, 208) }

func decodeQ6_K(dst []float32, src []byte) {
	for len(dst) >= superBlock {
		d := f16ToF32(le16(src[208:]))
		for half := range 2 {
			ql, qh := (*[64]byte)(src[64*half:]), (*[32]byte)(src[128+32*half:])
			var ds [8]float32
			for i := range ds {
				ds[i] = float32(d * float32(int8(src[192+8*half+i])))
			}
			y := (*[128]float32)(dst[128*half:])
			for l := range qh {
				s, h, a, b := l/16, qh[l], ql[l], ql[l+32]
				y[l] = ds[s] * float32(int32(a&15|h<<4&48)-32)
				y[l+32] = ds[s+2] * float32(int32(b&15|h<<2&48)-32)
				y[l+64] = ds[s+4] * float32(int32(a>>4|h&48)-32)
				y[l+96] = ds[s+6] * float32(int32(b>>4|h>>2&48)-32)
			}
		}
		dst, src = dst[superBlock:], src[q6_KBytes:]
	}
}

func encodeQ6_K(dst []byte, src []float32) {
	var w symWork
	for len(src) >= superBlock {
		block := (*[q6_KBytes]byte)(dst)
		if !w.quantise((*[superBlock]float32)(src)) {
			*block = [q6_KBytes]byte{}
		} else {
			packQ6_K(block, &w)
		}
		src, dst = src[superBlock:], dst[q6_KBytes:]
	}
}

func packQ6_K(block *[q6_KBytes]byte, w *symWork) {
	for half := range 2 {
		q := (*[128]byte)(w.q[128*half:])
		ql, qh := (*[64]byte)(block[64*half:]), (*[32]byte)(block[128+32*half:])
		for l := range qh {
			a, b, c, e := q[l], q[l+32], q[l+64], q[l+96]
			ql[l] = a&15 | c<<4
			ql[l+32] = b&15 | e<<4
			qh[l] = a>>4 | b>>4<<2 | c>>4<<4 | e>>4<<6
		}
	}
	for j, s := range w.scales {
		block[192+j] = byte(s)
	}
	put16(block[208:], w.d)
}

// symWork is the scratch and the result of quantising one super-block of Q6_K.
type symWork struct {
	d      uint16 // f16
	scales [16]int8
	q      [superBlock]byte

	lanes lanes
}

// quantise fills all results from x; false means that x counts as zero.
func (w *symWork) quantise(x *[superBlock]float32) bool {
	var scale [16]float32
	if !w.lanes.searchSyms(x, &scale) {
		for j := range scale {
			scale[j] = w.searchSubBlock(x, j)
		}
	}
	var top, amax float32
	for _, s := range scale {
		if a := abs32(s); a > amax {
			amax, top = a, s
		}
	}
	if amax < tinyGroup {
		return false
	}
	inv := -128 / top
	w.d = f32ToF16(1 / inv)
	d := f16ToF32(w.d)
	var ds, none [16]float32
	for j, s := range scale {
		w.scales[j] = int8(min(127, nearest(inv*s)))
		ds[j] = float32(d * float32(w.scales[j]))
	}
	// The quants follow the scales as they were stored. Where a stored scale
	// is zero they are those of the search.
	quantise(&w.q, x, &ds, &none, -symLevels, symLevels-1)
	for j := range scale {
		if ds[j] == 0 {
			w.searchSubBlock(x, j)
		}
	}
	return true
}

func (w *symWork) searchSubBlock(x *[superBlock]float32, j int) float32 {
	return searchSym((*[16]float32)(x[16*j:]), (*[16]byte)(w.q[16*j:]))
}
