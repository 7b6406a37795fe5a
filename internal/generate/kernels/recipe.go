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

// quantised lists the recipes of the block types, in table order. It panics where the
// templates do not know what a row asks for.
func quantised() []recipe {
	var rs []recipe
	for _, t := range pack.Types() {
		f := pack.Lookup(t)
		if f.Scale == pack.NoScale {
			continue
		}
		r := recipe{f, strings.ToUpper(t.String())}
		if why := r.unknown(); why != "" {
			panic(fmt.Sprintf("type %s: no template for %s", t, why))
		}
		rs = append(rs, r)
	}
	return rs
}

// unknown says what of r no template can decode or scale, if anything.
func (r recipe) unknown() string {
	width, zero := r.LowBits+r.HighBits, 0
	if !r.HasMin() {
		zero = 1 << (width - 1)
	}
	bytes := r.LowBits == 8 || r.LUT != nil // only with scales of 32 channels and no term
	switch {
	case r.LowBits != 4 && r.LowBits != 8, r.HighBits > 2, r.HighBits > 0 && bytes:
		return fmt.Sprintf("%d low and %d upper bits", r.LowBits, r.HighBits)
	case r.LUT == nil && r.Zero != zero:
		return fmt.Sprintf("a zero point of %d", r.Zero)
	case r.Scale == pack.ScaleHalf && r.Group == 32 && (r.Plane == pack.PlaneInit || r.Plane == pack.PlaneBSum && !bytes):
	case r.Scale == pack.ScaleU6 && r.Group == 32 && r.Plane == pack.PlaneMinPair && !bytes:
	case r.Scale == pack.ScaleI8 && r.Group == 16 && r.Plane == pack.PlaneInit16 && !bytes:
	default:
		return fmt.Sprintf("scales of kind %d over %d channels with plane %d", r.Scale, r.Group, r.Plane)
	}
	return ""
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
