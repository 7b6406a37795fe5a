package passes

import (
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// assign-layout
//
//	matmul(x, ...)  =>  matmul(relayout(x) {to=c4}, ...)   where the target's kernel wants c4
//
// One relayout for every input that wants one: correct and slow.
// propagate-layout takes them away again.
func assignLayout(c *Context) error {
	g := c.G
	for _, n := range slices.Clone(g.Nodes) {
		if !multiplies(n) {
			continue
		}
		x := g.Value(n.In[0])
		if x.Layout == ir.C4 {
			continue
		}
		if why := wantsPlain(c, n); why != "" {
			c.Report.refuse(string(n.Op), why)
			continue
		}
		y := g.NewValue(freshName(g, x.Name+"."+ir.C4.String()), x.Type)
		y.Layout = ir.C4
		g.InsertBefore(n, &ir.Node{Op: ir.OpRelayout, In: []ir.ValueID{x.ID}, Out: []ir.ValueID{y.ID}, Attrs: []ir.Attr{ir.StringAttr("to", ir.C4.String())}})
		n.In[0] = y.ID
		c.Report.match("relayout in front of " + string(n.Op))
	}
	return nil
}

func wantsPlain(c *Context, n *ir.Node) string {
	for _, name := range n.Weights {
		w := c.G.Weight(name)
		row, ok := c.Target.Matmul(w.Type)
		if !ok {
			return "no kernel for " + w.Type.String()
		}
		if row.Input != ir.C4 {
			return w.Type.String() + " reads plain"
		}
	}
	return ""
}

// freshName returns name, or name with a number when it is taken.
func freshName(g *ir.Graph, name string) string {
	fresh := name
	for i := 2; g.ValueByName(fresh) != nil; i++ {
		fresh = fmt.Sprintf("%s.%d", name, i)
	}
	return fresh
}
