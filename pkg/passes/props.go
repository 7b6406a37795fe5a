package passes

import (
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// Prop is a property of a graph that passes need and give. Run checks every
// property given so far after every pass, so a later pass cannot undo an
// earlier one.
type Prop uint16

// Properties.
const (
	CutsChosen     Prop = 1 << iota // boundaries are walls or marks
	ActsQuantised                   // every quantize_act stands
	Grouped                         // projections of one input are one node
	NormsFused                      // residual adds are inside norms
	QuantsFused                     // producers quantise where they can
	LayoutsRight                    // every op gets the layout it asked for
	LayoutsSettled                  // relayouts have moved as far as they go
	Packed                          // weights are in the target's form
)

// properties says what each property means: Holds returns what breaks it.
var properties = []struct {
	Prop
	Name  string
	Holds func(*Context) error
}{
	{CutsChosen, "cuts chosen", holdsCutsChosen},
	{ActsQuantised, "activations quantised", holdsActsQuantised},
	{Grouped, "projections grouped", holdsGrouped},
	{NormsFused, "norms fused", holdsNormsFused},
	{QuantsFused, "quantisation fused", holdsQuantsFused},
	{LayoutsRight, "layouts right", holdsLayoutsRight},
	{LayoutsSettled, "layouts settled", holdsLayoutsSettled},
	{Packed, "weights packed", holdsPacked},
}

// checkProps checks the properties in have.
func checkProps(have Prop, g *ir.Graph, o Options) error {
	c := &Context{G: g, Target: o.Target, Cuts: o.Cuts}
	for _, p := range properties {
		if have&p.Prop == 0 {
			continue
		}
		if err := p.Holds(c); err != nil {
			return fmt.Errorf("property %q does not hold: %w", p.Name, err)
		}
	}
	return nil
}

func holdsCutsChosen(c *Context) error {
	if walls := Boundaries(c.G); !slices.Equal(walls, c.Cuts) {
		return fmt.Errorf("boundaries stand at %v, chosen were %v", walls, c.Cuts)
	}
	return nil
}

// multiplies reports whether n reads a weight as a matrix: such nodes want int8
// activations, layouts and packed weights, whatever their op.
func multiplies(n *ir.Node) bool { return n.Reads(ir.Matrix) }

func isRelayout(n *ir.Node) bool { return n.Row().Relays }

func holdsActsQuantised(c *Context) error {
	for _, n := range c.G.Nodes {
		if !multiplies(n) {
			continue
		}
		x := c.G.Value(n.In[0])
		for _, name := range n.Weights {
			if s := c.Target.Scheme(c.G.Weight(name).Expr); s != x.Type.Scheme {
				return fmt.Errorf("%s reads %s %s, weight %s wants scheme %q", n.Op, x.Name, x.Type, name, s)
			}
		}
	}
	return nil
}

func holdsGrouped(c *Context) error {
	type key struct {
		x     ir.ValueID
		group ir.OpName
	}
	reader := map[key]*ir.Node{}
	for _, n := range c.G.Nodes {
		k := key{n.In[0], n.Row().Grouped}
		if k.group == "" || !c.Target.Executes(k.group) {
			continue
		}
		if o := reader[k]; o != nil {
			return fmt.Errorf("%s and %s read %s", o.Op, n.Op, c.G.Value(k.x).Name)
		}
		reader[k] = n
	}
	return nil
}

func holdsNormsFused(c *Context) error {
	sums := map[ir.ValueID]bool{}
	for _, n := range c.G.Nodes {
		if n.Op == ir.OpAdd {
			sums[n.Out[0]] = true
		}
		if add := n.Row().AfterAdd; add != "" && sums[n.In[0]] && c.Target.Executes(add) {
			return fmt.Errorf("%s reads the sum %s", n.Op, c.G.Value(n.In[0]).Name)
		}
	}
	return nil
}

func holdsQuantsFused(c *Context) error {
	producer, uses := map[ir.ValueID]*ir.Node{}, countUses(c.G)
	for _, n := range c.G.Nodes {
		for _, v := range n.Out {
			producer[v] = n
		}
		if n.Row().Quantiser && cannotQuantise(c, producer[n.In[0]], n.In[0], uses[n.In[0]]) == "" {
			return fmt.Errorf("quantize_act of %s, which %s can quantise", c.G.Value(n.In[0]).Name, producer[n.In[0]].Op)
		}
	}
	return nil
}

func holdsLayoutsRight(c *Context) error {
	for _, n := range c.G.Nodes {
		if multiplies(n) && wantsPlain(c, n) == "" && c.G.Value(n.In[0]).Layout != ir.C4 {
			return fmt.Errorf("%s reads %s plain", n.Op, c.G.Value(n.In[0]).Name)
		}
	}
	return nil
}

func holdsLayoutsSettled(c *Context) error {
	producer, uses := map[ir.ValueID]*ir.Node{}, countUses(c.G)
	first := map[relayoutKey]bool{}
	for _, n := range c.G.Nodes {
		for _, v := range n.Out {
			producer[v] = n
		}
		if !isRelayout(n) {
			continue
		}
		k := relayoutKey{n.In[0], n.Str("to")}
		if first[k] {
			return fmt.Errorf("two relayouts of %s to %s", c.G.Value(k.x).Name, k.to)
		}
		first[k] = true
		if k.to == ir.C4.String() && cannotWriteC4(c, producer[k.x], k.x, uses[k.x]) == "" {
			return fmt.Errorf("relayout of %s, which %s can write as c4", c.G.Value(k.x).Name, producer[k.x].Op)
		}
	}
	return nil
}

func holdsPacked(c *Context) error {
	readers := weightReaders(c.G)
	for _, w := range c.G.Weights {
		if want, why := packedForm(c, w, readers[w.Name]); why == "" && w.Form != want {
			return fmt.Errorf("weight %s is in form %s, want %s", w.Name, w.Form, want)
		}
	}
	return nil
}

// countUses counts, per value, the nodes that read it.
func countUses(g *ir.Graph) map[ir.ValueID]int {
	uses := map[ir.ValueID]int{}
	for _, n := range g.Nodes {
		for i, v := range n.In {
			if !slices.Contains(n.In[:i], v) {
				uses[v]++
			}
		}
	}
	return uses
}

// readers counts the nodes that name a weight, and those that read it as a
// matrix or gather its rows.
type readers struct{ all, matrix, gather int }

func weightReaders(g *ir.Graph) map[string]readers {
	m := map[string]readers{}
	for _, n := range g.Nodes {
		op := n.Row()
		for i, w := range n.Weights {
			r := m[w]
			r.all++
			switch op.ReadAs(i) {
			case ir.Matrix:
				r.matrix++
			case ir.Gather:
				r.gather++
			}
			m[w] = r
		}
	}
	return m
}
