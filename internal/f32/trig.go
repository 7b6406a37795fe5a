package f32

import "math"

// Pieces of pi/2 of 29 bits each (the last is the rest): n*piece is exact in
// float64 for |n| < 2^24.
const (
	pio2a = 0x3ff921fb54000000 // bits
	pio2b = 0x3e110b4611000000
	pio2c = 0x3c44c4c6628b80dc
)

var (
	piA, piB, piC = math.Float64frombits(pio2a), math.Float64frombits(pio2b), math.Float64frombits(pio2c)
)

// SinCos returns sin x and cos x rounded from float64 computations: x is
// reduced by multiples of pi/2 in three pieces, then Taylor polynomials of
// degree 17 and 18 are evaluated by Horner steps without fusion. For
// |x| < 2^24 the error before the final rounding is below 1e-13; beyond, the reduction
// degrades but stays the same on every machine. Inf and NaN give NaN.
func SinCos(x float32) (sin, cos float32) {
	if x != x || x > math.MaxFloat32 || x < -math.MaxFloat32 {
		nan := float32(math.NaN())
		return nan, nan
	}
	v := float64(x)
	n := math.RoundToEven(float64(v * (2 / math.Pi)))
	r := v - float64(n*piA)
	r -= float64(n * piB)
	r -= float64(n * piC)
	s, c := sinPoly(r), cosPoly(r)
	switch int64(n) & 3 {
	case 1:
		s, c = c, -s
	case 2:
		s, c = -s, -c
	case 3:
		s, c = -c, s
	}
	return float32(s), float32(c)
}

// sinCoef and cosCoef are 1/(2k+1)! and 1/(2k)! with alternating sign.
var sinCoef, cosCoef = [9]float64{1, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800,
	1.0 / 6227020800, -1.0 / 1307674368000, 1.0 / 355687428096000},
	[10]float64{1, -1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600,
		-1.0 / 87178291200, 1.0 / 20922789888000, -1.0 / 6402373705728000}

func sinPoly(r float64) float64 {
	z := float64(r * r)
	p := sinCoef[8]
	for k := 7; k >= 1; k-- {
		p = float64(p*z) + sinCoef[k]
	}
	return r + float64(float64(p*z)*r)
}

func cosPoly(r float64) float64 {
	z := float64(r * r)
	p := cosCoef[9]
	for k := 8; k >= 0; k-- {
		p = float64(p*z) + cosCoef[k]
	}
	return p
}

// Log is the natural logarithm, computed in float64 by the series of atanh and
// rounded. Log(+0) is -Inf, a negative input or NaN gives NaN, +Inf gives +Inf.
func Log(x float32) float32 {
	switch {
	case x != x || x < 0:
		return float32(math.NaN())
	case x == 0:
		return float32(math.Inf(-1))
	case x > math.MaxFloat32:
		return x
	}
	f, e := math.Frexp(float64(x)) // f in [1/2, 1)
	if f < math.Sqrt2/2 {
		f, e = float64(f*2), e-1
	}
	s := (f - 1) / (f + 1) // |s| <= 0.1716
	z := float64(s * s)
	p := 0.0
	for k := 12; k >= 0; k-- {
		p = float64(p*z) + 1/float64(2*k+1)
	}
	return float32(float64(float64(e)*math.Ln2) + float64(float64(2*s)*p))
}
