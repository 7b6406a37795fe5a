package ir

import "slices"

// Clone copies the graph; expressions, being immutable, are shared.
func (g *Graph) Clone() *Graph {
	c := &Graph{Name: g.Name, Inputs: slices.Clone(g.Inputs), Outputs: slices.Clone(g.Outputs)}
	for _, s := range g.States {
		t := *s
		c.States = append(c.States, &t)
	}
	for _, w := range g.Weights {
		t := *w
		c.Weights = append(c.Weights, &t)
	}
	c.indexWeights()
	for _, n := range g.Nodes {
		c.Nodes = append(c.Nodes, n.clone())
	}
	c.values = make([]*Value, len(g.values))
	for i, v := range g.values {
		if v != nil {
			t := *v
			t.Type.Shape = slices.Clone(v.Type.Shape)
			c.values[i] = &t
		}
	}
	return c
}

func (n *Node) clone() *Node {
	c := &Node{Op: n.Op, In: slices.Clone(n.In), Weights: slices.Clone(n.Weights), States: slices.Clone(n.States), Out: slices.Clone(n.Out), Attrs: slices.Clone(n.Attrs)}
	for i := range c.Attrs {
		c.Attrs[i].L = slices.Clone(c.Attrs[i].L)
	}
	return c
}

// Index is the position of n in the node order, or -1.
func (g *Graph) Index(n *Node) int { return slices.Index(g.Nodes, n) }

// InsertBefore puts n in front of at.
func (g *Graph) InsertBefore(at, n *Node) {
	sortAttrs(n.Attrs)
	g.Nodes = slices.Insert(g.Nodes, g.Index(at), n)
}

// InsertAfter puts n behind at; at the front when at is nil.
func (g *Graph) InsertAfter(at, n *Node) {
	sortAttrs(n.Attrs)
	i := 0
	if at != nil {
		i = g.Index(at) + 1
	}
	g.Nodes = slices.Insert(g.Nodes, i, n)
}

// Replace puts n, whose outputs are values of the replaced nodes and keep
// their IDs and names, at the place of at, and removes old. Values that old
// made and n does not are dropped.
func (g *Graph) Replace(old []*Node, at, n *Node) {
	g.InsertBefore(at, n)
	for _, o := range old {
		g.Remove(o)
	}
	for _, o := range old {
		for _, v := range o.Out {
			if !slices.Contains(n.Out, v) {
				g.values[v] = nil
			}
		}
	}
}

// Remove takes n out of the node order and leaves its values alone.
func (g *Graph) Remove(n *Node) {
	if i := g.Index(n); i >= 0 {
		g.Nodes = slices.Delete(g.Nodes, i, i+1)
	}
}

// DropValue forgets a value that nothing makes or reads any more.
func (g *Graph) DropValue(v ValueID) { g.values[v] = nil }

// ReplaceUses lets every reader of old, and the graph outputs, read new
// instead, except the nodes in but.
func (g *Graph) ReplaceUses(old, new ValueID, but ...*Node) {
	for _, n := range g.Nodes {
		if slices.Contains(but, n) {
			continue
		}
		for i, v := range n.In {
			if v == old {
				n.In[i] = new
			}
		}
	}
	for i, v := range g.Outputs {
		if v == old {
			g.Outputs[i] = new
		}
	}
}

// RemoveDead removes nodes none of whose outputs is read or is a graph output
// and that append to no state, then values and weights nobody mentions. Inputs
// stay. It returns the number of nodes removed.
func (g *Graph) RemoveDead() int {
	live := make([]bool, len(g.values))
	for _, v := range g.Outputs {
		live[v] = true
	}
	removed := 0
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := g.Nodes[i]
		keep := n.Appends()
		for _, v := range n.Out {
			keep = keep || live[v]
		}
		if !keep {
			for _, v := range n.Out {
				g.values[v] = nil
			}
			g.Nodes = slices.Delete(g.Nodes, i, i+1)
			removed++
			continue
		}
		for _, v := range n.In {
			live[v] = true
		}
	}
	used := map[string]bool{}
	states := map[string]bool{}
	for _, n := range g.Nodes {
		for _, w := range n.Weights {
			used[w] = true
		}
		for _, s := range n.States {
			states[s] = true
		}
	}
	g.Weights = slices.DeleteFunc(g.Weights, func(w *Weight) bool { return !used[w.Name] })
	g.indexed = 0
	g.indexWeights()
	g.States = slices.DeleteFunc(g.States, func(s *State) bool { return !states[s.Name] })
	return removed
}

// Renumber returns the graph with values numbered in the order of production
// and weights and states listed in the order of use, so that equal graphs
// print equally whatever rewrites led to them, and weights lie in a file as a
// run reads them.
func (g *Graph) Renumber() *Graph {
	c := g.Clone()
	to := make([]ValueID, len(g.values))
	var values []*Value
	move := func(v ValueID) {
		to[v] = ValueID(len(values))
		val := c.values[v]
		val.ID = to[v]
		values = append(values, val)
	}
	for _, v := range c.Inputs {
		move(v)
	}
	for _, n := range c.Nodes {
		for _, v := range n.Out {
			move(v)
		}
	}
	remap := func(list []ValueID) {
		for i, v := range list {
			list[i] = to[v]
		}
	}
	remap(c.Inputs)
	remap(c.Outputs)
	for _, n := range c.Nodes {
		remap(n.In)
		remap(n.Out)
	}
	c.values = values
	weight, state := map[string]int{}, map[string]int{}
	for i, n := range c.Nodes {
		for _, w := range n.Weights {
			if _, ok := weight[w]; !ok {
				weight[w] = len(weight)
			}
		}
		for _, s := range n.States {
			state[s] = i
		}
	}
	slices.SortStableFunc(c.Weights, func(a, b *Weight) int { return weight[a.Name] - weight[b.Name] })
	c.indexed = 0
	c.indexWeights()
	slices.SortStableFunc(c.States, func(a, b *State) int { return state[a.Name] - state[b.Name] })
	return c
}
