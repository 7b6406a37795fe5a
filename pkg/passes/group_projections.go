package passes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// group-projections
//
//	a = matmul(x, @A); b = matmul(x, @B); ...  =>  a, b, ... = matmul_group(x, @A+B, ...)
//
// Matmuls with the same input value (hence the same K) become one dispatch.
// Adjacent members of equal type are concatenated as raw blocks; unequal ones
// stay separate storage in the same group, with the reason in the report. A
// weight that something else reads, as a tied embedding, is never
// concatenated. All members must come before the first reader of any of them.
func groupProjections(c *Context) error {
	g := c.G
	if !c.Target.HasFused("matmul_group") {
		c.Report.refuse("matmul", "the target has no matmul_group")
		return nil
	}
	done := map[ir.ValueID]bool{}
	for _, n := range slices.Clone(g.Nodes) {
		if n.Op != "matmul" || done[n.In[0]] {
			continue
		}
		done[n.In[0]] = true
		members := projections(g, n.In[0])
		if len(members) < 2 {
			continue
		}
		if why := ungroupable(g, members); why != "" {
			c.Report.refuse(groupName(g, members, nil), why)
			continue
		}
		if err := group(c, members); err != nil {
			return err
		}
	}
	g.RemoveDead()
	return nil
}

func projections(g *ir.Graph, x ir.ValueID) []*ir.Node {
	var m []*ir.Node
	for _, u := range g.Uses(x) {
		if u.Op == "matmul" {
			m = append(m, u)
		}
	}
	return m
}

func ungroupable(g *ir.Graph, members []*ir.Node) string {
	for _, m := range members {
		if len(g.Weight(m.Weights[0]).Rows) != 1 {
			return "a weight of several members"
		}
	}
	last := g.Index(members[len(members)-1])
	for _, m := range members[:len(members)-1] {
		for _, u := range g.Uses(m.Out[0]) {
			if g.Index(u) < last {
				// Moving the later members up to the first is always possible:
				// they read x only. Kept as a guard against a member that
				// feeds another.
				if slices.Contains(members, u) {
					return "one projection feeds another"
				}
			}
		}
	}
	return ""
}

// group replaces members, in their order, by one matmul_group.
func group(c *Context, members []*ir.Node) error {
	g := c.G
	node := &ir.Node{Op: "matmul_group", In: []ir.ValueID{members[0].In[0]}}
	var sizes []int64
	var runs [][]*ir.Node
	for i, m := range members {
		w := g.Weight(m.Weights[0])
		sizes = append(sizes, w.Rows...)
		node.Out = append(node.Out, m.Out[0])
		if i > 0 && joinable(g, members[i-1], m) {
			runs[len(runs)-1] = append(runs[len(runs)-1], m)
		} else {
			runs = append(runs, []*ir.Node{m})
		}
	}
	for _, run := range runs {
		name, err := joined(g, run)
		if err != nil {
			return err
		}
		node.Weights = append(node.Weights, name)
	}
	node.Attrs = []ir.Attr{ir.IntsAttr("members", sizes...)}
	c.Report.match(groupName(g, members, runs))
	g.Replace(members, members[0], node)
	return nil
}

// joinable reports whether b's rows may follow a's in one weight.
func joinable(g *ir.Graph, a, b *ir.Node) bool {
	wa, wb := g.Weight(a.Weights[0]), g.Weight(b.Weights[0])
	return wa.Type == wb.Type && wa.Form == ir.Rows && wb.Form == ir.Rows &&
		readers(g, wa.Name) == 1 && readers(g, wb.Name) == 1
}

func readers(g *ir.Graph, weight string) int {
	n := 0
	for _, nd := range g.Nodes {
		if slices.Contains(nd.Weights, weight) {
			n++
		}
	}
	return n
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

// groupName describes a group as the report counts it: "q+k | v (v is q6_k)".
func groupName(g *ir.Graph, members []*ir.Node, runs [][]*ir.Node) string {
	if runs == nil {
		runs = [][]*ir.Node{members}
	}
	var parts, odd []string
	for i, run := range runs {
		var names []string
		for _, m := range run {
			names = append(names, shortName(m.Weights[0]))
		}
		parts = append(parts, strings.Join(names, "+"))
		if i > 0 {
			w, prev := g.Weight(run[0].Weights[0]), g.Weight(runs[i-1][0].Weights[0])
			if w.Type != prev.Type {
				odd = append(odd, fmt.Sprintf("%s is %s", strings.Join(names, "+"), w.Type))
			} else {
				odd = append(odd, strings.Join(names, "+")+" is shared")
			}
		}
	}
	s := strings.Join(parts, " | ")
	if len(odd) > 0 {
		s += " (" + strings.Join(odd, ", ") + ")"
	}
	return s
}

// shortName is "q" for blk.3.attn_q.weight and "gate" for blk.3.ffn_gate.weight.
func shortName(weight string) string {
	s := strings.TrimSuffix(weight, ".weight")
	s = s[strings.LastIndexByte(s, '.')+1:]
	return strings.TrimPrefix(strings.TrimPrefix(s, "attn_"), "ffn_")
}
