package passes

import (
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// propagate-layout
//
//	relayout(x), relayout(x)                 =>  one relayout with all readers
//	x = op(...); y = relayout(x) {to=c4}     =>  op writes x as c4, readers of y read x
//
// when op's kernel can write that output as c4 (target table) and nobody reads
// x plain. Every step removes a relayout, so the pass ends.
func propagateLayout(c *Context) error {
	g := c.G
	mergeRelayouts(c)
	for _, r := range slices.Clone(g.Nodes) {
		if !isRelayout(r) || r.Str("to") != ir.C4.String() {
			continue
		}
		x, y := r.In[0], r.Out[0]
		p := g.Producer(x)
		if why := cannotWriteC4(c, p, x, len(g.Uses(x))); why != "" {
			c.Report.refuse("relayout", why)
			continue
		}
		g.Value(x).Layout = ir.C4
		g.ReplaceUses(y, x)
		g.Remove(r)
		g.DropValue(y)
		c.Report.match(string(p.Op) + " writes c4")
	}
	return nil
}

// cannotWriteC4 says why p, which makes x for so many readers, keeps it plain.
func cannotWriteC4(c *Context, p *ir.Node, x ir.ValueID, uses int) string {
	switch {
	case p == nil:
		return "it reads a graph input"
	case isRelayout(p) || !c.Target.CanWriteC4(p.Op, slices.Index(p.Out, x)):
		return string(p.Op) + " writes plain only"
	case uses != 1 || c.G.IsOutput(x):
		return "others read " + string(p.Op) + "'s result plain"
	}
	return ""
}

// relayoutKey is what equal relayouts share.
type relayoutKey struct {
	x  ir.ValueID
	to string
}

// mergeRelayouts leaves one relayout per value and layout: the first.
func mergeRelayouts(c *Context) {
	g := c.G
	first := map[relayoutKey]*ir.Node{}
	for _, r := range slices.Clone(g.Nodes) {
		if !isRelayout(r) {
			continue
		}
		k := relayoutKey{r.In[0], r.Str("to")}
		f, ok := first[k]
		if !ok {
			first[k] = r
			continue
		}
		g.ReplaceUses(r.Out[0], f.Out[0])
		g.Remove(r)
		g.DropValue(r.Out[0])
		c.Report.match("relayout merged with an equal one")
	}
}
