package ir

import (
	"fmt"
	"slices"
)

// Boundary is a place where a graph is cut, or may be.
type Boundary struct {
	Name string
	// Wall is the boundary node, nil where marks stand for it.
	Wall *Node
	// Values are what crosses, in the boundary's order: the wall's outputs or
	// the marked values.
	Values []ValueID
}

// Boundaries lists walls and marks in the order in which the graph makes their
// first values.
func (g *Graph) Boundaries() []Boundary {
	var all []Boundary
	at := map[string]int{}
	mark := func(id ValueID) {
		name := g.Value(id).Mark
		if name == "" {
			return
		}
		i, ok := at[name]
		if !ok {
			i, at[name] = len(all), len(all)
			all = append(all, Boundary{Name: name})
		}
		all[i].Values = append(all[i].Values, id)
	}
	for _, id := range g.Inputs {
		mark(id)
	}
	for _, n := range g.Nodes {
		if n.Row().Wall {
			all = append(all, Boundary{Name: n.Str("name"), Wall: n, Values: slices.Clone(n.Out)})
		}
		for _, id := range n.Out {
			mark(id)
		}
	}
	for _, b := range all {
		if b.Wall == nil {
			slices.SortStableFunc(b.Values, func(x, y ValueID) int { return g.Value(x).MarkAt - g.Value(y).MarkAt })
		}
	}
	return all
}

// shapeBoundary lets every value through as it is.
func shapeBoundary(s *Site) ([]Type, error) {
	out := make([]Type, len(s.In))
	seen := make(map[ValueID]bool, len(s.In))
	for i, t := range s.In {
		if _, err := f32Rows(fmt.Sprintf("input %d", i), t); err != nil {
			return nil, err
		}
		if seen[s.Node.In[i]] {
			return nil, fmt.Errorf("input %d stands in the list already", i)
		}
		seen[s.Node.In[i]] = true
		out[i] = t
	}
	return out, nil
}

// verifyBoundaries checks V10. Places of a mark may have gaps: a value that
// nobody read is gone.
func verifyBoundaries(g *Graph) error {
	type place struct {
		name string
		at   int
	}
	marks := map[string]bool{}
	places := map[place]bool{}
	for _, v := range g.values {
		switch {
		case v == nil:
		case v.MarkAt < 0 || v.MarkAt >= MaxValues || v.Mark == "" && v.MarkAt != 0:
			return broken("V10", "value %s has place %d at the boundary %.40q", v.Name, v.MarkAt, v.Mark)
		case v.Mark != "":
			p := place{v.Mark, v.MarkAt}
			if len(v.Mark) > MaxNameLen || places[p] {
				return broken("V10", "two values have place %d at the boundary %.40q, or its name is too long", v.MarkAt, v.Mark)
			}
			marks[v.Mark], places[p] = true, true
		}
	}
	for _, n := range g.Nodes {
		if !n.Row().Wall {
			continue
		}
		name := n.Str("name")
		if name == "" {
			return broken("V10", "the boundary at %s has no name", g.values[n.In[0]].Name)
		}
		if len(name) > MaxNameLen || marks[name] {
			return broken("V10", "two boundaries are called %.40q, or the name is too long", name)
		}
		marks[name] = true
	}
	return nil
}
