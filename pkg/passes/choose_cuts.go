package passes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// choose-cuts
//
//	y, ... = boundary(x, ...) {name=N}, N chosen      =>  stays: a wall no pattern crosses
//	y, ... = boundary(x, ...) {name=N}, N not chosen  =>  readers of y read x, x carries mark=N,
//	                                                      its place in the list and y's name
//
// A value at a boundary is called the same whether it was cut there or not.
// What a wall carries and is read behind a further wall crosses that one too.
// A cut that names no boundary of the graph is an error.
func chooseCuts(c *Context) error {
	g := c.G
	var have []string
	for _, n := range slices.Clone(g.Nodes) {
		if !n.Row().Wall {
			continue
		}
		name := n.Str("name")
		have = append(have, name)
		if slices.Contains(c.Cuts, name) {
			c.Report.match("cut")
			continue
		}
		for i, x := range n.In {
			if why := unmarkable(g, x); why != "" {
				return fmt.Errorf("boundary %s stands at %s, which %s", name, g.Value(x).Name, why)
			}
			v, y := g.Value(x), n.Out[i]
			v.Name, v.Mark, v.MarkAt = g.Value(y).Name, name, i
			g.ReplaceUses(y, x)
			g.DropValue(y)
		}
		g.Remove(n)
		c.Report.match("dissolved")
	}
	for _, cut := range c.Cuts {
		if !slices.Contains(have, cut) {
			return fmt.Errorf("no boundary called %q to cut at; the graph has %s", cut, strings.Join(have, ", "))
		}
	}
	passOn(g)
	return nil
}

// passOn lets what a wall carries and nodes behind a further wall read cross
// that one too, under a name of its own: no pattern then joins readers in front
// of a wall with readers behind it.
func passOn(g *ir.Graph) {
	type carried struct {
		at   ir.ValueID // behind the last wall so far
		name string
	}
	var all []carried
	for i, n := range slices.Clone(g.Nodes) {
		if !n.Row().Wall {
			continue
		}
		behind := g.Nodes[i+1:]
		own := slices.Clone(n.Out)
		for j, c := range all {
			if !slices.ContainsFunc(behind, func(b *ir.Node) bool { return slices.Contains(b.In, c.at) }) {
				continue
			}
			out := g.NewValue(c.name+"/"+n.Str("name"), g.Value(c.at).Type)
			for _, b := range behind {
				for k, v := range b.In {
					if v == c.at {
						b.In[k] = out.ID
					}
				}
			}
			n.In, n.Out = append(n.In, c.at), append(n.Out, out.ID)
			all[j].at = out.ID
		}
		for _, v := range own {
			all = append(all, carried{v, g.Value(v).Name})
		}
	}
}

// unmarkable says why a boundary at x cannot become a mark.
func unmarkable(g *ir.Graph, x ir.ValueID) string {
	p := g.Producer(x)
	switch {
	case p == nil:
		return "is a graph input"
	case p.Row().Wall:
		return "another boundary carries already"
	case g.Value(x).Mark != "":
		return "is marked " + g.Value(x).Mark + " already"
	}
	return ""
}

// Boundaries lists the names of a plain graph's boundaries in order.
func Boundaries(g *ir.Graph) []string {
	var names []string
	for _, n := range g.Nodes {
		if n.Row().Wall {
			names = append(names, n.Str("name"))
		}
	}
	return names
}

// CutNames returns the boundaries at which a model of the given number of
// layers is cut into embed, parts decoders, logit and topk. Parts are as equal
// as they can be, longer ones first.
func CutNames(layers, parts int) ([]string, error) {
	if parts < 1 || parts > layers {
		return nil, fmt.Errorf("%d decoder parts of %d layers: want 1 to %d", parts, layers, layers)
	}
	cuts := []string{"embed"}
	end := 0
	for p := range parts {
		end += layers / parts
		if p < layers%parts {
			end++
		}
		cuts = append(cuts, fmt.Sprintf("layer.%d", end-1))
	}
	return append(cuts, "logits"), nil
}
