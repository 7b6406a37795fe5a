package segment

import (
	"context"
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/passes"
)

// Join makes one graph of segments: where one's output is another's input a
// boundary node stands, named by the output's mark.
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
			val.Layout, val.Mark = old.Layout, old.Mark
			to[v], n.Out[i] = val.ID, val.ID
		}
		g.Nodes = append(g.Nodes, n)
	}
	for _, id := range p.Outputs {
		v := g.Value(to[id])
		if last {
			g.Outputs = append(g.Outputs, v.ID)
			continue
		}
		name, mark := v.Name, v.Mark
		if mark == "" {
			return fmt.Errorf("output %s names no boundary", name)
		}
		v.Name, v.Mark = name+".in", ""
		out, err := g.Add(ir.Node{Op: ir.OpBoundary, In: []ir.ValueID{v.ID}, Attrs: []ir.Attr{ir.StringAttr("name", mark)}}, name)
		if err != nil {
			return err
		}
		made[name] = out[0]
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

// raiseMark turns the mark called name into a boundary node. A fused op that
// makes the marked value together with others spans the cut and is expanded.
func raiseMark(g *ir.Graph, name string) error {
	for _, v := range g.Values() {
		if v.Mark != name {
			continue
		}
		p := g.Producer(v.ID)
		if p == nil {
			return fmt.Errorf("boundary %s stands at a graph input", name)
		}
		if len(p.Out) > 1 {
			if err := ir.Expand(g, func(n *ir.Node) bool { return n == p }); err != nil {
				return err
			}
		}
		out := g.NewValue(v.Name, v.Type)
		v.Name, v.Mark = v.Name+".in", ""
		b := &ir.Node{Op: ir.OpBoundary, In: []ir.ValueID{v.ID}, Out: []ir.ValueID{out.ID}, Attrs: []ir.Attr{ir.StringAttr("name", name)}}
		g.InsertAfter(g.Producer(v.ID), b)
		g.ReplaceUses(v.ID, out.ID, b)
		return nil
	}
	return nil // a boundary node already, or passes.Run reports it missing
}
