package verify

import (
	"math"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// Two budgets for the logits, as NMSE = Σ(a-b)²/Σa². Both follow errors to
// first order from where they arise to the logits:
//
//   - Errors of different places are uncorrelated, so their powers add.
//   - What an error of relative power ε² becomes at the logits is gain·ε². A
//     matmul spreads error and signal alike, RMSNorm removes the radial part, a
//     branch is one summand of the residual stream, and softmax over scores of
//     order one passes on at most the error of its scores: gains of at most
//     one. The gated product is the exception: gate and up both carry the error
//     of their common input, in phase, amplitude twice, power four times; as do
//     q and k in a score. Hence gain.
//
// The assumptions hold for trained and for random weights alike; weights made
// to cancel could break them, so a run beyond the budget is a finding, not a
// proof of a bug. The proof that a pass only inserted quantize_act is
// structural (structure.go). Tests hold the budgets on every committed checkpoint
// in every type and show that bugs exceed them by orders of magnitude.
const gain = 4

// activationBound is the NMSE that quantising activations may cause. Every
// quantize_act site contributes NMSE(x, q(x)), measured in the run itself.
//
// Types with minimums (q4_1, q5_1, q4_k, q5_k) multiply the minimum by the sum
// of a block's integers, for *_k rounded to an eighth. That rounding, at most 1/16
// of a step, uniform, has power (1/8)²/12; the integers of a block bring 32/12 of a
// step² themselves, so it is 1/2000 of what is counted already.
func activationBound(g *ir.Graph, t *trace) float64 {
	sum := 0.0
	for _, n := range g.Nodes {
		if !n.Row().Quantiser {
			continue
		}
		x, q := t.vals[g.Value(n.In[0]).Name], t.vals[g.Value(n.Out[0]).Name]
		if x == nil || q == nil || len(x.data) != len(q.data) {
			continue
		}
		if e := compare("", x.data, q.data).NMSE; !math.IsInf(e, 0) && !math.IsNaN(e) {
			sum += e
		}
	}
	return gain * sum
}

// Relative error powers of single places, with u = 2^-24, the largest relative
// error of one float32 rounding.
const (
	u2 = 1.0 / (1 << 48)
	// One rounding per element, at most u.
	roundOnce = u2
)

// floatBound is the NMSE that float32 arithmetic may cause against float64.
//
// A sum of K products in a chain rounds every partial sum. Partial sums walk:
// after k terms of variance σ² they are √k·σ, each rounded with relative error
// u/√3 at most, together Σ k·σ²·u²/3 = K²σ²u²/6 against a result of K·σ²:
// relative power K·u²/6. Chains end at slabs of 256 channels, K counts in full
// all the same. Every other op rounds a few times per element. The codecs
// round K and V of each layer once.
func floatBound(g *ir.Graph, o Options) float64 {
	sum := 0.0
	for _, n := range g.Nodes {
		switch {
		case n.Reads(ir.Matrix):
			k := float64(g.Value(n.In[0]).Channels())
			sum += k * u2 / 6
		case len(n.States) > 0 && g.State(n.States[0]).Kind == ir.KV:
			sum += float64(total(o.Calls)) * u2 / 6
			sum += o.kv.K.Noise + o.kv.V.Noise
		default:
			sum += 8 * roundOnce
		}
	}
	return gain * sum
}
