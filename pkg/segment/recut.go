package segment

import (
	"context"
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/passes"
)

// Join makes one graph of segments: where a segment but the last ends,
// a boundary node stands, named by the mark of the outputs, that carries them all.
func Join(segs []ir.Segment) (*ir.Graph, error) {
	g := ir.NewGraph("model")
	made := map[string]ir.ValueID{}
	for _, x := range ir.Externals {
		name := x.Name
		for _, s := range segs {
			if v := s.Graph.ValueByName(name); v != nil && slices.Contains(s.Graph.Inputs, v.ID) {
				if _, ok := made[name]; !ok {
					made[name] = g.AddInput(name, v.Type)
				}
			}
		}
	}
	for i, s := range segs {
		if err := join(g, s.Graph, made, i == len(segs)-1); err != nil {
			return nil, fmt.Errorf("join segment %s: %w", s.Name, err)
		}
	}
	return g, ir.Verify(g)
}

// join appends piece p to g. made maps the names that later pieces may read.
func join(g, p *ir.Graph, made map[string]ir.ValueID, last bool) error {
	to := map[ir.ValueID]ir.ValueID{}
	for _, id := range p.Inputs {
		v, ok := made[p.Value(id).Name]
		if !ok {
			return fmt.Errorf("input %s is made by no earlier segment", p.Value(id).Name)
		}
		to[id] = v
	}
	for _, w := range p.Weights {
		if _, err := g.AddWeight(w.Name, w.Expr); err != nil {
			return err
		}
	}
	for _, s := range p.States {
		if g.State(s.Name) != nil {
			return fmt.Errorf("state %s exists already", s.Name)
		}
		st := *s
		g.AddState(&st)
	}
	for _, n := range p.Clone().Nodes {
		for i, v := range n.In {
			n.In[i] = to[v]
		}
		for i, v := range n.Out {
			old := p.Value(v)
			val := g.NewValue(old.Name, old.Type)
			val.Layout, val.Mark, val.MarkAt = old.Layout, old.Mark, old.MarkAt
			to[v], n.Out[i] = val.ID, val.ID
		}
		g.Nodes = append(g.Nodes, n)
	}
	if last {
		for _, id := range p.Outputs {
			g.Outputs = append(g.Outputs, to[id])
		}
		return nil
	}
	outputs := map[string][]*ir.Value{} // by the boundary they cross
	var marks []string
	for _, id := range p.Outputs {
		v := g.Value(to[id])
		if v.Mark == "" {
			return fmt.Errorf("output %s names no boundary", v.Name)
		}
		if outputs[v.Mark] == nil {
			marks = append(marks, v.Mark)
		}
		outputs[v.Mark] = append(outputs[v.Mark], v)
	}
	for _, mark := range marks {
		if err := wall(g, mark, outputs[mark], made); err != nil {
			return err
		}
	}
	return nil
}

// wall appends the boundary node that values, which carry its mark, cross.
func wall(g *ir.Graph, mark string, values []*ir.Value, made map[string]ir.ValueID) error {
	slices.SortStableFunc(values, func(a, b *ir.Value) int { return a.MarkAt - b.MarkAt })
	n := ir.Node{Op: ir.OpBoundary, Attrs: []ir.Attr{ir.StringAttr("name", mark)}}
	var names []string
	for _, v := range values {
		n.In, names = append(n.In, v.ID), append(names, v.Name)
		v.Name, v.Mark, v.MarkAt = v.Name+".in", "", 0
	}
	out, err := g.Add(n, names...)
	if err != nil {
		return err
	}
	for i, name := range names {
		made[name] = out[i]
	}
	return nil
}

// Recut cuts a model that has been cut already at other boundaries: it joins
// the pieces, expands what spans a new cut, dissolves the old ones and fuses
// again. Packed weights stay as they are.
func Recut(ctx context.Context, segs []ir.Segment, o passes.Options) ([]ir.Segment, []*passes.Report, error) {
	g, err := Join(segs)
	if err != nil {
		return nil, nil, err
	}
	for _, cut := range o.Cuts {
		if err := raiseMark(g, cut); err != nil {
			return nil, nil, err
		}
	}
	g, reports, err := passes.Run(ctx, g, o)
	if err != nil {
		return nil, nil, err
	}
	segs, err = Cut(g)
	return segs, reports, err
}

// raiseMark turns the mark called name, at however many values it stands, into
// one boundary node. A fused op that makes a marked value together with others
// spans the cut and is expanded.
func raiseMark(g *ir.Graph, name string) error {
	all := g.Boundaries()
	i := slices.IndexFunc(all, func(b ir.Boundary) bool { return b.Name == name })
	if i < 0 || all[i].Wall != nil {
		return nil // a boundary node already, or passes.Run reports it missing
	}
	values := all[i].Values
	for _, id := range values {
		p := g.Producer(id)
		if p == nil {
			return fmt.Errorf("boundary %s stands at a graph input", name)
		}
		if len(p.Out) > 1 {
			if err := ir.Expand(g, func(n *ir.Node) bool { return n == p }); err != nil {
				return err
			}
		}
	}
	if err := expandSpanning(g, values); err != nil {
		return err
	}
	// A marked value may be made from another one: those readers stay above.
	above := needed(g, values)
	b := &ir.Node{Op: ir.OpBoundary, Attrs: []ir.Attr{ir.StringAttr("name", name)}}
	to := map[ir.ValueID]ir.ValueID{} // above the wall → below
	for _, id := range values {
		v := g.Value(id)
		out := g.NewValue(v.Name, v.Type)
		v.Name, v.Mark, v.MarkAt = v.Name+".in", "", 0
		b.In, b.Out, to[id] = append(b.In, id), append(b.Out, out.ID), out.ID
	}
	g.Nodes = split(g, above, b, to)
	return nil
}

// expandSpanning expands the fused ops that values need and whose other outputs
// are read by what values do not need.
func expandSpanning(g *ir.Graph, values []ir.ValueID) error {
	above := needed(g, values)
	below := map[ir.ValueID]bool{}
	for _, n := range g.Nodes {
		for _, v := range n.In {
			below[v] = below[v] || !above[n]
		}
	}
	return ir.Expand(g, func(n *ir.Node) bool {
		return above[n] && n.Row().Fused() && slices.ContainsFunc(n.Out, func(v ir.ValueID) bool { return below[v] && !slices.Contains(values, v) })
	})
}

// split orders the nodes of g around wall b: above in front of it, everything
// else behind, where it reads what b lets through. What crosses in plain form and is
// brought into another form above is brought into that form below again.
func split(g *ir.Graph, above map[*ir.Node]bool, b *ir.Node, to map[ir.ValueID]ir.ValueID) []*ir.Node {
	var front, again, back []*ir.Node
	formed := map[*ir.Node]*ir.Value{} // what a node of again makes, above
	for _, n := range g.Nodes {
		if n.Row().Wall {
			for _, v := range n.Out {
				to[v] = v
			}
		}
		if !above[n] {
			back = append(back, n)
			continue
		}
		front = append(front, n)
		row := n.Row()
		if x, ok := to[firstOf(n.In)]; ok && (row.Quantiser || row.Relays) {
			v := g.Value(n.Out[0])
			out := g.NewValue(v.Name, v.Type)
			out.Layout = v.Layout
			c := &ir.Node{Op: n.Op, In: []ir.ValueID{x}, Out: []ir.ValueID{out.ID}, Attrs: slices.Clone(n.Attrs)}
			again, formed[c], to[v.ID] = append(again, c), v, out.ID
		}
	}
	used := map[ir.ValueID]bool{}
	for _, n := range back {
		for i, v := range n.In {
			if x, ok := to[v]; ok {
				n.In[i] = x
			}
			used[n.In[i]] = true
		}
	}
	for i, v := range g.Outputs {
		if x, ok := to[v]; ok {
			g.Outputs[i] = x
		}
	}
	for _, n := range slices.Backward(again) {
		if used[n.Out[0]] {
			used[n.In[0]] = true
			formed[n].Name += ".in"
			back = append([]*ir.Node{n}, back...)
		} else {
			g.DropValue(n.Out[0])
		}
	}
	return slices.Concat(front, []*ir.Node{b}, back)
}

// firstOf is the first of ids, or None.
func firstOf(ids []ir.ValueID) ir.ValueID {
	if len(ids) == 0 {
		return ir.None
	}
	return ids[0]
}
