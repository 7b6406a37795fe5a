package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/passes"
)

// sameStructure checks what numbers do not show: every boundary stands at the
// values where it stood, the graph has the same inputs and outputs, and a pass
// that changes numbers has done nothing but insert quantize_act.
func sameStructure(p *passes.Pass, before, after *ir.Graph) error {
	if a, b := interfaceOf(before), interfaceOf(after); a != b {
		return fmt.Errorf("boundaries, inputs or outputs were %s, are %s", a, b)
	}
	if p.Exact {
		return nil
	}
	a, b := statements(before), statements(erased(after))
	if lost, extra := missing(a, b), missing(b, a); lost != "" || extra != "" {
		return fmt.Errorf("without its quantize_act the graph is not the one before: %q became %q", lost, extra)
	}
	for _, w := range before.Weights {
		if o := after.Weight(w.Name); o == nil || !o.Expr.Equal(w.Expr) {
			return fmt.Errorf("weight %s is another one", w.Name)
		}
	}
	return nil
}

// interfaceOf lists inputs, places where the graph is or can be cut, and
// outputs, by the names of their values.
func interfaceOf(g *ir.Graph) string {
	var b strings.Builder
	list := func(what string, ids []ir.ValueID) {
		for _, v := range ids {
			fmt.Fprintf(&b, "%s %s %s, ", what, g.Value(v).Name, g.Value(v).Type)
		}
	}
	list("input", g.Inputs)
	for _, at := range g.Boundaries() {
		for i, v := range at.Values {
			if at.Wall != nil && passedOn(g, at.Wall.In[i]) {
				continue
			}
			fmt.Fprintf(&b, "boundary %s at %s, ", at.Name, g.Value(v).Name)
		}
	}
	list("output", g.Outputs)
	return strings.TrimSuffix(b.String(), ", ")
}

// passedOn reports whether a boundary carries v only because an earlier one does.
func passedOn(g *ir.Graph, v ir.ValueID) bool {
	p := g.Producer(v)
	return p != nil && p.Row().Wall
}

// erased is a copy of g whose matmuls read what their quantize_act reads.
func erased(g *ir.Graph) *ir.Graph {
	c := g.Clone()
	for _, n := range c.Nodes {
		if n.Row().Quantiser {
			c.ReplaceUses(n.Out[0], n.In[0])
		}
	}
	c.RemoveDead()
	return c
}

// statements lists nodes; passes keep the IDs of values.
func statements(g *ir.Graph) []string {
	all := make([]string, len(g.Nodes))
	for i, n := range g.Nodes {
		all[i] = ir.NodeText(g, n)
	}
	return all
}

// missing is the first line of a that b lacks.
func missing(a, b []string) string {
	for _, line := range a {
		if !slices.Contains(b, line) {
			return line
		}
	}
	return ""
}
