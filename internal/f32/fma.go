package f32

import "math"

// fmaSoft is a*b+c rounded once. The product of two float32 is exact in
// float64 (48 bits, exponents within range), so s = p+c carries one float64
// rounding. Rounding s again to float32 goes wrong only if s landed on the
// midpoint of two float32 values, or if the result is subnormal in float32,
// where the midpoint sits on another bit. Both cases are redone with s rounded to odd.
func fmaSoft(a, b, c float32) float32 {
	p := float64(float64(a) * float64(b))
	s := p + float64(c)
	u := math.Float64bits(s)
	const tie = 1 << 28 // bit pattern of a midpoint below the 24 bits of a float32
	if u&(1<<29-1) != tie && u&(1<<63-1) >= minNormal64 {
		return float32(s)
	}
	return fmaOdd(p, float64(c), s)
}

// minNormal64 is the bit pattern of 2^-125: results at or above it stay normal
// float32 after rounding.
const minNormal64 = (1023 - 125) << 52

// fmaOdd rounds p+c to float64 by round-to-odd, then to float32. s is the sum
// rounded to nearest. The error of the addition is recovered exactly (2Sum);
// if there is one and the last bit of s is even, s moves one step towards the
// exact value, which makes it odd and so never a tie.
func fmaOdd(p, c, s float64) float32 {
	if s == 0 || math.IsInf(s, 0) || s != s {
		return float32(s)
	}
	t := s - p
	e := (p - (s - t)) + (c - t)
	u := math.Float64bits(s)
	if e != 0 && u&1 == 0 {
		if (e > 0) == (s > 0) {
			u++
		} else {
			u--
		}
	}
	return float32(math.Float64frombits(u))
}
