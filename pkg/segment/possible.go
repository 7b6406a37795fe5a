package segment

import (
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// possible names the boundaries of g at which a cut parts no state and lets
// nothing cross but what the boundaries carry, when no fused op spans it.
func possible(g *ir.Graph) []string {
	if plain := g.Clone(); ir.Expand(plain, nil) == nil {
		g = plain
	}
	carried := map[ir.ValueID]bool{}
	for _, v := range g.Inputs {
		carried[v] = true
	}
	all := g.Boundaries()
	for _, b := range all {
		if b.Wall != nil {
			for _, v := range b.Values {
				carried[v] = true
			}
		}
	}
	var names []string
	for _, b := range all {
		if parts(g, b, carried) {
			names = append(names, b.Name)
		}
	}
	return names
}

// parts reports whether g falls apart cleanly at b.
func parts(g *ir.Graph, b ir.Boundary, carried map[ir.ValueID]bool) bool {
	above := needed(g, b.Values)
	below := map[ir.ValueID]bool{}
	behind := map[string]bool{} // state → its first node stands behind the cut
	for _, n := range g.Nodes {
		under := false
		for _, v := range n.In {
			under = under || below[v] || slices.Contains(b.Values, v) && !above[n]
		}
		for _, s := range n.States {
			if was, ok := behind[s]; ok && was != under {
				return false
			}
			behind[s] = under
		}
		if !under {
			continue
		}
		for _, v := range n.In {
			if !below[v] && !carried[v] && !slices.Contains(b.Values, v) {
				return false
			}
		}
		for _, v := range n.Out {
			below[v] = true
		}
	}
	return true
}

// needed is the set of nodes without which values cannot be made.
func needed(g *ir.Graph, values []ir.ValueID) map[*ir.Node]bool {
	want := map[ir.ValueID]bool{}
	for _, v := range values {
		want[v] = true
	}
	nodes := map[*ir.Node]bool{}
	for _, n := range slices.Backward(g.Nodes) {
		if slices.ContainsFunc(n.Out, func(v ir.ValueID) bool { return want[v] }) {
			nodes[n] = true
			for _, v := range n.In {
				want[v] = true
			}
		}
	}
	return nodes
}
