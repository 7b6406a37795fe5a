package main

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/tessera-llm/tessera/pkg/pack"
)

// recipe is a row of pack's table as the kernels see it. In vectors the stored
// value of a channel is a byte; templates ask what it is decoded to:
//
//   - unsigned with the zero point at 128, shifted left so that it fills the byte
//     (biased: AVX-512, where a shift costs nothing and the scale takes 2^-shift);
//   - unsigned as stored (plain: the types without zero point, and 256 bits, where
//     sums of int16 must stay small and the zero point is added to the sum);
//   - signed (NEON).
type recipe struct {
	*pack.Format
	name string // of the type in symbols
}

// quantised lists the recipes of the block types, in table order.
func quantised() []recipe {
	var rs []recipe
	for _, t := range pack.Types() {
		if f := pack.Lookup(t); f.Scale != pack.NoScale {
			rs = append(rs, recipe{f, strings.ToUpper(t.String())})
		}
	}
	return rs
}

// super reports whether a record is a slab: integer scales under one fp16.
func (r recipe) super() bool { return r.Channels == 256 }

// shift is the number of bits by which a biased byte is shifted.
func (r recipe) shift() int {
	if r.HasMin() || r.LUT != nil {
		return 0
	}
	return 7 - bits.Len(uint(r.Zero)-1)
}

// init reports whether sums start at a plane of zero points.
func (r recipe) init() bool { return !r.HasMin() }

// groups is the number of groups of 4 channels under one scale.
func (r recipe) groups() int { return r.Group / 4 }

// perHigh is the number of groups whose upper bits share a vector.
func (r recipe) perHigh() int { return 8 / r.HighBits }

// bytes is the mask of a dword of bytes b.
func bytes4(b int) uint32 { return uint32(b) & 0xff * 0x01010101 }

// scheme is how activations are quantised; docs/numerics.md defines s256e32. A
// scheme with exact scales multiplies the weight's scale by a float of the plane
// where exponent schemes add to its bits (addScaled of the templates); a second plane
// of integers repeats the dot products of a block with it, into sums of their own
// (block of the templates). Neither exists, so neither has text.
type scheme struct {
	name      string
	exponents bool // 2^-e per block, an integer added to the bits of a scale
	planes    int  // of integers
}

var s256e32 = scheme{"s256e32", true, 1}

// check is called by every template whose text depends on the scheme.
func (s scheme) check(template string) {
	if !s.exponents || s.planes != 1 {
		panic(fmt.Sprintf("template %s: no text for activations of scheme %s", template, s.name))
	}
}
