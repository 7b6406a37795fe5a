package ir

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Bounds of a graph that comes from a file.
const (
	MaxNodes   = 1 << 17
	MaxValues  = 1 << 18
	MaxNameLen = 256
)

// Rule is a numbered statement that Verify checks.
type Rule struct {
	ID   string
	Text string
}

// Rules lists what Verify checks; docs/ir.md cites the numbers.
var Rules = []Rule{
	{"V1", "sizes are within MaxNodes and MaxValues, fixed dimensions within MaxChannels; names are unique, not empty and at most MaxNameLen bytes"},
	{"V2", "every value has exactly one producer: one node or the input list"},
	{"V3", "a value is produced before it is read; outputs exist and are listed once"},
	{"V4", "every node is a row of the op table with matching arity and attributes"},
	{"V5", "the types of a node's outputs are what the op's shape rule says"},
	{"V6", "c4 stands only where the op table allows it; relayout changes the layout to its attribute"},
	{"V7", "weights and states named by nodes exist; each is mentioned by some node; exactly one node appends to a state, and others that read it stand behind that one"},
	{"V8", "every step of a weight's expression yields a known type with whole blocks and positive member rows that sum to its rows"},
	{"V9", "a state has the numbers of its kind, all positive and within MaxBase and MaxRow, and no others; its window is not negative; a v that is part of k is no wider"},
	{"V10", "a boundary has a name and shares it with no other and with no mark; values of one mark have different places"},
}

func broken(rule, format string, args ...any) error {
	return fmt.Errorf("graph breaks %s: %s", rule, fmt.Sprintf(format, args...))
}

// Verify checks every rule and reports the first that is broken.
func Verify(g *Graph) error {
	for _, check := range []func(*Graph) error{verifyNames, verifyWeights, verifyStates, verifyNodes, verifyUse, verifyBoundaries} {
		if err := check(g); err != nil {
			return fmt.Errorf("%s: %w", g.Name, err)
		}
	}
	return nil
}

func verifyNames(g *Graph) error {
	if len(g.Nodes) > MaxNodes || len(g.values) > MaxValues || len(g.Weights) > MaxValues || len(g.States) > MaxNodes {
		return broken("V1", "%d nodes, %d values, %d weights", len(g.Nodes), len(g.values), len(g.Weights))
	}
	var names []string
	for id, v := range g.values {
		if v == nil {
			continue
		}
		if v.ID != ValueID(id) {
			return broken("V1", "value %%%d carries ID %d", id, v.ID)
		}
		names = append(names, v.Name)
	}
	if err := unique("value", names); err != nil {
		return err
	}
	names = names[:0]
	for _, w := range g.Weights {
		names = append(names, w.Name)
	}
	if err := unique("weight", names); err != nil {
		return err
	}
	names = names[:0]
	for _, s := range g.States {
		names = append(names, s.Name)
	}
	return unique("state", names)
}

func unique(what string, names []string) error {
	seen := make(map[string]bool, len(names))
	for _, n := range names {
		if n == "" || len(n) > MaxNameLen {
			return broken("V1", "%s name %.40q is empty or too long", what, n)
		}
		if seen[n] {
			return broken("V1", "two %ss are called %q", what, n)
		}
		seen[n] = true
	}
	return nil
}

func verifyWeights(g *Graph) error {
	for _, w := range g.Weights {
		if w.Expr == nil {
			return broken("V8", "weight %s has no expression", w.Name)
		}
		var err error
		w.Walk(func(e *Expr) {
			if err == nil {
				err = verifyExpr(e)
			}
		})
		if err != nil {
			return broken("V8", "weight %s: %v", w.Name, err)
		}
	}
	return nil
}

// verifyExpr checks one step; the constructors check how steps fit together.
func verifyExpr(e *Expr) error {
	if !e.Type.Valid() {
		return fmt.Errorf("%s has no type", e.Kind)
	}
	if _, err := tensor.Bytes(e.Type, e.Shape); err != nil {
		return fmt.Errorf("%s: %v", e.Kind, err)
	}
	if e.Form != Rows && len(e.Shape) != 2 {
		return fmt.Errorf("%s of shape %v is %s, want [N, K]", e.Kind, e.Shape, e.Form)
	}
	var sum int64
	for _, r := range e.Rows {
		if r < 0 || r == 0 && rowsOf(e.Shape) != 0 || sum+r < sum {
			return fmt.Errorf("%s: member rows %v", e.Kind, e.Rows)
		}
		sum += r
	}
	if sum != rowsOf(e.Shape) {
		return fmt.Errorf("%s: member rows %v of %d rows", e.Kind, e.Rows, rowsOf(e.Shape))
	}
	return nil
}

func verifyStates(g *Graph) error {
	for _, s := range g.States {
		if err := s.check(); err != nil {
			return broken("V9", "state %s: %v", s.Name, err)
		}
	}
	return nil
}

func verifyNodes(g *Graph) error {
	weights := make(map[string]*Weight, len(g.Weights))
	for _, w := range g.Weights {
		weights[w.Name] = w
	}
	states := make(map[string]*State, len(g.States))
	for _, s := range g.States {
		states[s.Name] = s
	}
	infer := func(n *Node) ([]Type, error) {
		return g.infer(n, func(w string) *Weight { return weights[w] }, func(s string) *State { return states[s] })
	}
	made := make([]bool, len(g.values))
	produce := func(v ValueID, who string) error {
		if g.Value(v) == nil {
			return broken("V2", "%s makes %%%d, which does not exist", who, v)
		}
		if made[v] {
			return broken("V2", "%%%d (%s) has two producers", v, g.values[v].Name)
		}
		made[v] = true
		return nil
	}
	for _, v := range g.Inputs {
		if err := produce(v, "the input list"); err != nil {
			return err
		}
		val := g.Value(v)
		if val.Layout != Plain || val.Type.Elem != F32 && val.Type.Elem != I32 || val.Type.Scheme != "" || len(val.Type.Shape) == 0 || len(val.Type.Shape) > 2 {
			return broken("V6", "input %s is %s %s, want plain f32 or i32 of rank 1 or 2", val.Name, val.Type, val.Layout)
		}
		for _, d := range val.Type.Shape {
			if !d.Symbolic() && d <= 0 || d > MaxChannels {
				return broken("V1", "input %s has shape %v", val.Name, val.Type.Shape)
			}
		}
	}
	for _, n := range g.Nodes {
		for i, v := range n.In {
			if g.Value(v) == nil || !made[v] {
				return broken("V3", "%s reads input %d (%%%d) before it is made", n.Op, i, v)
			}
		}
		if err := verifyNode(g, n, infer); err != nil {
			return err
		}
		for _, v := range n.Out {
			if err := produce(v, string(n.Op)); err != nil {
				return err
			}
		}
	}
	seen := map[ValueID]bool{}
	for _, v := range g.Outputs {
		if g.Value(v) == nil || !made[v] || seen[v] {
			return broken("V3", "output %%%d is not made by any node or is listed twice", v)
		}
		seen[v] = true
		if g.Value(v).Layout != Plain || g.Value(v).Type.Elem == I8 {
			return broken("V6", "output %s is %s %s, want a plain f32 or i32", g.Value(v).Name, g.Value(v).Type, g.Value(v).Layout)
		}
	}
	for id, v := range g.values {
		if v != nil && !made[id] {
			return broken("V2", "value %%%d (%s) has no producer", id, v.Name)
		}
	}
	return nil
}

func verifyNode(g *Graph, n *Node, infer func(*Node) ([]Type, error)) error {
	types, err := infer(n)
	if err != nil {
		return broken("V4", "%v", err)
	}
	if len(types) != len(n.Out) {
		return broken("V5", "%s has %d outputs, want %d", n.Op, len(n.Out), len(types))
	}
	op := Lookup(n.Op)
	for i, v := range n.Out {
		val := g.Value(v)
		if val == nil {
			return broken("V2", "%s makes %%%d, which does not exist", n.Op, v)
		}
		if !val.Type.Equal(types[i]) {
			return broken("V5", "%s: %s is %s, the shape rule says %s", n.Op, val.Name, val.Type, types[i])
		}
		if val.Layout == C4 && op.C4Out&(1<<i) == 0 {
			return broken("V6", "%s writes output %d (%s) as c4", n.Op, i, val.Name)
		}
	}
	for i, v := range n.In {
		if g.Value(v).Layout == C4 && (i >= 32 || op.C4In&(1<<i) == 0) {
			return broken("V6", "%s reads input %d (%s) as c4", n.Op, i, g.Value(v).Name)
		}
	}
	if op.KeepsLayout && g.Value(n.In[0]).Layout == C4 && g.Value(n.Out[0]).Layout != C4 {
		return broken("V6", "%s reads c4 and writes plain", n.Op)
	}
	if op.Relays {
		if in, out := g.Value(n.In[0]).Layout, g.Value(n.Out[0]).Layout; in == out || n.Str("to") != out.String() {
			return broken("V6", "relayout of %s from %s to %s, attribute %q", g.Value(n.In[0]).Name, in, out, n.Str("to"))
		}
	}
	return nil
}

func verifyUse(g *Graph) error {
	weights := map[string]bool{}
	for _, n := range g.Nodes {
		for _, w := range n.Weights {
			weights[w] = true
		}
	}
	for _, w := range g.Weights {
		if !weights[w.Name] {
			return broken("V7", "weight %s is mentioned by no node", w.Name)
		}
	}
	return verifyAppends(g)
}

// verifyAppends checks that every state has one node that appends to it, and
// that those which only read it come later: they see what a call appends.
func verifyAppends(g *Graph) error {
	by := map[string]*Node{}
	for _, n := range g.Nodes {
		for _, s := range n.States {
			first := by[s]
			switch {
			case first == nil && !n.Appends():
				return broken("V7", "%s reads state %s before a node has appended to it", g.nameOf(n), s)
			case first == nil:
				by[s] = n
			case n.Appends():
				return broken("V7", "%s and %s both append to state %s, want one", g.nameOf(first), g.nameOf(n), s)
			}
		}
	}
	for _, s := range g.States {
		if by[s.Name] == nil {
			return broken("V7", "state %s is mentioned by no node", s.Name)
		}
	}
	return nil
}

// nameOf is a node's op and first output.
func (g *Graph) nameOf(n *Node) string {
	if len(n.Out) == 0 || g.Value(n.Out[0]) == nil {
		return string(n.Op)
	}
	return fmt.Sprintf("%s (%s)", n.Op, g.Value(n.Out[0]).Name)
}
