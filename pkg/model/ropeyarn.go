package model

import (
	"fmt"
	"math"
)

// yarn is inv_freq under YaRN (arXiv 2309.00071): pairs that turn more than
// BetaFast times within the original context keep their frequency, those below
// BetaSlow are divided by the factor, and a ramp mixes between. The float32
// steps are those of transformers.
func (r *Rope) yarn() []float32 {
	low, high := r.turnsDim(r.BetaFast), r.turnsDim(r.BetaSlow)
	if !r.Smooth {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(r.Dim-1))
	if low == high {
		high += 0.001
	}
	inv := make([]float32, r.Dim/2)
	for i, p := range r.powers() {
		ramp := (float32(i) - float32(low)) / float32(high-low)
		keep := 1 - min(max(ramp, 0), 1)
		slow := 1 / float32(float32(r.Factor)*p)
		inv[i] = float32(slow*(1-keep)) + float32(1/p*keep)
	}
	return inv
}

// turnsDim is the pair, as a real number, that turns n times within the
// original context.
func (r *Rope) turnsDim(n float64) float64 {
	return float64(r.Dim) * math.Log(r.Original/(n*2*math.Pi)) / (2 * math.Log(r.Theta))
}

// yarnScale is the default factor on cos and sin.
func yarnScale(factor, weight float64) float64 {
	if factor <= 1 {
		return 1
	}
	return float64(0.1*weight*math.Log(factor)) + 1
}

func (r *Rope) checkYarn() error {
	if !finite(r.Factor) || !finite(r.Original) || !finite(r.BetaFast) || !finite(r.BetaSlow) || r.BetaSlow > r.BetaFast || r.Theta <= 1 {
		return fmt.Errorf("yarn rope scaling: theta %v, factor %v, original context %v, beta_fast %v, beta_slow %v: want numbers > 0, theta above 1, slow below fast",
			r.Theta, r.Factor, r.Original, r.BetaFast, r.BetaSlow)
	}
	if !finite(r.Scale) {
		return fmt.Errorf("yarn attention factor is %v, want a number > 0", r.Scale)
	}
	return nil
}

func finite(v float64) bool { return v > 0 && v <= math.MaxFloat32 }
