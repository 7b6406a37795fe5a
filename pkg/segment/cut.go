package segment

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// Cut splits g at every boundary node. A value other than a boundary's that
// would cross a cut is an error: only graph inputs may be read everywhere.
func Cut(g *ir.Graph) ([]ir.Segment, error) {
	part, cuts, err := partition(g)
	if err != nil {
		return nil, err
	}
	names, kinds, err := name(cuts)
	if err != nil {
		return nil, err
	}
	segs := make([]ir.Segment, len(names))
	for i := range segs {
		piece, err := extract(g, part, i)
		if err != nil {
			return nil, fmt.Errorf("segment %s: %w", names[i], err)
		}
		piece.Name = names[i]
		if err := ir.Verify(piece); err != nil {
			return nil, fmt.Errorf("segment %w", err)
		}
		segs[i] = ir.Segment{Name: names[i], Kind: kinds[i], Graph: piece}
	}
	return segs, nil
}

// partition numbers nodes by the boundaries above them. A boundary belongs to
// the piece above it.
func partition(g *ir.Graph) (map[*ir.Node]int, []string, error) {
	part := map[*ir.Node]int{}
	at := map[ir.ValueID]int{} // piece that may read the value
	var cuts []string
	for _, n := range g.Nodes {
		p := 0
		for _, v := range n.In {
			p = max(p, at[v])
		}
		part[n] = p
		for _, v := range n.In {
			if at[v] < p && !slices.Contains(g.Inputs, v) {
				return nil, nil, fmt.Errorf("value %s crosses the cut at %s", g.Value(v).Name, cuts[at[v]])
			}
		}
		for _, v := range n.Out {
			at[v] = p
			if n.Row().Wall {
				if p != len(cuts) {
					return nil, nil, fmt.Errorf("boundaries %s and %s stand side by side", cuts[p], n.Str("name"))
				}
				cuts = append(cuts, n.Str("name"))
				at[v] = p + 1
			}
		}
	}
	return part, cuts, nil
}

// name names and classifies the pieces between cuts: embed, decoder-N, logit,
// topk.
func name(cuts []string) (names, kinds []string, err error) {
	if len(cuts) == 0 {
		return []string{"model"}, []string{ir.KindModel}, nil
	}
	n := len(cuts)
	if n < 3 || cuts[0] != "embed" || cuts[n-1] != "logits" {
		return nil, nil, fmt.Errorf("cuts at %s: want embed, one or more layers, logits", strings.Join(cuts, ", "))
	}
	names, kinds = append(names, "embed"), append(kinds, ir.KindEmbed)
	for i := range cuts[1 : n-1] {
		names, kinds = append(names, fmt.Sprintf("decoder-%d", i)), append(kinds, ir.KindDecoder)
	}
	return append(names, "logit", "topk"), append(kinds, ir.KindLogit, ir.KindTopK), nil
}

// extract copies piece p out of g.
func extract(g *ir.Graph, part map[*ir.Node]int, p int) (*ir.Graph, error) {
	c := g.Clone()
	c.Inputs, c.Outputs = nil, nil
	c.Nodes = nil
	made := map[ir.ValueID]bool{}
	read := map[ir.ValueID]bool{}
	copies := g.Clone().Nodes
	for i, n := range g.Nodes {
		switch {
		case part[n] == p && n.Row().Wall:
			c.Outputs = append(c.Outputs, n.In[0])
			out := c.Value(n.In[0])
			out.Name, out.Mark = g.Value(n.Out[0]).Name, n.Str("name")
		case part[n] == p-1 && n.Row().Wall:
			c.Inputs = append(c.Inputs, n.Out[0])
		case part[n] == p:
			c.Nodes = append(c.Nodes, copies[i])
			for _, v := range n.In {
				read[v] = true
			}
			for _, v := range n.Out {
				made[v] = true
				if g.IsOutput(v) {
					c.Outputs = append(c.Outputs, v)
				}
			}
		}
	}
	for _, v := range g.Inputs {
		if read[v] {
			c.Inputs = append(c.Inputs, v)
		}
	}
	for _, v := range g.Values() {
		if !made[v.ID] && !slices.Contains(c.Inputs, v.ID) {
			c.DropValue(v.ID)
		}
	}
	for _, out := range c.Outputs {
		if !made[out] {
			return nil, fmt.Errorf("output %s is made by no node here", g.Value(out).Name)
		}
	}
	c.RemoveDead()
	return c.Renumber(), nil
}
