package passes

import (
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// fuse-gated-activation
//
//	mul(act(gate), up)  =>  gated_act(gate, up) {act}
//
// for every activation of the op table and either order of mul's inputs (a product of
// two floats commutes exactly). The activated gate must have no other reader.
func fuseGatedActivation(c *Context) error {
	g := c.G
	if !c.Target.Executes(ir.OpGatedAct) {
		c.Report.refuse("mul", "the target has no gated_act")
		return nil
	}
	for _, mul := range slices.Clone(g.Nodes) {
		if mul.Op != ir.OpMul {
			continue
		}
		act, up, why := activated(g, mul)
		if act == nil {
			c.Report.refuse("mul", why)
			continue
		}
		g.Replace([]*ir.Node{act, mul}, mul, &ir.Node{Op: ir.OpGatedAct, In: []ir.ValueID{act.In[0], up}, Out: slices.Clone(mul.Out),
			Attrs: []ir.Attr{ir.StringAttr(ir.Lookup(ir.OpGatedAct).Applies, string(act.Op))}})
		c.Report.match(string(act.Op) + "(gate)·up")
	}
	return nil
}

// activated finds the activation among mul's inputs and returns it with the
// other input, or the reason why there is none.
func activated(g *ir.Graph, mul *ir.Node) (act *ir.Node, up ir.ValueID, why string) {
	why = "no activation feeds it"
	for i, v := range mul.In {
		p := g.Producer(v)
		switch {
		case p == nil || !p.Row().Activation:
		case mul.In[1-i] == v:
			why = "it squares the activation"
		case !private(g, v):
			why = "the activation is read elsewhere"
		default:
			return p, mul.In[1-i], ""
		}
	}
	return nil, ir.None, why
}
