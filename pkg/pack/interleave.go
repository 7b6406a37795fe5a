package pack

import "github.com/tessera-llm/tessera/pkg/tensor"

// at describes where a quantised record keeps its parts.
type at struct {
	nibbles, high int // byte offset of nibble vectors, and of high-bit or high-2 vectors (0: none)
	highBits      int // 0, 1 or 2
	mins          int // offset of fp16 m[2][16] (0: none)
}

var parts = map[tensor.Type]at{
	tensor.Q4_0: {nibbles: 64},
	tensor.Q4_1: {nibbles: 128, mins: 64},
	tensor.Q5_0: {nibbles: 64, high: 576, highBits: 1},
	tensor.Q5_1: {nibbles: 128, high: 640, highBits: 1, mins: 64},
	tensor.Q4_K: {nibbles: 320},
	tensor.Q5_K: {nibbles: 320, high: 2368, highBits: 1},
	tensor.Q6_K: {nibbles: 320, high: 2368, highBits: 2},
}

// put writes g as row r of record rec, which must start zeroed.
func (g *group) put(rec []byte, t tensor.Type, r int) {
	n := int(records[t].channels)
	g.putScales(rec, t, r)
	if t == tensor.Q8_0 {
		for k := range n {
			rec[64+64*(k/4)+4*r+k%4] = g.q[k]
		}
		return
	}
	p := parts[t]
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

// get is the inverse of put.
func (g *group) get(rec []byte, t tensor.Type, r int) {
	n := int(records[t].channels)
	g.getScales(rec, t, r)
	if t == tensor.Q8_0 {
		for k := range n {
			g.q[k] = rec[64+64*(k/4)+4*r+k%4]
		}
		return
	}
	p := parts[t]
	nib := rec[p.nibbles:]
	for k := 0; k < n; k += 8 {
		v := nib[8*k+4*r : 8*k+4*r+4]
		for j := range 4 {
			g.q[k+j], g.q[k+4+j] = v[j]&15, v[j]>>4
		}
	}
	if p.highBits == 0 {
		return
	}
	per := 8 / p.highBits
	mask := uint8(1<<p.highBits - 1)
	high := rec[p.high:]
	for k := range n {
		gr := k / 4
		g.q[k] |= high[64*(gr/per)+4*r+k%4] >> (gr % per * p.highBits) & mask << 4
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

func (g *group) getScales(rec []byte, t tensor.Type, r int) {
	g.d[0] = le.Uint16(rec[2*r:])
	switch {
	case t == tensor.Q6_K:
		for j := range 16 {
			g.sc[j] = rec[64+16*j+r]
		}
	case t == tensor.Q4_K || t == tensor.Q5_K:
		g.m[0] = le.Uint16(rec[32+2*r:])
		for j := range 8 {
			g.sc[j] = rec[64+16*j+r]
			g.mn[j] = rec[192+32*(j/2)+2*r+j%2]
		}
	default:
		g.d[1] = le.Uint16(rec[32+2*r:])
		if m := parts[t].mins; m != 0 {
			g.m[0] = le.Uint16(rec[m+2*r:])
			g.m[1] = le.Uint16(rec[m+32+2*r:])
		}
	}
}
