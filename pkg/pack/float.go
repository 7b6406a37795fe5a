package pack

// tileBytes is how much of each row is interleaved at a time: whole cache
// lines, so that rows whose addresses collide in the cache are read once.
const tileBytes = 512

// pack writes the records of one panel of floats: rows rows of width
// bytes, row r at src[r*stride].
func (f *Floats) pack(dst, src []byte, stride, rows, width int) {
	transpose := transposeDwords // f32 and pairs of bf16
	if f.halves {
		transpose = transposeHalves
	}
	var pad [PanelRows * tileBytes]byte
	if rows == PanelRows && stride >= width {
		for width >= 4 {
			n := min(width, tileBytes) / 4
			transpose(dst[:64*n], src, stride, n)
			dst, src, width = dst[64*n:], src[4*n:], width-4*n
			if width == 0 {
				return
			}
		}
	}
	for width > 0 {
		n := min(width, tileBytes)
		if n < tileBytes {
			clear(pad[:])
		}
		for r := range rows {
			copy(pad[r*tileBytes:][:n], src[r*stride:])
		}
		v := (n + 3) / 4
		transpose(dst[:64*v], pad[:], tileBytes, v)
		if width -= n; width > 0 {
			dst, src = dst[64*v:], src[n:]
		}
	}
}

// unpack is the inverse of pack.
func (f *Floats) unpack(dst, src []byte, rows, width int) {
	for r := range rows {
		d := dst[r*width:][:width]
		if f.halves {
			for c, s := 0, src[2*r:]; c < width; c += 2 {
				le.PutUint16(d[c:], le.Uint16(s[16*c:]))
			}
			continue
		}
		s := src[4*r:]
		for len(d) >= 4 {
			le.PutUint32(d, le.Uint32(s))
			if d = d[4:]; len(d) > 0 {
				s = s[64:]
			}
		}
		if len(d) > 0 { // the last of an odd number of bf16
			le.PutUint16(d, le.Uint16(s))
		}
	}
}
