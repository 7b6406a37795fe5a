package passes

import (
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// quantize-activations
//
//	y = matmul(x, @W)  =>  q = quantize_act(x) {scheme}; y = matmul(q, @W)
//
// for every W whose kernel wants int8 activations (target table). Readers of
// one x share one q. This is the one pass that changes numbers; everything
// behind it is exact. The residual stream, q/k/v, scores and boundaries stay
// f32, since they are never a matmul's input themselves.
func quantizeActivations(c *Context) error {
	g := c.G
	type key struct {
		x      ir.ValueID
		scheme string
	}
	made := map[key]ir.ValueID{}
	for _, n := range slices.Clone(g.Nodes) {
		if !multiplies(n) || n.Row().Quantisable&1 == 0 || g.Value(n.In[0]).Type.Elem != ir.F32 {
			continue
		}
		x, w := n.In[0], g.Weight(n.Weights[0])
		scheme := c.Target.Scheme(w.Expr)
		if scheme == "" {
			c.Report.refuse(string(n.Op), w.Type.String()+" weights take f32 activations")
			continue
		}
		k := key{x, scheme}
		q, ok := made[k]
		if !ok {
			t := g.Value(x).Type
			t.Elem, t.Scheme = ir.I8, scheme
			v := g.NewValue(g.Value(x).Name+"."+scheme, t)
			q = v.ID
			made[k] = q
			g.InsertAfter(g.Producer(x), &ir.Node{Op: ir.OpQuantizeAct, In: []ir.ValueID{x}, Out: []ir.ValueID{q}, Attrs: []ir.Attr{ir.StringAttr("scheme", scheme)}})
			c.Report.match("quantize_act")
		}
		n.In[0] = q
		c.Report.match(string(n.Op) + " " + w.Type.String() + " reads i8")
	}
	return nil
}
