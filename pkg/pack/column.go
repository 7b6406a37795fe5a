package pack

// maxVectors is the largest number of 64-byte vectors in a quantised record.
const maxVectors = 48

// words is what one row contributes to the vectors of one record: w[v] is dword
// r of vector v, four bytes of channels or of their upper bits.
type words [maxVectors]uint32

// scales is what one row contributes to the rest of one record.
type scales struct {
	d, m [2]uint16 // fp16 scales and mins of two 32-blocks; d[0] and m[0] are d and dmin of a k-quant
	sc   [2]uint64 // k-quant scales, a byte each: 8 of 6 bits, or 16 int8 (q6_k)
	mn   uint64    // k-quant mins, a byte each
}

// column is one row of one record.
type column struct {
	w words
	s scales
}

// smallest is fp16 2^-24, the scale of zeros.
const smallest = 1

// Byte patterns.
const (
	ones = 0x0101010101010101
	tops = 0x80 * ones
	lows = 0x0f * ones
)

// clear makes a row of zeros: zero points under the smallest scale.
func (f *Format) clear(w *words, s *scales) {
	*s = scales{d: [2]uint16{smallest, smallest}, sc: [2]uint64{ones, ones}}
	for i := range f.LowVectors + f.HighVectors {
		w[i] = f.zeroLow
		if i >= f.LowVectors {
			w[i] = f.zeroHigh
		}
	}
}

// split turns 8 bytes, channels 0 to 7 in the low nibbles, into the dwords of
// two nibble vectors: of the low nibbles and of the high ones.
func split(x uint64) (lo, hi uint32) {
	l, h := x&lows, x&^lows
	return uint32(l) | uint32(l>>28), uint32(h>>4) | uint32(h>>32)
}

// join is the inverse of split.
func join(lo, hi uint32) uint64 {
	l, h := uint64(lo), uint64(hi)
	return l&0x0f0f0f0f | l&0xf0f0f0f0<<28 | h&0x0f0f0f0f<<4 | h&0xf0f0f0f0<<32
}

// spread turns the fifth bits of 32 channels, bit 4b+j of x, into a dword of a
// high-bit vector: bit 8j+b.
func spread(x uint32) (y uint32) {
	for b := range 8 {
		// copies 7 bits apart do not overlap, so byte j gets bit j
		y |= (x >> (4 * b) & 15 * 0x204081 & 0x01010101) << b
	}
	return y
}

// gather is the inverse of spread.
func gather(y uint32) (x uint32) {
	for b := range 8 {
		// bit 8j moves to bit 24+j; no two terms of the product meet
		x |= (y >> b & 0x01010101 * 0x01020408 >> 24 & 15) << (4 * b)
	}
	return x
}

// transposeBits exchanges bit h of byte j of w[b] with bit b of byte j of w[h].
func transposeBits(w *[8]uint32) {
	swap := func(a, b int, shift uint, mask uint32) {
		t := (w[a]>>shift ^ w[b]) & mask
		w[b] ^= t
		w[a] ^= t << shift
	}
	for i := range 4 {
		swap(i, i+4, 4, 0x0f0f0f0f)
	}
	for _, i := range [4]int{0, 1, 4, 5} {
		swap(i, i+2, 2, 0x33333333)
	}
	for i := range 4 {
		swap(2*i, 2*i+1, 1, 0x55555555)
	}
}

// transposePairs does the same with the 2-bit fields of four dwords.
func transposePairs(a, b, c, d uint32) (e, f, g, h uint32) {
	const nibble, pair = 0x0f0f0f0f, 0x33333333
	a, c = a&nibble|c&nibble<<4, a>>4&nibble|c&^nibble
	b, d = b&nibble|d&nibble<<4, b>>4&nibble|d&^nibble
	return a&pair | b&pair<<2, a>>2&pair | b&^uint32(pair), c&pair | d&pair<<2, c>>2&pair | d&^uint32(pair)
}

// group returns the stored values of the 32 channels of block b, a byte each:
// byte j of g[i] is channel 32b+4i+j.
func (f *Format) group(w *words, b int) (g [8]uint32) {
	if f.LowBits == 8 {
		return [8]uint32(w[8*b:])
	}
	n := (*[4]uint32)(w[4*b:])
	for i, x := range n {
		g[2*i], g[2*i+1] = x&0x0f0f0f0f, x>>4&0x0f0f0f0f
	}
	switch f.HighBits {
	case 1:
		h := w[f.LowVectors+b]
		for i := range g {
			g[i] |= h >> i & 0x01010101 << 4
		}
	case 2:
		for i := range g {
			g[i] |= w[f.LowVectors+2*b+i/4] >> (2 * (i % 4)) & 0x03030303 << 4
		}
	}
	return g
}
