package pack

import (
	"github.com/tessera-llm/tessera/internal/f32"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// This file packs one value at a time, straight from the words of doc.go. It
// defines the bytes that the fast code must produce.

// group is what one row contributes to one record: the integers and scales of
// up to 256 channels, before they are interleaved with the other rows.
type group struct {
	q    [256]uint8 // stored unsigned values
	d, m [2]uint16  // fp16 scales and mins of two 32-blocks; d[0] and m[0] are d and dmin of a k-quant
	sc   [16]uint8  // k-quant scales: 8 of 6 bits, or 16 int8 (q6_k)
	mn   [8]uint8   // k-quant mins
}

// zeroPoints lists the stored values that decode to zero, where they are not 0.
var zeroPoints = map[tensor.Type]uint8{tensor.Q8_0: 128, tensor.Q4_0: 8, tensor.Q5_0: 16, tensor.Q6_K: 32}

func zeroPoint(t tensor.Type) uint8 { return zeroPoints[t] }

// clear makes g decode to zeros.
func (g *group) clear(t tensor.Type) {
	*g = group{}
	g.d[0], g.d[1] = smallest, smallest
	zp := zeroPoint(t)
	for i := range g.q {
		g.q[i] = zp
	}
	for i := range g.sc {
		g.sc[i] = 1
	}
}

// read32 fills half h (32 channels) of g from one block of a 32-block type.
func (g *group) read32(t tensor.Type, b []byte, h int) {
	q := g.q[32*h : 32*h+32]
	g.d[h] = le.Uint16(b)
	b = b[2:]
	if t == tensor.Q4_1 || t == tensor.Q5_1 {
		g.m[h] = le.Uint16(b)
		b = b[2:]
	}
	if t == tensor.Q8_0 {
		for i := range q {
			q[i] = b[i] ^ 0x80
		}
		return
	}
	high := uint32(0)
	if t == tensor.Q5_0 || t == tensor.Q5_1 {
		high = le.Uint32(b)
		b = b[4:]
	}
	for i := range 16 {
		q[i] = b[i]&15 | uint8(high>>i&1)<<4
		q[i+16] = b[i]>>4 | uint8(high>>(i+16)&1)<<4
	}
}

// write32 is the inverse of read32.
func (g *group) write32(t tensor.Type, b []byte, h int) {
	q := g.q[32*h : 32*h+32]
	le.PutUint16(b, g.d[h])
	b = b[2:]
	if t == tensor.Q4_1 || t == tensor.Q5_1 {
		le.PutUint16(b, g.m[h])
		b = b[2:]
	}
	if t == tensor.Q8_0 {
		for i := range q {
			b[i] = q[i] ^ 0x80
		}
		return
	}
	high := uint32(0)
	for i, v := range q {
		high |= uint32(v>>4) << i
	}
	if t == tensor.Q5_0 || t == tensor.Q5_1 {
		le.PutUint32(b, high)
		b = b[4:]
	}
	for i := range 16 {
		b[i] = q[i]&15 | q[i+16]<<4
	}
}

// rewrite32 replaces a zero scale of half h and the values under it.
func (g *group) rewrite32(t tensor.Type, h int) {
	table, ok := tables[t]
	if !isZero(g.d[h]) || ok && table[zeroPoint(t)] != 0 {
		return
	}
	g.d[h] = smallest
	zp := zeroPoint(t)
	for i := range 32 {
		g.q[32*h+i] = zp
	}
}

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

// at describes where a quantised record keeps its parts.
type at struct {
	nibbles, high int // byte offset of nibble vectors, and of high-bit or high-2 vectors (0: none)
	highBits      int // 0, 1 or 2
	mins          int // offset of fp16 m[2][16] (0: none)
}

// tables lists the values of the types that index some.
var tables = map[tensor.Type][16]int{
	tensor.IQ4_NL: {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113},
}

var parts = map[tensor.Type]at{
	tensor.Q4_0:   {nibbles: 64},
	tensor.IQ4_NL: {nibbles: 64},
	tensor.Q4_1:   {nibbles: 128, mins: 64},
	tensor.Q5_0:   {nibbles: 64, high: 576, highBits: 1},
	tensor.Q5_1:   {nibbles: 128, high: 640, highBits: 1, mins: 64},
	tensor.Q4_K:   {nibbles: 320},
	tensor.Q5_K:   {nibbles: 320, high: 2368, highBits: 1},
	tensor.Q6_K:   {nibbles: 320, high: 2368, highBits: 2},
}

// put writes g as row r of record rec, which must start zeroed.
func (g *group) put(rec []byte, t tensor.Type, r int) {
	n := formats[t].Channels
	g.putScales(rec, t, r)
	if t == tensor.Q8_0 {
		for k := range n {
			rec[64+64*(k/4)+4*r+k%4] = g.q[k]
		}
		return
	}
	p, ok := parts[t]
	if !ok {
		panic("no definition of the records of " + t.String())
	}
	nib := rec[p.nibbles:]
	for k := 0; k < n; k += 8 {
		v := nib[8*k+4*r : 8*k+4*r+4]
		for j := range 4 {
			v[j] = g.q[k+j]&15 | g.q[k+4+j]<<4
		}
	}
	if p.highBits == 0 {
		return
	}
	per := 8 / p.highBits // groups per vector
	high := rec[p.high:]
	for k := range n {
		gr := k / 4
		high[64*(gr/per)+4*r+k%4] |= g.q[k] >> 4 << (gr % per * p.highBits)
	}
}

func (g *group) putScales(rec []byte, t tensor.Type, r int) {
	le.PutUint16(rec[2*r:], g.d[0])
	switch {
	case t == tensor.Q6_K:
		for j := range 16 {
			rec[64+16*j+r] = g.sc[j]
		}
	case t == tensor.Q4_K || t == tensor.Q5_K:
		le.PutUint16(rec[32+2*r:], g.m[0])
		for j := range 8 {
			rec[64+16*j+r] = g.sc[j]
			rec[192+32*(j/2)+2*r+j%2] = g.mn[j]
		}
	default:
		le.PutUint16(rec[32+2*r:], g.d[1])
		if m := parts[t].mins; m != 0 {
			le.PutUint16(rec[m+2*r:], g.m[0])
			le.PutUint16(rec[m+32+2*r:], g.m[1])
		}
	}
}

// decode writes the float values of the first len(dst) channels of g.
func (g *group) decode(dst []float32, t tensor.Type) {
	zp := int(zeroPoint(t))
	for k := 0; k < len(dst); k += 16 {
		var d, m float32
		switch t {
		case tensor.Q4_K, tensor.Q5_K:
			d = f32.FromHalf(g.d[0]) * float32(g.sc[k/32])
			m = -float32(f32.FromHalf(g.m[0]) * float32(g.mn[k/32]))
		case tensor.Q6_K:
			d = f32.FromHalf(g.d[0]) * float32(int8(g.sc[k/16]))
		case tensor.Q4_1, tensor.Q5_1:
			d, m = f32.FromHalf(g.d[k/32]), f32.FromHalf(g.m[k/32])
		default:
			d = f32.FromHalf(g.d[k/32])
		}
		hasMin := t == tensor.Q4_K || t == tensor.Q5_K || t == tensor.Q4_1 || t == tensor.Q5_1
		run := dst[k:min(len(dst), k+16)]
		q := g.q[k:][:len(run)]
		for i := range run {
			v := float32(0)
			n := int(q[i]) - zp
			if table, ok := tables[t]; ok {
				n = table[q[i]]
			}
			if n != 0 && d != 0 {
				v = float32(d * float32(n))
			}
			if hasMin {
				v += m
			}
			run[i] = v
		}
	}
}

// definePack is Pack by definition, without checks of scales.
func definePack(dst, src []byte, t tensor.Type, n, k int64) {
	f := formats[t]
	panel, _ := P16.UnitBytes(t, k)
	row, _ := t.RowBytes(k)
	clear(dst)
	if !t.Quantised() {
		w := int64(f.bytes)
		for r := range n {
			for c := range k {
				copy(dst[r/16*panel+int64(place(t, int(r%16), int(c))):][:w], src[r*row+c*w:])
			}
		}
		return
	}
	per := int64(f.Channels / f.elems)
	blocks := k / int64(f.elems)
	var g group
	for r := range P16.Units(n) * 16 {
		rec := dst[r/16*panel:][:panel]
		for i := int64(0); i < blocks; i += per {
			g.clear(t)
			for h := int64(0); r < n && h < per && i+h < blocks; h++ {
				b := src[r*row+(i+h)*int64(f.bytes):]
				if f.elems == 256 {
					g.read256(t, b)
					g.rewrite256(t)
				} else {
					g.read32(t, b, int(h))
					g.rewrite32(t, int(h))
				}
			}
			g.put(rec[:f.Size], t, int(r%16))
			rec = rec[f.Size:]
		}
	}
}

// place is the offset of element (row r, channel k) in a float panel.
func place(t tensor.Type, r, k int) int {
	switch t {
	case tensor.F32:
		return 64*k + 4*r
	case tensor.F16:
		return 32*k + 2*r
	}
	return 64*(k/2) + 4*r + 2*(k%2) // bf16
}
