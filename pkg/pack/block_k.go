package pack

import "github.com/tessera-llm/tessera/pkg/tensor"

// read256 fills g from one block of q4_k, q5_k or q6_k.
func (g *group) read256(t tensor.Type, b []byte) {
	if t == tensor.Q6_K {
		g.readQ6K(b)
		return
	}
	g.d[0], g.m[0] = le.Uint16(b), le.Uint16(b[2:])
	s := b[4:16]
	for j := range 4 {
		g.sc[j], g.mn[j] = s[j]&63, s[j+4]&63
		g.sc[j+4] = s[j+8]&15 | s[j]>>6<<4
		g.mn[j+4] = s[j+8]>>4 | s[j+4]>>6<<4
	}
	b = b[16:]
	var high []byte
	if t == tensor.Q5_K {
		high, b = b[:32], b[32:]
	}
	for c := range 4 { // 64 channels from 32 bytes: low nibbles, then high
		for l := range 32 {
			v := b[32*c+l]
			lo, hi := v&15, v>>4
			if high != nil {
				lo |= high[l] >> (2 * c) & 1 << 4
				hi |= high[l] >> (2*c + 1) & 1 << 4
			}
			g.q[64*c+l], g.q[64*c+32+l] = lo, hi
		}
	}
}

// write256 is the inverse of read256.
func (g *group) write256(t tensor.Type, b []byte) {
	if t == tensor.Q6_K {
		g.writeQ6K(b)
		return
	}
	le.PutUint16(b, g.d[0])
	le.PutUint16(b[2:], g.m[0])
	s := b[4:16]
	for j := range 4 {
		s[j] = g.sc[j] | g.sc[j+4]>>4<<6
		s[j+4] = g.mn[j] | g.mn[j+4]>>4<<6
		s[j+8] = g.sc[j+4]&15 | g.mn[j+4]&15<<4
	}
	b = b[16:]
	if t == tensor.Q5_K {
		for l := range 32 {
			b[l] = 0
			for c := range 8 {
				b[l] |= g.q[32*c+l] >> 4 << c
			}
		}
		b = b[32:]
	}
	for c := range 4 {
		for l := range 32 {
			b[32*c+l] = g.q[64*c+l]&15 | g.q[64*c+32+l]<<4
		}
	}
}

func (g *group) readQ6K(b []byte) {
	ql, qh, sc := b[:128], b[128:192], b[192:208]
	g.d[0] = le.Uint16(b[208:])
	copy(g.sc[:], sc)
	for h := range 2 {
		for l := range 32 {
			x, y, z := ql[64*h+l], ql[64*h+32+l], qh[32*h+l]
			q := g.q[128*h+l:]
			q[0] = x&15 | z&3<<4
			q[32] = y&15 | z>>2&3<<4
			q[64] = x>>4 | z>>4&3<<4
			q[96] = y>>4 | z>>6<<4
		}
	}
}

func (g *group) writeQ6K(b []byte) {
	ql, qh := b[:128], b[128:192]
	copy(b[192:208], g.sc[:])
	le.PutUint16(b[208:], g.d[0])
	for h := range 2 {
		for l := range 32 {
			q := g.q[128*h+l:]
			ql[64*h+l] = q[0]&15 | q[64]<<4
			ql[64*h+32+l] = q[32]&15 | q[96]<<4
			qh[32*h+l] = q[0]>>4 | q[32]>>4<<2 | q[64]>>4<<4 | q[96]>>4<<6
		}
	}
}

// sanitize256 checks and rewrites a k-quant group.
func (g *group) sanitize256(t tensor.Type, row, block int64) error {
	if notFinite(g.d[0]) {
		return &ScaleError{t, row, block, "d", g.d[0]}
	}
	if notFinite(g.m[0]) {
		return &ScaleError{t, row, block, "dmin", g.m[0]}
	}
	g.rewrite256(t)
	return nil
}

// rewrite256 replaces zero scales of a k-quant group and the values under them.
func (g *group) rewrite256(t tensor.Type) {
	zp, width, n := zeroPoint(t), 32, 8
	if t == tensor.Q6_K {
		width, n = 16, 16
	}
	zero := isZero(g.d[0])
	if zero {
		g.d[0] = smallest
	}
	for j := range n {
		if !zero && g.sc[j] != 0 {
			continue
		}
		g.sc[j] = 1
		q := g.q[width*j : width*j+width]
		for i := range q {
			q[i] = zp
		}
	}
}
