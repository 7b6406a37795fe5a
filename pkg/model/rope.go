package model

import (
	"fmt"
	"math"
)

// Rope describes the rotary embedding: pair i of a head turns by
// position·inv_freq[i], inv_freq[i] = θ^(-2i/dim) divided by the scaling.
type Rope struct {
	Theta float64 `json:"theta"`
	Dim   int64   `json:"dim"`  // channels of a head that turn
	Type  string  `json:"type"` // default, linear, llama3, yarn, divisors

	Factor   float64 `json:"factor,omitempty"`    // linear, llama3, yarn
	LowFreq  float64 `json:"low_freq,omitempty"`  // llama3: low_freq_factor
	HighFreq float64 `json:"high_freq,omitempty"` // llama3: high_freq_factor
	Original float64 `json:"original,omitempty"`  // llama3, yarn: original_max_position_embeddings

	BetaFast float64 `json:"beta_fast,omitempty"` // yarn
	BetaSlow float64 `json:"beta_slow,omitempty"` // yarn
	Smooth   bool    `json:"smooth,omitempty"`    // yarn: the ramp may start and end between pairs
	Scale    float64 `json:"scale,omitempty"`     // yarn: factor on cos and sin

	// Divisors, for type divisors, are what a GGUF stores as rope_freqs.weight.
	Divisors []float32 `json:"-"`
}

func (r *Rope) check() error {
	if !finite(r.Theta) {
		return fmt.Errorf("rope theta is %v, want a number > 0", r.Theta)
	}
	if r.Dim < 2 || r.Dim%2 != 0 || r.Dim > MaxHeadDim {
		return fmt.Errorf("%d rotated channels per head, want an even number up to %d", r.Dim, MaxHeadDim)
	}
	switch r.Type {
	case "default":
	case "linear":
		if !finite(r.Factor) {
			return fmt.Errorf("linear rope scaling factor is %v, want a number > 0", r.Factor)
		}
	case "llama3":
		if !finite(r.Factor) || !finite(r.LowFreq) || !finite(r.HighFreq) || !finite(r.Original) || r.LowFreq >= r.HighFreq {
			return fmt.Errorf("llama3 rope scaling: factor %v, low_freq_factor %v, high_freq_factor %v, original context %v: want numbers > 0, low below high",
				r.Factor, r.LowFreq, r.HighFreq, r.Original)
		}
	case "yarn":
		return r.checkYarn()
	case "divisors":
		if int64(len(r.Divisors)) != r.Dim/2 {
			return fmt.Errorf("%d rope divisors, want %d", len(r.Divisors), r.Dim/2)
		}
		for i, d := range r.Divisors {
			if !finite(float64(d)) {
				return fmt.Errorf("rope divisor %d is %v, want a number > 0", i, d)
			}
		}
	default:
		return fmt.Errorf("unknown rope type %q", r.Type)
	}
	return nil
}

// InvFreq computes the dim/2 angles per position in float32, step by step as
// transformers and the GGUF converter do: the power, its reciprocal, then one
// division by the scaling. For llama3 the divisors are those that a converter
// writes to rope_freqs.weight, so both containers give the same bits.
func (r *Rope) InvFreq() []float32 {
	inv := r.plain()
	switch r.Type {
	case "linear":
		for i := range inv {
			inv[i] /= float32(r.Factor)
		}
	case "llama3":
		for i, d := range r.Llama3Divisors() {
			inv[i] /= d
		}
	case "yarn":
		return r.yarn()
	case "divisors":
		for i := range inv {
			inv[i] /= r.Divisors[i]
		}
	}
	return inv
}

// powers is θ^(2i/dim), the power rounded once.
func (r *Rope) powers() []float32 {
	p := make([]float32, r.Dim/2)
	theta := float64(float32(r.Theta))
	for i := range p {
		e := float32(2*i) / float32(r.Dim)
		p[i] = float32(math.Pow(theta, float64(e)))
	}
	return p
}

// plain is inv_freq without scaling.
func (r *Rope) plain() []float32 {
	inv := r.powers()
	for i, p := range inv {
		inv[i] = 1 / p
	}
	return inv
}

// Llama3Divisors is what a GGUF of a llama3 rotation holds as
// rope_freqs.weight.
func (r *Rope) Llama3Divisors() []float32 {
	div := r.plain()
	for i, f := range div {
		div[i] = r.llama3(f)
	}
	return div
}

// llama3 is the divisor of one frequency, in the float32 steps of torch, where
// a/tensor is a·(1/tensor).
func (r *Rope) llama3(freq float32) float32 {
	wavelen := float32(2*math.Pi) * (1 / freq)
	switch {
	case float64(wavelen) < r.Original/r.HighFreq:
		return 1
	case float64(wavelen) > r.Original/r.LowFreq:
		return float32(r.Factor)
	}
	turns := float32(r.Original) * (1 / wavelen)
	smooth := (turns - float32(r.LowFreq)) / float32(r.HighFreq-r.LowFreq)
	return 1 / float32(float32((1-smooth)/float32(r.Factor))+smooth)
}
