package passes

import "github.com/tessera-llm/tessera/pkg/ir"

// share-embedding
//
//	embedding(ids, @E) and matmul(x, @W) with one expression  =>  embedding(ids, @W)
//
// so that pack-weights makes one stored tensor of a tied pair and the gather
// reads rows out of the packed lm_head. Refused where the target cannot
// gather from the packing form of the matmul.
func shareEmbedding(c *Context) error {
	g := c.G
	for _, n := range g.Nodes {
		if !n.Reads(ir.Gather) {
			continue
		}
		e := g.Weight(n.Weights[0])
		w := matmulTwin(g, e)
		if w == nil {
			c.Report.refuse("embedding", untied(g, e))
			continue
		}
		row, ok := c.Target.Matmul(w.Type)
		if !ok || !c.Target.CanGather(w.Type, row.Form) {
			c.Report.refuse("embedding", "the target does not gather "+w.Type.String()+" from "+row.Form.String())
			continue
		}
		n.Weights[0] = w.Name
		c.Report.match("embedding shared with " + w.Name)
	}
	g.RemoveDead()
	return nil
}

func untied(g *ir.Graph, e *ir.Weight) string {
	if weightReaders(g)[e.Name].matrix > 0 {
		return "shared already"
	}
	return "not tied"
}

// matmulTwin finds a matmul weight that is another name for e.
func matmulTwin(g *ir.Graph, e *ir.Weight) *ir.Weight {
	for _, n := range g.Nodes {
		if !multiplies(n) || len(n.Weights) != 1 {
			continue
		}
		if w := g.Weight(n.Weights[0]); w.Name != e.Name && w.Expr.Equal(e.Expr) {
			return w
		}
	}
	return nil
}
