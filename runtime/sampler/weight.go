package sampler

import (
	"math"

	"github.com/tessera-llm/tessera/internal/f32"
)

// one is the weight of the highest logit of a row. Weights are integers, so that their
// sum is one number in whatever order they are added; that of 2^28 ids, the largest
// vocabulary of a bundle, stays below 2^64.
const one = 1 << 35

// scale makes weights of the logits of one row.
type scale struct {
	inv float32 // 1/temperature
	m   float32 // the highest logit times inv
}

func newScale(temperature, top float32) scale {
	inv := 1 / temperature
	return scale{inv: inv, m: float32(top * inv)}
}

// weightless says that the highest logit is no number to measure others by, or leaves
// float32 at the temperature: no id of the row weighs anything.
func (s scale) weightless() bool { return s.m-s.m != 0 }

// weight is floor(exp(l·inv - m)·one), of NaN 0.
func (s scale) weight(l float32) uint64 {
	return weigh(f32.Exp(float32(l*s.inv) - s.m))
}

// weigh makes a weight of an exponential of at most 1.
func weigh(e float32) uint64 {
	if e != e {
		return 0
	}
	return uint64(int64(e * one))
}

// mass is the weight of a whole row, by its log-sum-exp at the temperature; 0 where that is
// NaN.
func (s scale) mass(lse float32) uint64 {
	e := f32.Exp(lse - s.m)
	if e != e {
		return 0
	}
	return uint64(min(float64(e)*one, 1<<62))
}

// share is the sum that the ids of top-p have to reach: p of mass, rounded up.
func share(p float32, mass uint64) uint64 {
	return uint64(math.Ceil(float64(p) * float64(mass)))
}

// near says that min-p keeps l: exp(l·inv - m) is at least p, compared as logarithms. With a
// logit it keeps every higher one.
func (s scale) near(l, logP float32) bool { return float32(l*s.inv)-s.m >= logP }

// nearest is the lowest key that min-p keeps, for a highest logit of key top.
func (s scale) nearest(p float32, top uint32) uint32 {
	logP := f32.Log(p)
	lo, hi := uint32(0), top // hi is kept: its distance is 0
	for lo < hi {
		if k := lo + (hi-lo)/2; s.near(logitOf(k), logP) {
			hi = k
		} else {
			lo = k + 1
		}
	}
	return hi
}

// keyOf maps logits to integers in their order: a higher logit has a higher key, equal
// ones have equal keys, and NaN have the lowest.
func keyOf(l float32) uint32 {
	u := math.Float32bits(l)
	switch {
	case l != l:
		return 0
	case l == 0: // of either sign
		return 1 << 31
	case u>>31 != 0:
		return ^u
	}
	return u | 1<<31
}

// logitOf is a logit of a key; NaN for those that are no logit's.
func logitOf(k uint32) float32 {
	if k>>31 != 0 {
		return math.Float32frombits(k &^ (1 << 31))
	}
	return math.Float32frombits(^k)
}
