package verify

import (
	"math"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// activationBound is the NMSE that quantising activations may cause at the
// logits, derived from the run itself. Every quantize_act site adds an error
// of relative power ε² = NMSE(x, q(x)), measured there, to the branch it
// feeds. Branches add up in the residual stream; in the worst case all errors
// add in phase, amplitude by amplitude, and the softmax and the gated product
// double an error's amplitude at most to first order (both factors of gate·up
// carry one). So the amplitude is at most 2·Σε over the sites of a path; sites
// feeding one stream are independent rounding errors, hence the power is
// bounded by 4·Σε², the sum over all sites.
func activationBound(t *trace) float64 {
	sum := 0.0
	for _, name := range t.order {
		stem, ok := strings.CutSuffix(name, ".s256e32")
		if !ok || t.vals[stem] == nil {
			continue
		}
		d := compare(name, t.vals[stem].data, t.vals[name].data)
		if !math.IsInf(d.NMSE, 0) && !math.IsNaN(d.NMSE) {
			sum += d.NMSE
		}
	}
	return 4 * sum
}

// floatBound is the NMSE that float32 arithmetic may cause at the logits: a
// chain of K products has a relative rounding error below K·2^-24 of its
// absolute sum; with independent roundings √K·2^-24 in the mean. Errors of all
// matmuls of all layers are added as powers, cancellation in a sum may
// amplify them: a factor 2^10 in power is allowed for it. A cache in f16 or
// q8_0 adds its own rounding, 2^-11 or 2^-8 relative, for K and V of each
// layer.
func floatBound(g *ir.Graph, o Options) float64 {
	sum := 0.0
	for _, n := range g.Nodes {
		switch n.Op {
		case "matmul":
			k := float64(g.Weight(n.Weights[0]).Shape.Last())
			sum += k * math.Exp2(-48) * math.Exp2(10)
		case "attention":
			switch kvType(g, o) {
			case "f16":
				sum += 2 * 4 * math.Exp2(-22)
			case "q8_0":
				sum += 2 * 4 * math.Exp2(-16)
			}
		}
	}
	return sum
}
