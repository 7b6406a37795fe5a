package jinja

import (
	"math"
	"math/big"
)

const powBits = 160

// pow is x to the y, rounded correctly. math.Pow may be off by a bit, the C library Python calls hardly ever is.
func pow(x, y float64) float64 {
	r := math.Pow(x, y)
	if r == 0 || math.IsNaN(r) || math.IsInf(r, 0) || math.Abs(r) < 0x1p-1000 || math.IsInf(y, 0) || y == 0 || math.Abs(x) == 1 {
		return r
	}
	neg := r < 0
	m, e := math.Frexp(math.Abs(x)) // |x| = m * 2^e, m in [0.5, 1)
	ln2 := lnRatio(bigf(2))
	l := new(big.Float).SetPrec(powBits).Mul(bigf(float64(e)), ln2)
	l.Add(l, lnRatio(bigf(m)))
	l.Mul(l, bigf(y))
	q := new(big.Float).SetPrec(powBits).Quo(l, ln2)
	n, _ := q.Float64()
	k := math.Round(n)
	l.Sub(l, new(big.Float).SetPrec(powBits).Mul(bigf(k), ln2))
	f, _ := new(big.Float).SetMantExp(bigExp(l), int(k)).Float64()
	if neg {
		return -f
	}
	return f
}

func bigf(f float64) *big.Float { return new(big.Float).SetPrec(powBits).SetFloat64(f) }

// lnRatio is ln v for v in [0.5, 2]: 2 atanh((v-1)/(v+1)).
func lnRatio(v *big.Float) *big.Float {
	one := bigf(1)
	z := new(big.Float).SetPrec(powBits).Sub(v, one)
	z.Quo(z, new(big.Float).SetPrec(powBits).Add(v, one))
	z2 := new(big.Float).SetPrec(powBits).Mul(z, z)
	sum := bigf(0)
	for i := 1; i < 120; i += 2 {
		t := new(big.Float).SetPrec(powBits).Quo(z, bigf(float64(i)))
		sum.Add(sum, t)
		z.Mul(z, z2)
	}
	return sum.Mul(sum, bigf(2))
}

// bigExp is e to the r for |r| < 0.4.
func bigExp(r *big.Float) *big.Float {
	sum, term := bigf(1), bigf(1)
	for i := 1; i < 40; i++ {
		term.Mul(term, r)
		term.Quo(term, bigf(float64(i)))
		sum.Add(sum, term)
	}
	return sum
}
