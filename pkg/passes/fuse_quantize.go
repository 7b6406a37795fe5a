package passes

import (
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// fuse-quantize
//
//	x = op(...); q = quantize_act(x) {scheme}           =>  q = op_quant(...) {scheme}
//	s, x = add_rms_norm(...); q = quantize_act(x) {..}  =>  s, q = add_rms_norm_quant(...) {..}
//
// for every op whose kernel can quantise its last output (target table): the
// norms, the gated activation and attention. x is gone then, so nothing else may want it in
// f32: no second reader (a matmul of the same input whose weight keeps f32
// activations, say), no graph output, no mark, where a re-cut would need it. The
// bits are those of the two ops: q holds what quantize_act makes of the f32 that
// op computes.
func fuseQuantize(c *Context) error {
	g := c.G
	for _, q := range slices.Clone(g.Nodes) {
		if !q.Row().Quantiser {
			continue
		}
		p := g.Producer(q.In[0])
		if why := cannotQuantise(c, p, q.In[0], len(g.Uses(q.In[0]))); why != "" {
			c.Report.refuse("quantize_act", why)
			continue
		}
		last := len(p.Out) - 1
		g.Replace([]*ir.Node{p, q}, p, &ir.Node{Op: ir.QuantisedForm(p.Op), In: slices.Clone(p.In), Weights: slices.Clone(p.Weights), States: slices.Clone(p.States),
			Out: append(slices.Clone(p.Out[:last]), q.Out[0]), Attrs: append(slices.Clone(p.Attrs), q.Attrs...)})
		c.Report.match(string(p.Op) + " writes i8")
	}
	return nil
}

// cannotQuantise says why p, which makes x for so many readers, leaves it in
// f32.
func cannotQuantise(c *Context, p *ir.Node, x ir.ValueID, uses int) string {
	switch {
	case p == nil:
		return "it reads a graph input"
	case ir.QuantisedForm(p.Op) == "":
		return string(p.Op) + " writes f32 only"
	case !c.Target.Executes(ir.QuantisedForm(p.Op)):
		return "the target has no " + string(ir.QuantisedForm(p.Op))
	case p.Out[len(p.Out)-1] != x:
		return "it reads another output of " + string(p.Op)
	case c.G.IsOutput(x):
		return string(p.Op) + "'s result is a graph output"
	case c.G.Value(x).Mark != "":
		return "a mark stands at " + string(p.Op) + "'s result"
	case uses != 1:
		return "others read " + string(p.Op) + "'s result in f32"
	}
	return ""
}
