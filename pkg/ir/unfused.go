package ir

import (
	"fmt"
	"slices"
)

// Expansion is where Unfused puts the simple nodes that define a fused one.
type Expansion struct {
	g     *Graph
	at    *Node    // expanded node; new nodes go in front of it
	names []string // of the expanded node's outputs
}

// Add adds a node in front of the expanded one.
func (e *Expansion) Add(n Node, names ...string) ([]ValueID, error) {
	nd := *n.clone() // operands must not share memory with another node's outputs
	nd.Out = nil
	sortAttrs(nd.Attrs)
	types, err := e.g.Infer(&nd)
	if err != nil {
		return nil, err
	}
	for i, t := range types {
		nd.Out = append(nd.Out, e.g.NewValue(names[i], t).ID)
	}
	e.g.InsertBefore(e.at, &nd)
	return slices.Clone(nd.Out), nil
}

// Name is the name of the expanded node's output i.
func (e *Expansion) Name(i int) string { return e.names[i] }

// Weight returns the named weight.
func (e *Expansion) Weight(name string) *Weight { return e.g.Weight(name) }

// AddWeight adds a derived weight.
func (e *Expansion) AddWeight(name string, x *Expr) (string, error) { return e.g.AddWeight(name, x) }

// Expand replaces every fused node for which want answers true (all of them
// when want is nil) by its definition. Values keep their IDs, names and marks;
// c4 outputs are produced plain and relaid, so the graph stays executable.
func Expand(g *Graph, want func(*Node) bool) error {
	for _, n := range slices.Clone(g.Nodes) {
		op := Lookup(n.Op)
		if op == nil {
			return fmt.Errorf("unknown op %q", n.Op)
		}
		if !op.Fused() || want != nil && !want(n) {
			continue
		}
		if err := expandNode(g, op, n); err != nil {
			return fmt.Errorf("expand %s: %w", n.Op, err)
		}
	}
	g.RemoveDead()
	return nil
}

func expandNode(g *Graph, op *Op, n *Node) error {
	e := &Expansion{g: g, at: n}
	for _, v := range n.Out {
		e.names = append(e.names, g.Value(v).Name)
		g.Value(v).Name = "" // free the name for the definition
	}
	out, err := op.Unfused(e, n)
	if err != nil {
		return err
	}
	if len(out) != len(n.Out) {
		return fmt.Errorf("definition has %d outputs, want %d", len(out), len(n.Out))
	}
	for i, v := range n.Out {
		// The old value takes over the definition's place, keeping its ID.
		p := g.Producer(out[i])
		if p == nil || g.Index(p) > g.Index(n) {
			return fmt.Errorf("definition does not produce output %d", i)
		}
		g.values[v].Name = e.names[i]
		if g.values[v].Layout == C4 {
			raw := out[i]
			g.values[raw].Name, g.values[v].Name = e.names[i], e.names[i]+".c4" // as assign-layout names them
			g.InsertBefore(n, &Node{Op: OpRelayout, In: []ValueID{raw}, Out: []ValueID{v}, Attrs: []Attr{StringAttr("to", C4.String())}})
			continue
		}
		p.Out[slices.Index(p.Out, out[i])] = v
		g.ReplaceUses(out[i], v)
		g.values[out[i]] = nil
	}
	g.Remove(n)
	return nil
}

func unfuseMatmulGroup(e *Expansion, n *Node) ([]ValueID, error) {
	var out []ValueID
	for _, name := range n.Weights {
		w := e.Weight(name)
		var lo int64
		for i, rows := range w.Rows {
			member := name
			if len(w.Rows) > 1 {
				x, err := Slice(w.Expr, lo, lo+rows)
				if err != nil {
					return nil, err
				}
				if member, err = e.AddWeight(fmt.Sprintf("%s.%d", name, i), x); err != nil {
					return nil, err
				}
			}
			v, err := e.Add(Node{Op: OpMatmul, In: n.In, Weights: []string{member}}, e.Name(len(out)))
			if err != nil {
				return nil, err
			}
			out = append(out, v...)
			lo += rows
		}
	}
	return out, nil
}

func unfuseRopeQK(e *Expansion, n *Node) ([]ValueID, error) {
	var out []ValueID
	for i, x := range n.In[:2] {
		if len(n.Weights) == 3 {
			v, err := e.Add(Node{Op: OpRMSNorm, In: []ValueID{x}, Weights: n.Weights[1+i : 2+i],
				Attrs: []Attr{IntAttr("dim", n.Int("head_dim")), FloatAttr("eps", n.Float("eps"))}}, e.Name(i)+".normed")
			if err != nil {
				return nil, err
			}
			x = v[0]
		}
		attrs := []Attr{IntAttr("head_dim", n.Int("head_dim")), IntAttr("rotary_dim", n.Int("rotary_dim"))}
		if a, ok := n.attr("mscale"); ok {
			attrs = append(attrs, a)
		}
		v, err := e.Add(Node{Op: OpRope, In: []ValueID{x}, Weights: n.Weights[:1], Attrs: attrs}, e.Name(i))
		if err != nil {
			return nil, err
		}
		out = append(out, v...)
	}
	return out, nil
}

func unfuseAddRMSNorm(e *Expansion, n *Node) ([]ValueID, error) {
	sum, err := e.Add(Node{Op: OpAdd, In: n.In}, e.Name(0))
	if err != nil {
		return nil, err
	}
	y, err := e.Add(Node{Op: OpRMSNorm, In: sum, Weights: n.Weights, Attrs: slices.Clone(n.Attrs)}, e.Name(1))
	if err != nil {
		return nil, err
	}
	return append(slices.Clone(sum), y...), nil
}

func unfuseGatedAct(e *Expansion, n *Node) ([]ValueID, error) {
	a, err := e.Add(Node{Op: OpName(n.Str(n.Row().Applies)), In: n.In[:1]}, e.Name(0)+".act")
	if err != nil {
		return nil, err
	}
	return e.Add(Node{Op: OpMul, In: []ValueID{a[0], n.In[1]}}, e.Name(0))
}
