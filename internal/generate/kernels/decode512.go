package main

import "fmt"

// decode512 is the template of decoding on AVX-512: two groups of 4 channels by 16
// rows as biased or plain bytes in w0 and w1.
type decode512 struct {
	*asm
	r                 recipe
	w0, w1, h, h0, h1 string // weights; upper bits; shifted for either group
	mask, top         string // of the low and the upper bits
	highBase          string // of the vectors of upper bits, if not the record
	table             string // of a type with one
}

// masks loads the constants that pair needs.
func (k decode512) masks() {
	s := k.r.shift()
	if k.r.LowBits == 4 {
		k.p("VPBROADCASTD %s, %s", k.constant(bytes4(15<<s)), k.mask)
	}
	if k.r.HighBits > 0 {
		k.p("VPBROADCASTD %s, %s", k.constant(bytes4((1<<k.r.HighBits-1)<<(4+s))), k.top)
	}
	if k.r.LUT != nil {
		k.p("VBROADCASTI32X4 %s, %s", k.lookup(k.r, 128), k.table)
	}
}

// pair decodes groups g and g+1 of the record at SI. ahead is called with the
// place of each vector, before it is read.
func (k decode512) pair(g int, ahead func(at int, high bool)) {
	r := k.r
	if r.LowBits == 8 {
		at := r.Low + 64*g
		ahead(at, false)
		k.p("VMOVDQU64 %d(SI), %s; VMOVDQU64 %d(SI), %s", at, k.w0, at+64, k.w1)
		ahead(at+64, false)
		return
	}
	h0, h1 := k.h, k.h
	if r.HighBits > 0 {
		if g%r.perHigh() == 0 {
			at, base := r.High, "SI"
			if k.highBase != "" {
				at, base = 0, k.highBase
			}
			at += 64 * (g / r.perHigh())
			ahead(at, true)
			k.p("VMOVDQU64 %d(%s), %s", at, base, k.h)
		}
		h0, h1 = k.upper(g, k.h0), k.upper(g+1, k.h1)
	}
	at, s := r.Low+64*(g/2), r.shift()
	ahead(at, false)
	if s > 0 {
		k.p("VMOVDQU64 %d(SI), %s; %s", at, k.w1, shift16(s, k.w1, k.w0))
		if s != 4 {
			k.p("%s", shift16(s-4, k.w1, k.w1))
		}
	} else {
		k.p("VMOVDQU64 %d(SI), %s; %s", at, k.w0, shift16(-4, k.w0, k.w1))
	}
	k.p("VPANDD %s, %[2]s, %[2]s; VPANDD %[1]s, %[3]s, %[3]s", k.mask, k.w0, k.w1)
	if r.HighBits > 0 {
		k.p("VPTERNLOGD $0xF8, %s, %s, %s; VPTERNLOGD $0xF8, %[1]s, %[4]s, %[5]s", k.top, h0, k.w0, h1, k.w1)
	}
	if r.LUT != nil {
		k.p("VPSHUFB %[2]s, %[1]s, %[2]s; VPSHUFB %[3]s, %[1]s, %[3]s", k.table, k.w0, k.w1)
	}
}

// upper shifts the upper bits of group g above its low ones.
func (k decode512) upper(g int, to string) string {
	n := 4 + k.r.shift() - k.r.HighBits*(g%k.r.perHigh())
	if n == 0 {
		k.p("VMOVDQA64 %s, %s", k.h, to)
	} else {
		k.p("%s", shift16(n, k.h, to))
	}
	return to
}

// shift16 shifts words by n to the left, by -n to the right.
func shift16(n int, from, to string) string {
	if n < 0 {
		return fmt.Sprintf("VPSRLW $%d, %s, %s", -n, from, to)
	}
	return fmt.Sprintf("VPSLLW $%d, %s, %s", n, from, to)
}
