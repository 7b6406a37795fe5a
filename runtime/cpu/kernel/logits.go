package kernel

import (
	"fmt"
	"math"

	"github.com/tessera-llm/tessera/internal/f32"
)

// The functions of this file are what a sampler asks of a row of logits, with the bits of
// topk at every tier.

// LogSumExp is the log of the sum of exp(invTemp·l) that TopK gives for a row. invTemp is
// finite and > 0. A NaN in row, or +Inf, or nothing but -Inf, makes it NaN.
func LogSumExp(tier Tier, row []float32, invTemp float32) float32 {
	if invTemp == 1 {
		return logSumExp(row, vectorTier(tier))
	}
	return logSumExpAt(row, invTemp, vectorTier(tier))
}

// Max is the largest of row, from -Inf, NaN ignored.
func Max(tier Tier, row []float32) float32 {
	vec, m := vectorTier(tier), float32(math.Inf(-1))
	if vec == Generic {
		return maxRun(row)
	}
	for i := 0; i < len(row); i += vecRun {
		m = max(m, vecMax(vec, row[i:min(len(row), i+vecRun)]))
	}
	return m
}

// Exp is dst = exp(t·x - m), the product rounded to f32: the terms of LogSumExp. dst and x
// are equally long and do not overlap.
func Exp(tier Tier, dst, x []float32, t, m float32) {
	if len(dst) != len(x) {
		panic(fmt.Sprintf("kernel: exp of %d numbers into %d", len(x), len(dst)))
	}
	vec := vectorTier(tier)
	for len(x) > 0 {
		n := min(len(x), expRun)
		whole := 0 // that the vector form takes
		if vec != Generic {
			whole = n &^ 15
			copy(dst[:whole], x)
			vecScaleExp(vec, dst[:whole], t, m)
		}
		for i := whole; i < n; i++ {
			dst[i] = f32.Exp(float32(x[i]*t) - m)
		}
		dst, x = dst[n:], x[n:]
	}
}

// expRun keeps what Exp goes over several times in the nearest cache.
const expRun = 1 << 11
