package pack

// The interleaving is one operation: a transposition of 16 rows of dwords, or
// of halves for f16. The functions here define it; transpose_amd64.s is faster.

// transposeWordsGo writes n vectors: dword r of vector v is w[r][v].
func transposeWordsGo(dst []byte, w *[PanelRows]words, from, n int) {
	for v := from; v < n; v++ {
		d := (*[64]byte)(dst[64*v:])
		for r := range PanelRows {
			le.PutUint32(d[4*r:], w[r][v])
		}
	}
}

// transposeDwordsGo writes n vectors: dword r of vector v is dword v of the row
// at src[r*stride].
func transposeDwordsGo(dst, src []byte, stride, n int) {
	for r := range PanelRows {
		s := src[r*stride:][:4*n]
		d := dst[4*r:]
		for len(s) >= 8 {
			x := le.Uint64(s)
			le.PutUint32(d, uint32(x))
			le.PutUint32(d[64:], uint32(x>>32))
			s = s[8:]
			if len(s) > 0 {
				d = d[128:]
			}
		}
		if len(s) > 0 {
			le.PutUint32(d, le.Uint32(s))
		}
	}
}

// transposeHalvesGo writes n records of f16: half r of half-vector k is half k
// of the row at src[r*stride], for two k per record.
func transposeHalvesGo(dst, src []byte, stride, n int) {
	for r := 0; r < PanelRows; r += 2 {
		a, b := src[r*stride:][:4*n], src[(r+1)*stride:][:4*n]
		d := dst[2*r:]
		for i := range n {
			x, y := le.Uint32(a[4*i:]), le.Uint32(b[4*i:])
			le.PutUint32(d[64*i:], x&0xffff|y<<16)
			le.PutUint32(d[64*i+32:], x>>16|y&^0xffff)
		}
	}
}
