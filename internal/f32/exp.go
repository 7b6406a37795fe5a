package f32

import "math"

// Magic, added to and subtracted from a float32 of magnitude below 2^22,
// rounds it to the nearest integer, ties to even.
const Magic = 12582912 // 1.5 * 2^23

// Bounds and constants of Exp.
const (
	ExpMax = 88.72 // above: +Inf
	ExpMin = -87.3 // below: +0, so that no result is subnormal
	Log2e  = 1.4426950408889634
	Ln2Hi  = 0.693359375    // 9 bits: n*Ln2Hi is exact
	Ln2Lo  = -2.12194440e-4 // ln 2 - Ln2Hi
)

// Coefficients of (e^r - 1 - r)/r^2 on |r| <= ln2/2, highest first: a weighted
// minimax fit of degree 5, error 5.2e-11 of e^r.
const (
	ExpC5 = 0.00019790341
	ExpC4 = 0.0013944659
	ExpC3 = 0.008333497
	ExpC2 = 0.041666295
	ExpC1 = 0.16666666
	ExpC0 = 0.5
)

// Exp is e^x: n = rne(x*log2e); r = x - n*ln2 by two fused steps; the
// polynomial by fused Horner steps; then n is added to the exponent bits. The
// error is at most 1 ulp over the whole range. Inputs below -87.3 give +0, inputs above 88.72 +Inf, NaN stays NaN.
func Exp(x float32) float32 {
	switch {
	case x != x:
		return x
	case x > ExpMax:
		return float32(math.Inf(1))
	case x < ExpMin:
		return 0
	}
	t := float32(x*Log2e) + Magic
	n := t - Magic
	r := FMA(n, -Ln2Hi, x)
	r = FMA(n, -Ln2Lo, r)
	p := FMA(ExpC5, r, ExpC4)
	p = FMA(p, r, ExpC3)
	p = FMA(p, r, ExpC2)
	p = FMA(p, r, ExpC1)
	p = FMA(p, r, ExpC0)
	y := FMA(p, float32(r*r), r) + 1
	return math.Float32frombits(math.Float32bits(y) + uint32(int32(n))<<23)
}

// Coefficients of (tanh(x)/x - 1)/x^2 in z = x^2 for |x| <= 0.625, highest
// first: a weighted minimax fit, error 4.2e-9.
const (
	TanhBound = 0.625
	TanhC4    = -0.0057170447
	TanhC3    = 0.020650586
	TanhC2    = -0.053743497
	TanhC1    = 0.13331491
	TanhC0    = -0.33333284
)

// Tanh is an odd polynomial for |x| < 0.625 and sign(x)*(1 - 2/(e^2|x| + 1))
// beyond. The error is at most 2 ulp.
func Tanh(x float32) float32 {
	a := math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
	var y float32
	if a < TanhBound {
		z := float32(a * a)
		p := FMA(TanhC4, z, TanhC3)
		p = FMA(p, z, TanhC2)
		p = FMA(p, z, TanhC1)
		p = FMA(p, z, TanhC0)
		y = FMA(float32(p*z), a, a)
	} else {
		y = 1 - 2/(Exp(a+a)+1)
	}
	return math.Float32frombits(math.Float32bits(y) | math.Float32bits(x)&(1<<31))
}

// Silu is x / (1 + e^-x).
func Silu(x float32) float32 { return x / (1 + Exp(-x)) }

// Constants of GeluTanh.
const (
	GeluA = 0.7978845608 // sqrt(2/pi)
	GeluB = 0.044715
)

// GeluTanh is (0.5x) * (1 + tanh(A*(x + (B*x^2)*x))), products in that order.
func GeluTanh(x float32) float32 {
	c := float32(float32(float32(GeluB*x)*x) * x)
	t := Tanh(float32(GeluA * (x + c)))
	return float32(0.5*x) * (1 + t)
}
