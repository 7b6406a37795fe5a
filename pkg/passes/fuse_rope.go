package passes

import (
	"math"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// fuse-rope
//
//	q' = rope(rms_norm(q, @qn), @f); k' = rope(rms_norm(k, @kn), @f); attention(q', k', ...)
//	=>  q', k' = rope_qk(q, k, @f, @qn, @kn)
//
// and the same without the norms. Both ropes must agree in frequencies
// and attributes; a norm is taken in only when q and k both have
// one over head_dim with the same eps, and every inner value has one reader.
func fuseRope(c *Context) error {
	g := c.G
	if !c.Target.Executes(ir.OpRopeQK) {
		c.Report.refuse("attention", "the target has no rope_qk")
		return nil
	}
	for _, at := range attentions(g) {
		if !at.Appends() {
			c.Report.refuse("q", "attention over another layer's k")
			continue
		}
		q, k := g.Producer(at.In[0]), g.Producer(at.In[1])
		if why := ropesDiffer(g, q, k); why != "" {
			c.Report.refuse("q, k", why)
			continue
		}
		node := &ir.Node{Op: ir.OpRopeQK, In: []ir.ValueID{q.In[0], k.In[0]}, Weights: []string{q.Weights[0]},
			Out:   []ir.ValueID{q.Out[0], k.Out[0]},
			Attrs: []ir.Attr{ir.IntAttr("head_dim", q.Int("head_dim")), ir.IntAttr("rotary_dim", q.Int("rotary_dim"))}}
		for _, a := range q.Attrs {
			if a.Key == "mscale" {
				node.Set(a)
			}
		}
		old := []*ir.Node{q, k}
		what := "rope of q, k"
		nq, nk, why := headNorms(g, q, k)
		if why != "" {
			c.Report.refuse("q norm, k norm", why)
		}
		if nq != nil && nk != nil {
			node.In[0], node.In[1] = nq.In[0], nk.In[0]
			node.Weights = append(node.Weights, nq.Weights[0], nk.Weights[0])
			node.Set(ir.FloatAttr("eps", nq.Float("eps")))
			old = append(old, nq, nk)
			what = "norm and rope of q, k"
		}
		// Behind both inputs, in front of the first reader: the later of the two ropes.
		place := q
		if g.Index(k) > g.Index(q) {
			place = k
		}
		if firstReader(g, q.Out[0]) < g.Index(place) || firstReader(g, k.Out[0]) < g.Index(place) {
			c.Report.refuse("q, k", "one is read before the other is made")
			continue
		}
		g.Replace(old, place, node)
		c.Report.match(what)
	}
	return nil
}

func attentions(g *ir.Graph) []*ir.Node {
	var all []*ir.Node
	for _, n := range g.Nodes {
		if n.Base() == ir.OpAttention {
			all = append(all, n)
		}
	}
	return all
}

func ropesDiffer(g *ir.Graph, q, k *ir.Node) string {
	switch {
	case q == nil || k == nil || q.Op != ir.OpRope || k.Op != ir.OpRope:
		return "no rotary before attention"
	case q == k:
		return "q and k are one value"
	case q.Weights[0] != k.Weights[0]:
		return "other frequencies"
	case len(q.Attrs) != len(k.Attrs):
		return "other attributes"
	}
	for i := range q.Attrs {
		if !q.Attrs[i].Equal(k.Attrs[i]) {
			return "other attributes"
		}
	}
	return ""
}

// headNorms returns the per-head RMSNorms in front of both ropes when they can
// be taken in, or the reason why norms that stand there cannot.
func headNorms(g *ir.Graph, q, k *ir.Node) (nq, nk *ir.Node, why string) {
	nq, nk = g.Producer(q.In[0]), g.Producer(k.In[0])
	isNorm := func(n *ir.Node) bool { return n != nil && n.Op == ir.OpRMSNorm }
	switch hd := q.Int("head_dim"); {
	case !isNorm(nq) && !isNorm(nk):
	case !isNorm(nq) || !isNorm(nk):
		why = "only one is normed"
	case nq.Int("dim") != hd || nk.Int("dim") != hd:
		why = "not per head"
	case math.Float64bits(nq.Float("eps")) != math.Float64bits(nk.Float("eps")):
		why = "eps differs"
	case nq == nk || !private(g, q.In[0]) || !private(g, k.In[0]):
		why = "read elsewhere"
	default:
		return nq, nk, ""
	}
	return nil, nil, why
}

// private reports whether v has one reader, is no output and carries no mark,
// so that a pattern may swallow it.
func private(g *ir.Graph, v ir.ValueID) bool {
	return len(g.Uses(v)) == 1 && !g.IsOutput(v) && g.Value(v).Mark == ""
}

// firstReader is the index of the first node that reads v, or the number of
// nodes.
func firstReader(g *ir.Graph, v ir.ValueID) int {
	for _, u := range g.Uses(v) {
		return g.Index(u)
	}
	return len(g.Nodes)
}
