package quant

// Q5_0: 22 bytes per 32 elements. d f16, qh u32, qs[16]. Low four bits as in
// Q4_0, bit j of qh is the fifth bit of element j; x = (q-16)*d.
const q5_0Bytes = 22

func badQ5_0(data []byte) int { return badHalf(data, q5_0Bytes, 0) }

func decodeQ5_0(dst []float32, src []byte) {
	for len(dst) >= 32 {
		d, qh := f16ToF32(le16(src)), le32(src[2:])
		y, qs := (*[32]float32)(dst), (*[16]byte)(src[6:])
		for j, q := range qs {
			h := qh >> (j & 31)
			y[j] = float32(int32(uint32(q&15)|h<<4&16)-16) * d
			y[j+16] = float32(int32(uint32(q>>4)|h>>12&16)-16) * d
		}
		dst, src = dst[32:], src[q5_0Bytes:]
	}
}

// encodeQ5_0 maps the value of largest magnitude to -16 (q = 0).
func encodeQ5_0(dst []byte, src []float32) {
	for len(src) >= 32 {
		x := (*[32]float32)(src)
		d := signedMax(x) / -16
		id, ok := inverse(d)
		put16(dst, f32ToF16(d))
		var qh uint32
		qs := (*[16]byte)(dst[6:])
		for j := range qs {
			qs[j] = 0
			if ok {
				lo := min(int32(float32(x[j]*id)+16.5), 31)
				hi := min(int32(float32(x[j+16]*id)+16.5), 31)
				qs[j] = byte(lo&15 | hi<<4)
				qh |= (uint32(lo)>>4 | uint32(hi)>>4<<16) << (j & 31)
			}
		}
		put32(dst[2:], qh)
		src, dst = src[32:], dst[q5_0Bytes:]
	}
}

// Q5_1: 24 bytes per 32 elements. d f16, m f16, qh u32, qs[16]; bits as in
// Q5_0; x = q*d + m.
const q5_1Bytes = 24

func badQ5_1(data []byte) int { return badPair(data, q5_1Bytes, 0) }

func decodeQ5_1(dst []float32, src []byte) {
	for len(dst) >= 32 {
		d, m, qh := f16ToF32(le16(src)), f16ToF32(le16(src[2:])), le32(src[4:])
		y, qs := (*[32]float32)(dst), (*[16]byte)(src[8:])
		for j, q := range qs {
			h := qh >> (j & 31)
			y[j] = float32(float32(int32(uint32(q&15)|h<<4&16))*d) + m
			y[j+16] = float32(float32(int32(uint32(q>>4)|h>>12&16))*d) + m
		}
		dst, src = dst[32:], src[q5_1Bytes:]
	}
}

// encodeQ5_1 maps the smallest value to 0 and the largest to 31.
func encodeQ5_1(dst []byte, src []float32) {
	for len(src) >= 32 {
		x := (*[32]float32)(src)
		lowest, highest := extremes(x)
		d := (highest - lowest) / 31
		id, ok := inverse(d)
		put16(dst, f32ToF16(d))
		put16(dst[2:], f32ToF16(lowest))
		var qh uint32
		qs := (*[16]byte)(dst[8:])
		for j := range qs {
			qs[j] = 0
			if ok {
				lo := int32(float32((x[j]-lowest)*id) + 0.5)
				hi := int32(float32((x[j+16]-lowest)*id) + 0.5)
				qs[j] = byte(lo&15 | hi<<4)
				qh |= (uint32(lo)>>4&1 | uint32(hi)>>4&1<<16) << (j & 31)
			}
		}
		put32(dst[4:], qh)
		src, dst = src[32:], dst[q5_1Bytes:]
	}
}
