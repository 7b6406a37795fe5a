package passes

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// pack-weights
//
//	weight @W = e  =>  weight @W = pack(e, p16)
//
// for every weight a matmul reads, in the form of the target table. A weight
// that an embedding reads as well is packed only if the target gathers rows
// from that form; weights that only embeddings read stay rows.
func packWeights(c *Context) error {
	g := c.G
	for _, w := range g.Weights {
		matmul, embedding := kindsOfReaders(g, w.Name)
		if !matmul {
			continue
		}
		row, ok := c.Target.Matmul(w.Type)
		switch {
		case !ok:
			c.Report.refuse(w.Type.String()+" weight", "no kernel for it")
			continue
		case embedding && !c.Target.CanGather(w.Type, row.Form):
			c.Report.refuse(w.Type.String()+" weight", "an embedding reads its rows")
			continue
		case w.Form == row.Form:
			c.Report.refuse(w.Type.String()+" weight", "already "+row.Form.String())
			continue
		}
		e, err := ir.PackAs(w.Expr, row.Form)
		if err != nil {
			return fmt.Errorf("weight %s: %w", w.Name, err)
		}
		w.Expr = e
		c.Report.match(w.Type.String() + " weights as " + row.Form.String())
	}
	return nil
}

func kindsOfReaders(g *ir.Graph, weight string) (matmul, embedding bool) {
	for _, n := range g.Nodes {
		for _, w := range n.Weights {
			if w != weight {
				continue
			}
			switch n.Op {
			case "matmul", "matmul_group":
				matmul = true
			case "embedding":
				embedding = true
			}
		}
	}
	return matmul, embedding
}
