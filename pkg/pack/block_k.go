package pack

// read256 fills a row from one block of q4_k, q5_k or q6_k.
func (f *Format) read256(w *words, s *scales, b []byte) {
	if f.order == orderQ6K {
		readQ6K(w, s, (*[210]byte)(b))
		return
	}
	s.readK(b[:16])
	if f.HighBits != 0 {
		high := (*[8]uint32)(w[f.LowVectors:])
		for i := range high {
			high[i] = le.Uint32(b[16+4*i:])
		}
		transposeBits(high) // bit c of byte l is of channel 32c+l
	}
	nibblesK(w, (*[128]byte)(b[f.bytes-128:]))
}

// readK reads what q4_k and q5_k begin with: d, dmin, and 6-bit scales and
// mins, the first four of each in bytes of their own, the upper bits of the
// others above them.
func (s *scales) readK(b []byte) {
	s.d[0], s.m[0] = le.Uint16(b), le.Uint16(b[2:])
	x, y, z := le.Uint32(b[4:]), le.Uint32(b[8:]), le.Uint32(b[12:])
	const six, low, top = 0x3f3f3f3f, 0x0f0f0f0f, 0x30303030
	s.sc[0] = uint64(x&six) | uint64(z&low|x>>2&top)<<32
	s.mn = uint64(y&six) | uint64(z>>4&low|y>>2&top)<<32
}

// nibblesK: 64 channels come from 32 bytes, the low nibbles first.
func nibblesK(w *words, b *[128]byte) {
	for c := range 4 {
		q, v := (*[32]byte)(b[32*c:]), (*[8]uint32)(w[8*c:])
		v[0], v[4] = split(le.Uint64(q[:]))
		v[1], v[5] = split(le.Uint64(q[8:]))
		v[2], v[6] = split(le.Uint64(q[16:]))
		v[3], v[7] = split(le.Uint64(q[24:]))
	}
}

// readQ6K: in each half, channels 64 apart share a byte of lower bits, and
// channels 32 apart a byte of upper bits.
func readQ6K(w *words, s *scales, b *[210]byte) {
	s.sc = [2]uint64{le.Uint64(b[192:]), le.Uint64(b[200:])}
	s.d[0] = le.Uint16(b[208:])
	for h := range 2 {
		q, v := (*[64]byte)(b[64*h:]), (*[16]uint32)(w[16*h:])
		for i := range 8 {
			v[i], v[i+8] = split(le.Uint64(q[8*i:]))
		}
		u, v8 := (*[32]byte)(b[128+32*h:]), (*[8]uint32)(w[32+8*h:])
		for i := range 2 {
			x, y := le.Uint64(u[16*i:]), le.Uint64(u[16*i+8:])
			v8[i], v8[i+2], v8[i+4], v8[i+6] = transposePairs(uint32(x), uint32(x>>32), uint32(y), uint32(y>>32))
		}
	}
}

// write256 is the inverse of read256.
func (f *Format) write256(w *words, s *scales, b []byte) {
	if f.order == orderQ6K {
		writeQ6K(w, s, b[:210])
		return
	}
	s.writeK(b[:16])
	if f.HighBits != 0 {
		high := [8]uint32(w[f.LowVectors:])
		transposeBits(&high)
		for i, x := range high {
			le.PutUint32(b[16+4*i:], x)
		}
	}
	putNibblesK(w, b[f.bytes-128:f.bytes])
}

func (s *scales) writeK(b []byte) {
	le.PutUint16(b, s.d[0])
	le.PutUint16(b[2:], s.m[0])
	const low, top = 0x0f0f0f0f, 0xc0c0c0c0
	sc, sc4, mn, mn4 := uint32(s.sc[0]), uint32(s.sc[0]>>32), uint32(s.mn), uint32(s.mn>>32)
	le.PutUint32(b[4:], sc|sc4<<2&top)
	le.PutUint32(b[8:], mn|mn4<<2&top)
	le.PutUint32(b[12:], sc4&low|mn4&low<<4)
}

func putNibblesK(w *words, b []byte) {
	for c := range 4 {
		for i := range 4 {
			le.PutUint64(b[32*c+8*i:], join(w[8*c+i], w[8*c+4+i]))
		}
	}
}

func writeQ6K(w *words, s *scales, b []byte) {
	le.PutUint64(b[192:], s.sc[0])
	le.PutUint64(b[200:], s.sc[1])
	le.PutUint16(b[208:], s.d[0])
	for h := range 2 {
		v := w[16*h:]
		for i := range 8 {
			le.PutUint64(b[64*h+8*i:], join(v[i], v[i+8]))
		}
		u, high := b[128+32*h:], w[32+8*h:]
		for i := range 2 {
			x, y, z, t := transposePairs(high[i], high[i+2], high[i+4], high[i+6])
			for j, word := range [4]uint32{x, y, z, t} {
				le.PutUint32(u[16*i+4*j:], word)
			}
		}
	}
}

// rewrite256 replaces zero scales of a k-quant row and the values under them.
func (f *Format) rewrite256(w *words, s *scales) {
	zero := isZero(s.d[0])
	if zero {
		s.d[0] = smallest
	}
	subs := f.Channels / f.Group
	for i := range (subs + 7) / 8 {
		sc := s.sc[i]
		if !zero && (sc-ones)&^sc&tops == 0 { // no byte is zero
			continue
		}
		for j := 8 * i; j < 8*i+8; j++ {
			shift := 8 * (j % 8)
			if !zero && sc>>shift&255 != 0 {
				continue
			}
			sc = sc&^(255<<shift) | 1<<shift
			per := f.LowVectors / subs // vectors of low bits in a sub-block
			for v := range per {
				w[per*j+v] = f.zeroLow
			}
			if f.HighBits != 0 {
				w[f.LowVectors+j] = f.zeroHigh
			}
		}
		s.sc[i] = sc
	}
}
