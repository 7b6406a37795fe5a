package segment

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// Cut splits g at every boundary node. A value that would cross a cut and that
// no boundary carries is an error; graph inputs may be read everywhere, and what
// a boundary carries in every later piece. A cut that parts a state's writer from
// a later reader is an error that lists the cuts that can be.
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
// the piece above it. What it carries may be read in every later piece.
func partition(g *ir.Graph) (map[*ir.Node]int, []string, error) {
	part := map[*ir.Node]int{}
	at := map[ir.ValueID]int{} // piece that may read the value
	carried := map[ir.ValueID]bool{}
	var cuts []string
	for _, n := range g.Nodes {
		p := 0
		for _, v := range n.In {
			p = max(p, at[v])
		}
		part[n] = p
		for _, v := range n.In {
			if at[v] < p && !carried[v] && !slices.Contains(g.Inputs, v) {
				return nil, nil, fmt.Errorf("value %s crosses the cut at %s", g.Value(v).Name, cuts[at[v]])
			}
		}
		for _, v := range n.Out {
			at[v] = p
		}
		if !n.Row().Wall {
			continue
		}
		name := n.Str("name")
		for _, v := range n.In {
			if slices.Contains(g.Inputs, v) {
				return nil, nil, fmt.Errorf("boundary %s carries %s, which is a graph input", name, g.Value(v).Name)
			}
		}
		if p != len(cuts) {
			return nil, nil, fmt.Errorf("boundaries %s and %s stand side by side", cuts[p], name)
		}
		cuts = append(cuts, name)
		for _, v := range n.Out {
			at[v], carried[v] = p+1, true
		}
	}
	return part, cuts, wholeStates(g, part, cuts)
}

// wholeStates checks that every state stays in one piece: a cut between its
// writer and a later reader would need it at two places.
func wholeStates(g *ir.Graph, part map[*ir.Node]int, cuts []string) error {
	at := map[string]int{}
	for _, n := range g.Nodes {
		for _, s := range n.States {
			first, ok := at[s]
			if !ok {
				at[s] = part[n]
				continue
			}
			if lo, hi := min(first, part[n]), max(first, part[n]); lo != hi {
				can := strings.Join(possible(g), ", ")
				if can == "" {
					can = "none"
				}
				return fmt.Errorf("state %s has a writer and a later reader on both sides of the cut at %s; possible cuts: %s", s, strings.Join(cuts[lo:hi], ", "), can)
			}
		}
	}
	return nil
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

// origins says, for every value, at which wall's output it first crossed a cut;
// None for one that no wall makes.
func origins(g *ir.Graph) []ir.ValueID {
	from := make([]ir.ValueID, g.NumValues())
	for i := range from {
		from[i] = ir.None
	}
	for _, n := range g.Nodes {
		if !n.Row().Wall {
			continue
		}
		for i, v := range n.Out {
			if from[v] = v; from[n.In[i]] != ir.None {
				from[v] = from[n.In[i]]
			}
		}
	}
	return from
}

// extract copies piece p out of g.
func extract(g *ir.Graph, part map[*ir.Node]int, p int) (*ir.Graph, error) {
	c := g.Clone()
	c.Inputs, c.Outputs = nil, nil
	c.Nodes = nil
	from := origins(g)
	made := map[ir.ValueID]bool{}
	read := map[ir.ValueID]bool{}
	copies := g.Clone().Nodes
	for i, n := range g.Nodes {
		if part[n] != p {
			continue
		}
		if n.Row().Wall {
			for i, v := range n.In {
				if from[v] != ir.None {
					continue // made by an earlier segment: wired by its name there
				}
				c.Outputs = append(c.Outputs, v)
				out := c.Value(v)
				out.Name, out.Mark, out.MarkAt = g.Value(n.Out[i]).Name, n.Str("name"), i
			}
			continue
		}
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
	for _, n := range g.Nodes {
		for _, v := range n.Out {
			if part[n] < p && n.Row().Wall && read[v] {
				c.Inputs = append(c.Inputs, v)
				c.Value(v).Name = g.Value(from[v]).Name
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
