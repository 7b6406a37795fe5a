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
	readers := weightReaders(c.G)
	for _, w := range c.G.Weights {
		if readers[w.Name].matrix == 0 {
			continue
		}
		form, why := packedForm(c, w, readers[w.Name])
		if why == "" && w.Form == form {
			why = "already " + form.String()
		}
		if why != "" {
			c.Report.refuse(w.Type.String()+" weight", why)
			continue
		}
		e, err := ir.PackAs(w.Expr, form)
		if err != nil {
			return fmt.Errorf("weight %s: %w", w.Name, err)
		}
		w.Expr = e
		c.Report.match(w.Type.String() + " weights as " + form.String())
	}
	return nil
}

// packedForm is the form in which w is stored, or the reason why it stays as
// it is.
func packedForm(c *Context, w *ir.Weight, r readers) (ir.Form, string) {
	row, ok := c.Target.Matmul(w.Type)
	switch {
	case r.matrix == 0:
		return w.Form, "no matmul reads it"
	case !ok:
		return w.Form, "no kernel for it"
	case r.gather > 0 && !c.Target.CanGather(w.Type, row.Form):
		return w.Form, "an embedding reads its rows"
	}
	return row.Form, ""
}
