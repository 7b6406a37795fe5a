package passes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// group-projections
//
//	a = matmul(x, @A); b = matmul(x, @B); ...  =>  a, b, ... = matmul_group(x, @A+B, ...)
//
// Matmuls with the same input value (hence the same K) become one dispatch.
// Members of equal type stand side by side and are concatenated as raw blocks;
// unequal ones stay separate storage in the same group, with the reason in the report. A
// weight that something else reads, as a tied embedding, is never
// concatenated. The group stands where its first member stood: the others read
// nothing but x and weights.
func groupProjections(c *Context) error {
	g := c.G
	if !c.Target.Executes(ir.OpMatmulGroup) {
		c.Report.refuse("matmul", "the target has no matmul_group")
		return nil
	}
	readers := weightReaders(g)
	done := map[ir.ValueID]bool{}
	for _, n := range slices.Clone(g.Nodes) {
		if n.Row().Grouped != ir.OpMatmulGroup || n.Op == ir.OpMatmulGroup || done[n.In[0]] {
			continue
		}
		done[n.In[0]] = true
		members := projections(g, n.In[0])
		if len(members) < 2 {
			continue
		}
		sortByType(g, members)
		if err := group(c, readers, members); err != nil {
			return err
		}
	}
	g.RemoveDead()
	return nil
}

func projections(g *ir.Graph, x ir.ValueID) []*ir.Node {
	var m []*ir.Node
	for _, u := range g.Uses(x) {
		if u.Op != ir.OpMatmulGroup && u.Row().Grouped == ir.OpMatmulGroup {
			m = append(m, u)
		}
	}
	return m
}

// sortByType brings members of equal weight type together, types in the order
// in which they first appear, so that nothing depends on the order of q, k, v.
func sortByType(g *ir.Graph, members []*ir.Node) {
	var types []tensor.Type
	typ := func(m *ir.Node) tensor.Type { return g.Weight(m.Weights[0]).Type }
	for _, m := range members {
		types = append(types, typ(m))
	}
	slices.SortStableFunc(members, func(a, b *ir.Node) int { return slices.Index(types, typ(a)) - slices.Index(types, typ(b)) })
}

// first is the member that stands first in the node order.
func first(g *ir.Graph, members []*ir.Node) *ir.Node {
	return slices.MinFunc(members, func(a, b *ir.Node) int { return g.Index(a) - g.Index(b) })
}

// group replaces members, in their order, by one matmul_group.
func group(c *Context, readers map[string]readers, members []*ir.Node) error {
	g := c.G
	node := &ir.Node{Op: ir.OpMatmulGroup, In: []ir.ValueID{members[0].In[0]}}
	var sizes []int64
	var runs [][]*ir.Node
	var what strings.Builder
	var reasons []string
	for i, m := range members {
		sizes = append(sizes, g.Weight(m.Weights[0]).Rows...)
		node.Out = append(node.Out, m.Out[0])
		name := shortName(m.Weights[0])
		if i == 0 {
			runs = append(runs, []*ir.Node{m})
			what.WriteString(name)
			continue
		}
		if why := unjoinable(g, readers, members[i-1], m); why != "" {
			reasons = append(reasons, name+" is "+why)
			runs = append(runs, []*ir.Node{m})
			what.WriteString(" | " + name)
			continue
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], m)
		what.WriteString("+" + name)
	}
	for _, run := range runs {
		name, err := joined(g, run)
		if err != nil {
			return err
		}
		node.Weights = append(node.Weights, name)
	}
	node.Attrs = []ir.Attr{ir.IntsAttr("members", sizes...)}
	if len(reasons) > 0 {
		what.WriteString(" (" + strings.Join(reasons, ", ") + ")")
	}
	c.Report.match(what.String())
	g.Replace(members, first(g, members), node)
	return nil
}

// unjoinable says why b's rows may not follow a's in one weight: what b is that
// a is not, or what keeps either from being moved.
func unjoinable(g *ir.Graph, readers map[string]readers, a, b *ir.Node) string {
	wa, wb := g.Weight(a.Weights[0]), g.Weight(b.Weights[0])
	switch {
	case wa.Type != wb.Type:
		return wb.Type.String()
	case readers[wb.Name].all > 1:
		return "shared"
	case readers[wa.Name].all > 1:
		return "behind a shared weight"
	case wa.Form != ir.Rows || wb.Form != ir.Rows:
		return "stored packed"
	}
	return ""
}

// joined returns the weight that holds a run of members.
func joined(g *ir.Graph, run []*ir.Node) (string, error) {
	if len(run) == 1 {
		return run[0].Weights[0], nil
	}
	var names []string
	var parts []*ir.Expr
	for _, m := range run {
		names = append(names, m.Weights[0])
		parts = append(parts, g.Weight(m.Weights[0]).Expr)
	}
	e, err := ir.Concat(parts...)
	if err != nil {
		return "", fmt.Errorf("concatenate %s: %w", strings.Join(names, ", "), err)
	}
	return g.AddWeight(JoinNames(names), e)
}

// JoinNames names a concatenation: blk.0.attn_q.weight, blk.0.attn_k.weight
// → blk.0.attn_q+attn_k.weight.
func JoinNames(names []string) string {
	first := names[0]
	stem, ok := strings.CutSuffix(first, ".weight")
	if !ok {
		return strings.Join(names, "+")
	}
	cut := strings.LastIndexByte(stem, '.') + 1
	out := stem
	for _, n := range names[1:] {
		rest, ok := strings.CutPrefix(n, stem[:cut])
		if !ok {
			return strings.Join(names, "+")
		}
		out += "+" + strings.TrimSuffix(rest, ".weight")
	}
	return out + ".weight"
}

// shortName is "q" for blk.3.attn_q.weight and "gate" for blk.3.ffn_gate.weight.
func shortName(weight string) string {
	s := strings.TrimSuffix(weight, ".weight")
	s = s[strings.LastIndexByte(s, '.')+1:]
	return strings.TrimPrefix(strings.TrimPrefix(s, "attn_"), "ffn_")
}
