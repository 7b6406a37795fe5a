package ir

import (
	"fmt"
	"slices"
)

// Graph is one executable piece of a model.
type Graph struct {
	Name    string
	Inputs  []ValueID
	Outputs []ValueID
	States  []*State
	Weights []*Weight // append freely; RemoveDead removes
	Nodes   []*Node

	values []*Value // by ID; nil where a rewrite dropped the value
	// weightAt finds the first indexed weights by name. It may lag behind
	// Weights: a hit is checked, a miss is searched in the rest.
	weightAt map[string]int
	indexed  int
}

// Weight is a named constant.
type Weight struct {
	Name string // canonical: "blk.3.attn_q.weight"
	*Expr
}

// Node applies an op.
type Node struct {
	Op      OpName // a row of the op table
	In      []ValueID
	Weights []string
	States  []string
	Out     []ValueID
	Attrs   []Attr // sorted by key
}

// NewGraph returns an empty graph.
func NewGraph(name string) *Graph { return &Graph{Name: name} }

// Value returns the value with the given ID, or nil.
func (g *Graph) Value(id ValueID) *Value {
	if id < 0 || int(id) >= len(g.values) {
		return nil
	}
	return g.values[id]
}

// ValueByName returns the value called name, or nil.
func (g *Graph) ValueByName(name string) *Value {
	for _, v := range g.values {
		if v != nil && v.Name == name {
			return v
		}
	}
	return nil
}

// Values lists all values in order of ID.
func (g *Graph) Values() []*Value {
	all := make([]*Value, 0, len(g.values))
	for _, v := range g.values {
		if v != nil {
			all = append(all, v)
		}
	}
	return all
}

// NumValues is one more than the largest ValueID in use.
func (g *Graph) NumValues() int { return len(g.values) }

// NewValue adds a value without a producer.
func (g *Graph) NewValue(name string, t Type) *Value {
	v := &Value{ID: ValueID(len(g.values)), Name: name, Type: t}
	g.values = append(g.values, v)
	return v
}

// AddInput adds a graph input.
func (g *Graph) AddInput(name string, t Type) ValueID {
	v := g.NewValue(name, t)
	g.Inputs = append(g.Inputs, v.ID)
	return v.ID
}

// AddState adds a state.
func (g *Graph) AddState(s *State) { g.States = append(g.States, s) }

// State returns the named state, or nil.
func (g *Graph) State(name string) *State {
	for _, s := range g.States {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// AddWeight adds a constant and returns its name. Adding an equal weight
// under the same name again is no change; another one under that name is an
// error.
func (g *Graph) AddWeight(name string, e *Expr) (string, error) {
	if w := g.Weight(name); w != nil {
		if w.Expr.Equal(e) {
			return name, nil
		}
		return "", fmt.Errorf("graph %s: weight %q defined twice", g.Name, name)
	}
	g.Weights = append(g.Weights, &Weight{Name: name, Expr: e})
	g.indexWeights()
	return name, nil
}

// indexWeights brings weightAt up to date. Everything here that removes or
// reorders weights sets indexed to 0 and calls it.
func (g *Graph) indexWeights() {
	if g.indexed == 0 || g.indexed > len(g.Weights) {
		g.weightAt, g.indexed = make(map[string]int, len(g.Weights)), 0
	}
	for ; g.indexed < len(g.Weights); g.indexed++ {
		g.weightAt[g.Weights[g.indexed].Name] = g.indexed
	}
}

// Weight returns the named weight, or nil. A weight keeps its name for life.
func (g *Graph) Weight(name string) *Weight {
	rest := g.Weights
	if i, ok := g.weightAt[name]; ok && i < len(rest) && rest[i].Name == name {
		return rest[i]
	} else if !ok && g.indexed <= len(rest) {
		rest = rest[g.indexed:]
	}
	for _, w := range rest {
		if w.Name == name {
			return w
		}
	}
	return nil
}

// Add appends a node and returns its outputs, typed by the op's shape rule
// and named names (one per output).
func (g *Graph) Add(n Node, names ...string) ([]ValueID, error) {
	nd := *n.clone()
	sortAttrs(nd.Attrs)
	types, err := g.Infer(&nd)
	if err != nil {
		return nil, err
	}
	if len(names) != len(types) {
		return nil, fmt.Errorf("%s: %d names for %d outputs", nd.Op, len(names), len(types))
	}
	nd.Out = make([]ValueID, len(types))
	for i, t := range types {
		nd.Out[i] = g.NewValue(names[i], t).ID
	}
	g.Nodes = append(g.Nodes, &nd)
	return slices.Clone(nd.Out), nil
}

// Infer checks a node's arity and attributes against the op table and returns
// the types of its outputs by the op's shape rule. It does not look at n.Out.
func (g *Graph) Infer(n *Node) ([]Type, error) { return g.infer(n, g.Weight, g.State) }

// infer is Infer with given ways to find weights and states.
func (g *Graph) infer(n *Node, weight func(string) *Weight, state func(string) *State) ([]Type, error) {
	op := Lookup(n.Op)
	if op == nil {
		return nil, fmt.Errorf("unknown op %q", n.Op)
	}
	if err := op.checkArity(n); err != nil {
		return nil, err
	}
	if err := op.checkAttrs(n); err != nil {
		return nil, err
	}
	in := make([]Type, len(n.In))
	for i, id := range n.In {
		v := g.Value(id)
		if v == nil {
			return nil, fmt.Errorf("%s: input %d is %%%d, which does not exist", n.Op, i, id)
		}
		in[i] = v.Type
	}
	ws := make([]*Weight, len(n.Weights))
	for i, name := range n.Weights {
		if ws[i] = weight(name); ws[i] == nil {
			return nil, fmt.Errorf("%s: weight %q does not exist", n.Op, name)
		}
	}
	st := make([]*State, len(n.States))
	for i, name := range n.States {
		if st[i] = state(name); st[i] == nil {
			return nil, fmt.Errorf("%s: state %q does not exist", n.Op, name)
		}
	}
	out, err := op.Shape(&Site{Node: n, In: in, Weights: ws, States: st})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.Op, err)
	}
	return out, nil
}

// Producer returns the node that makes v, or nil for an input.
func (g *Graph) Producer(v ValueID) *Node {
	for _, n := range g.Nodes {
		if slices.Contains(n.Out, v) {
			return n
		}
	}
	return nil
}

// Uses lists the nodes that read v, in order, each once.
func (g *Graph) Uses(v ValueID) []*Node {
	var u []*Node
	for _, n := range g.Nodes {
		if slices.Contains(n.In, v) {
			u = append(u, n)
		}
	}
	return u
}

// IsOutput reports whether v is a graph output.
func (g *Graph) IsOutput(v ValueID) bool { return slices.Contains(g.Outputs, v) }
