package passes

import (
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// last-token
//
//	y = select_rows(f(x))  =>  y = f(select_rows(x))
//
// for every row-wise f with one reader, again and again, until a boundary, a
// value with more readers or an input stands in the way. The final norm and
// the lm_head then work on the selected rows only. f's value keeps its ID and
// its name but has other rows, so it is renamed: name.selected.
func lastToken(c *Context) error {
	for _, n := range slices.Clone(c.G.Nodes) {
		if n.Op == ir.OpSelectRows {
			raiseSelect(c, n)
		}
	}
	return nil
}

func raiseSelect(c *Context, sel *ir.Node) {
	g := c.G
	moved := false
	for {
		x := sel.In[0]
		f := g.Producer(x)
		why := cannotRaise(g, f, x)
		if why != "" {
			if !moved {
				c.Report.refuse("select_rows", why)
			}
			return
		}
		// f takes select's place and output; select works on f's input.
		out := sel.Out[0]
		in := g.Value(f.In[0])
		rows := g.Value(out).Type.Shape[0]
		t := in.Type
		t.Shape = ir.Shape{rows, t.Shape[1]}
		picked := g.NewValue(in.Name+".selected", t)
		sel.In[0], sel.Out[0] = f.In[0], picked.ID
		f.In[0], f.Out[0] = picked.ID, out
		g.Remove(f)
		g.InsertAfter(sel, f)
		g.DropValue(x)
		moved = true
		c.Report.match("select_rows above " + string(f.Op))
	}
}

func cannotRaise(g *ir.Graph, f *ir.Node, x ir.ValueID) string {
	switch {
	case f == nil:
		return "it reads a graph input"
	case f.Row().Wall:
		return "a cut stands above it"
	case !f.Row().RowWise:
		return string(f.Op) + " mixes rows"
	case len(f.In) != 1 || len(f.Out) != 1:
		return string(f.Op) + " has several operands"
	case len(g.Uses(x)) != 1 || g.IsOutput(x):
		return "other nodes read all rows"
	case g.Value(x).Mark != "":
		return "a mark stands above it"
	case g.Value(f.In[0]).Type.Elem != ir.F32 || len(g.Value(f.In[0]).Type.Shape) != 2:
		return string(f.Op) + " does not read f32 rows"
	}
	return ""
}
