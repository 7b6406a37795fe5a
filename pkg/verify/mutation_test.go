package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/passes"
)

// mutation is a bug in a pass: it edits the graph the pass made and reports
// whether there was something to edit. To add one, append a row to the list of
// its pass.
type mutation struct {
	pass, what string
	// by says what is expected to catch it: "rule" (ir.Verify), "property",
	// "run" (the backend refuses), "structure" or "numbers".
	by  string
	bug func(g *ir.Graph) bool
}

// Helpers that find and edit nodes.

// nodeOf is the i-th node of an op or of its quantised form.
func nodeOf(g *ir.Graph, op ir.OpName, i int) *ir.Node {
	for _, n := range g.Nodes {
		if n.Op == op || n.Base() == op {
			if i == 0 {
				return n
			}
			i--
		}
	}
	return nil
}

// edit runs f on the i-th node of an op.
func edit(op ir.OpName, i int, f func(g *ir.Graph, n *ir.Node) bool) func(*ir.Graph) bool {
	return func(g *ir.Graph) bool {
		n := nodeOf(g, op, i)
		return n != nil && f(g, n)
	}
}

// set replaces the expression of a weight.
func set(g *ir.Graph, weight string, e *ir.Expr, err error) bool {
	if err != nil {
		return false
	}
	g.Weight(weight).Expr = e
	return true
}

// swapHalves exchanges two equal members of the first packed or plain
// concatenation that has them.
func swapHalves(g *ir.Graph) bool {
	for _, w := range g.Weights {
		cat := w.Expr
		if cat.Kind == ir.ExprPack {
			cat = cat.Args[0]
		}
		if cat.Kind != ir.ExprConcatRows {
			continue
		}
		args := slices.Clone(cat.Args)
		last := len(args) - 1
		if !args[last].Shape.Equal(args[last-1].Shape) {
			continue
		}
		args[last], args[last-1] = args[last-1], args[last]
		e, err := ir.Concat(args...)
		if err == nil && w.Kind == ir.ExprPack {
			e, err = ir.PackAs(e, ir.P16)
		}
		return set(g, w.Name, e, err)
	}
	return false
}

// offByOne takes each row of a concatenation's first member from one row
// further down.
func offByOne(g *ir.Graph) bool {
	for _, w := range g.Weights {
		if w.Kind != ir.ExprConcatRows {
			continue
		}
		a := w.Args[0]
		n := a.Shape[0]
		tail, err1 := ir.Slice(a, 1, n)
		head, err2 := ir.Slice(a, 0, 1)
		if err1 != nil || err2 != nil {
			return false
		}
		e := *w.Expr
		turned, err := ir.Concat(tail, head)
		if err != nil {
			return false
		}
		turned.Rows = []int64{n}
		e.Args = append([]*ir.Expr{turned}, w.Args[1:]...)
		w.Expr = &e
		return true
	}
	return false
}

func setAttr(a ir.Attr) func(*ir.Graph, *ir.Node) bool {
	return func(_ *ir.Graph, n *ir.Node) bool { n.Set(a); return true }
}

func swapIn(i, j int) func(*ir.Graph, *ir.Node) bool {
	return func(_ *ir.Graph, n *ir.Node) bool { n.In[i], n.In[j] = n.In[j], n.In[i]; return true }
}

// readAnother lets input i of n read another value of the same type and layout
// that is made before n.
func readAnother(i int) func(*ir.Graph, *ir.Node) bool {
	return func(g *ir.Graph, n *ir.Node) bool {
		x := g.Value(n.In[i])
		for _, m := range g.Nodes[:g.Index(n)] {
			for _, v := range m.Out {
				if o := g.Value(v); v != x.ID && o.Type.Equal(x.Type) && o.Layout == x.Layout {
					n.In[i] = v
					return true
				}
			}
		}
		return false
	}
}

// drop removes a node; its readers read its first input.
func drop(g *ir.Graph, n *ir.Node) bool {
	g.ReplaceUses(n.Out[0], n.In[0])
	g.Remove(n)
	g.DropValue(n.Out[0])
	g.RemoveDead()
	return true
}

func swapOut(i, j int) func(*ir.Graph, *ir.Node) bool {
	return func(g *ir.Graph, n *ir.Node) bool {
		if !g.Value(n.Out[i]).Type.Equal(g.Value(n.Out[j]).Type) {
			return false
		}
		n.Out[i], n.Out[j] = n.Out[j], n.Out[i]
		return true
	}
}

func staleShape(op ir.OpName) func(*ir.Graph) bool {
	return edit(op, 0, func(g *ir.Graph, n *ir.Node) bool { g.Value(n.Out[0]).Type.Shape[1] += 16; return true })
}

var mutations = slices.Concat(cutMutations, headMutations, quantMutations, groupMutations, ropeMutations, residualMutations, gateMutations, quantizeMutations, layoutMutations, packMutations)

var cutMutations = []mutation{
	{"choose-cuts", "residual lost", "numbers", edit("add", 0, func(_ *ir.Graph, n *ir.Node) bool { n.In[0] = n.In[1]; return true })},
	{"choose-cuts", "a layer skipped", "numbers", edit("rms_norm", 2, readAnother(0))},
	{"choose-cuts", "boundary names swapped", "property", func(g *ir.Graph) bool {
		a, b := nodeOf(g, "boundary", 0), nodeOf(g, "boundary", 1)
		x, y := a.Str("name"), b.Str("name")
		a.Set(ir.StringAttr("name", y))
		b.Set(ir.StringAttr("name", x))
		return true
	}},
	{"choose-cuts", "mark at another value", "structure", func(g *ir.Graph) bool {
		for _, v := range g.Values() {
			if v.Mark != "" {
				g.ValueByName("blk.0.attn_residual").Mark, v.Mark = v.Mark, ""
				return true
			}
		}
		return false
	}},
	{"choose-cuts", "wrong window", "numbers", edit("attention", 1, func(_ *ir.Graph, n *ir.Node) bool {
		n.Set(ir.IntAttr("window", max(3, n.Int("window")-1)))
		return true
	})},
	{"choose-cuts", "scale changed", "numbers", edit("attention", 0, func(_ *ir.Graph, n *ir.Node) bool { n.Set(ir.FloatAttr("scale", n.Float("scale")*1.001)); return true })},
}

var headMutations = []mutation{
	{"last-token", "rows of another value", "numbers", edit("select_rows", 0, readAnother(0))},
	{"last-token", "rows selected twice", "rule", func(g *ir.Graph) bool {
		sel := nodeOf(g, "select_rows", 0)
		again := &ir.Node{Op: "select_rows", In: []ir.ValueID{sel.Out[0]}, Out: []ir.ValueID{g.NewValue("again", g.Value(sel.Out[0]).Type).ID}}
		g.InsertAfter(sel, again)
		g.ReplaceUses(sel.Out[0], again.Out[0], again)
		return true
	}},
	{"last-token", "wrong eps", "numbers", func(g *ir.Graph) bool {
		n := g.Producer(g.ValueByName("output_norm.selected").ID)
		n.Set(ir.FloatAttr("eps", n.Float("eps")*100))
		return true
	}},
	{"last-token", "norm lost", "numbers", func(g *ir.Graph) bool { return drop(g, g.Producer(g.ValueByName("output_norm.selected").ID)) }},
	{"last-token", "stale rows", "rule", func(g *ir.Graph) bool { g.ValueByName("output_norm.selected").Type.Shape[0] = ir.S; return true }},
	{"share-embedding", "gathers rows of another weight", "numbers", func(g *ir.Graph) bool {
		n := nodeOf(g, "embedding", 0)
		for _, w := range g.Weights {
			if w.Name != n.Weights[0] && w.Shape.Equal(g.Weight(n.Weights[0]).Shape) {
				n.Weights[0] = w.Name
				g.RemoveDead()
				return true
			}
		}
		return false
	}},
	{"share-embedding", "rows in another order", "numbers", func(g *ir.Graph) bool {
		n := nodeOf(g, "embedding", 0)
		w := g.Weight(n.Weights[0])
		e, err := ir.Unrotate(w.Expr, 1)
		return set(g, w.Name, e, err)
	}},
	{"share-embedding", "half the vocabulary", "numbers or run", func(g *ir.Graph) bool {
		n := nodeOf(g, "embedding", 0)
		w := g.Weight(n.Weights[0])
		e, err := ir.Slice(w.Expr, w.Shape[0]/2, w.Shape[0])
		if err != nil {
			return false
		}
		n.Weights[0], err = g.AddWeight("half", e)
		g.RemoveDead()
		return err == nil
	}},
}

var quantMutations = []mutation{
	{"quantize-activations", "another value quantised", "numbers", edit("quantize_act", 2, readAnother(0))},
	{"quantize-activations", "matmul reads another site", "numbers", func(g *ir.Graph) bool {
		for _, n := range g.Nodes {
			if n.Op == "matmul" && g.Value(n.In[0]).Type.Elem == ir.I8 && readAnother(0)(g, n) {
				return true
			}
		}
		return false
	}},
	{"quantize-activations", "unknown scheme", "rule", edit("quantize_act", 0, setAttr(ir.StringAttr("scheme", "s64e16")))},
	{"quantize-activations", "a matmul left out", "property", edit("quantize_act", 0, drop)},
	{"quantize-activations", "wrong eps beside it", "numbers or structure", edit("rms_norm", 1, func(_ *ir.Graph, n *ir.Node) bool { n.Set(ir.FloatAttr("eps", n.Float("eps")*2)); return true })},
	{"quantize-activations", "residual lost", "numbers", edit("add", 1, func(_ *ir.Graph, n *ir.Node) bool { n.In[0] = n.In[1]; return true })},
	{"quantize-activations", "a weight's rows moved", "numbers", edit("matmul", 3, func(g *ir.Graph, n *ir.Node) bool {
		e, err := ir.Unrotate(g.Weight(n.Weights[0]).Expr, 1)
		return set(g, n.Weights[0], e, err)
	})},
}

var groupMutations = []mutation{
	{"group-projections", "halves swapped", "numbers", swapHalves},
	{"group-projections", "slice off by one", "numbers", offByOne},
	{"group-projections", "outputs swapped", "numbers", edit("matmul_group", 1, swapOut(0, 1))},
	{"group-projections", "members in another order", "rule", edit("matmul_group", 0, func(_ *ir.Graph, n *ir.Node) bool {
		m := slices.Clone(n.Ints("members"))
		slices.Reverse(m)
		n.Set(ir.IntsAttr("members", m...))
		return !slices.Equal(m, []int64{m[0], m[0], m[0]}) && m[0] != m[len(m)-1]
	})},
	{"group-projections", "another input", "numbers or property", edit("matmul_group", 1, readAnother(0))},
	{"group-projections", "dropped bias", "numbers", edit("add_bias", 0, drop)},
	{"group-projections", "a group undone", "property", func(g *ir.Graph) bool { return ir.Expand(g, nil) == nil }},
}

var ropeMutations = []mutation{
	{"fuse-rope", "wrong pairing", "numbers", edit("rope_qk", 0, func(g *ir.Graph, n *ir.Node) bool {
		// Frequencies in reverse order pair every channel with another angle.
		w := g.Weight(n.Weights[0])
		f := slices.Clone(w.Data)
		slices.Reverse(f)
		w.Expr = ir.ConstExpr(f)
		return true
	})},
	{"fuse-rope", "rotary_dim halved", "rule", edit("rope_qk", 0, func(_ *ir.Graph, n *ir.Node) bool {
		n.Set(ir.IntAttr("rotary_dim", n.Int("rotary_dim")/2))
		return true
	})},
	{"fuse-rope", "rotary_dim and frequencies halved", "numbers", edit("rope_qk", 0, func(g *ir.Graph, n *ir.Node) bool {
		f := g.Weight(n.Weights[0]).Data
		name, err := g.AddWeight("half.inv_freq", ir.ConstExpr(f[:len(f)/2]))
		n.Weights[0] = name
		n.Set(ir.IntAttr("rotary_dim", n.Int("rotary_dim")/2))
		return err == nil && len(f)%2 == 0
	})},
	{"fuse-rope", "q and k gammas swapped", "numbers", edit("rope_qk", 1, func(_ *ir.Graph, n *ir.Node) bool {
		if len(n.Weights) != 3 {
			return false
		}
		n.Weights[1], n.Weights[2] = n.Weights[2], n.Weights[1]
		return true
	})},
	{"fuse-rope", "wrong eps", "numbers", edit("rope_qk", 0, func(_ *ir.Graph, n *ir.Node) bool {
		if len(n.Weights) != 3 {
			return false
		}
		n.Set(ir.FloatAttr("eps", 1e-3))
		return true
	})},
	{"fuse-rope", "norms lost", "numbers", edit("rope_qk", 0, func(g *ir.Graph, n *ir.Node) bool {
		if len(n.Weights) != 3 {
			return false
		}
		n.Weights = n.Weights[:1]
		n.Attrs = slices.DeleteFunc(n.Attrs, func(a ir.Attr) bool { return a.Key == "eps" })
		g.RemoveDead()
		return true
	})},
	{"fuse-rope", "mscale added", "numbers", edit("rope_qk", 0, setAttr(ir.FloatAttr("mscale", 1.0625)))},
	{"fuse-rope", "k read where q belongs", "rule or numbers", edit("rope_qk", 0, func(_ *ir.Graph, n *ir.Node) bool { n.In[0] = n.In[1]; return true })},
	{"fuse-rope", "wrong head_dim", "rule or numbers", edit("rope_qk", 0, func(_ *ir.Graph, n *ir.Node) bool { n.Set(ir.IntAttr("head_dim", n.Int("head_dim")*2)); return true })},
}

var residualMutations = []mutation{
	{"fuse-residual-norm", "residual lost", "numbers", edit("add_rms_norm", 0, func(_ *ir.Graph, n *ir.Node) bool { n.In[0] = n.In[1]; return true })},
	{"fuse-residual-norm", "sum and normed swapped", "numbers", edit("add_rms_norm", 1, swapOut(0, 1))},
	{"fuse-residual-norm", "wrong eps", "numbers", edit("add_rms_norm", 0, func(_ *ir.Graph, n *ir.Node) bool { n.Set(ir.FloatAttr("eps", n.Float("eps")*10)); return true })},
	{"fuse-residual-norm", "another norm's weight", "numbers", edit("add_rms_norm", 0, func(g *ir.Graph, n *ir.Node) bool {
		n.Weights[0] = "output_norm.weight"
		g.RemoveDead()
		return true
	})},
	{"fuse-residual-norm", "norm over half the channels", "rule", edit("add_rms_norm", 0, func(_ *ir.Graph, n *ir.Node) bool { n.Set(ir.IntAttr("dim", n.Int("dim")/2)); return true })},
	{"fuse-residual-norm", "stale shape", "rule", staleShape("add_rms_norm")},
	{"fuse-residual-norm", "the next residual reads the normed value", "numbers", edit("add_rms_norm", 0, func(g *ir.Graph, n *ir.Node) bool {
		g.ReplaceUses(n.Out[0], n.Out[1])
		return true
	})},
}

var gateMutations = []mutation{
	{"fuse-gated-activation", "gate and up swapped", "numbers", edit("gated_act", 0, swapIn(0, 1))},
	{"fuse-gated-activation", "another activation", "numbers", edit("gated_act", 1, setAttr(ir.StringAttr("act", "gelu_tanh")))},
	{"fuse-gated-activation", "up lost", "numbers", edit("gated_act", 0, func(_ *ir.Graph, n *ir.Node) bool { n.In[1] = n.In[0]; return true })},
	{"fuse-gated-activation", "unknown activation", "rule", edit("gated_act", 0, setAttr(ir.StringAttr("act", "relu")))},
}

var quantizeMutations = []mutation{
	{"fuse-quantize", "another norm's weight", "numbers", edit("rms_norm_quant", 0, func(g *ir.Graph, n *ir.Node) bool {
		n.Weights[0] = "output_norm.weight"
		g.RemoveDead()
		return true
	})},
	{"fuse-quantize", "wrong eps", "numbers", edit("add_rms_norm_quant", 1, func(_ *ir.Graph, n *ir.Node) bool {
		n.Set(ir.FloatAttr("eps", 1))
		return true
	})},
	{"fuse-quantize", "residual lost", "numbers", edit("add_rms_norm_quant", 0, func(_ *ir.Graph, n *ir.Node) bool { n.In[0] = n.In[1]; return true })},
	{"fuse-quantize", "the sum quantised, the norm not", "rule", edit("add_rms_norm_quant", 0, func(_ *ir.Graph, n *ir.Node) bool {
		n.Out[0], n.Out[1] = n.Out[1], n.Out[0]
		return true
	})},
	{"fuse-quantize", "gate and up swapped", "numbers", edit("gated_act_quant", 0, swapIn(0, 1))},
	{"fuse-quantize", "another activation", "numbers", edit("gated_act_quant", 1, setAttr(ir.StringAttr("act", "gelu_tanh")))},
	{"fuse-quantize", "attention scaled otherwise", "numbers", edit("attention_quant", 0, func(_ *ir.Graph, n *ir.Node) bool {
		n.Set(ir.FloatAttr("scale", n.Float("scale")*2))
		return true
	})},
	{"fuse-quantize", "the window lost", "rule", edit("attention_quant", 1, func(_ *ir.Graph, n *ir.Node) bool {
		had := n.Int("window") > 0
		n.Attrs = slices.DeleteFunc(n.Attrs, func(a ir.Attr) bool { return a.Key == "window" })
		return had
	})},
	{"fuse-quantize", "the window shortened", "numbers", edit("attention_quant", 1, func(_ *ir.Graph, n *ir.Node) bool {
		had := n.Int("window") > 1
		n.Set(ir.IntAttr("window", n.Int("window")/2))
		return had
	})},
	{"fuse-quantize", "another layer's cache", "rule", edit("attention_quant", 1, func(g *ir.Graph, n *ir.Node) bool {
		n.States = slices.Clone(nodeOf(g, "attention_quant", 0).States)
		return true
	})},
	{"fuse-quantize", "unknown scheme", "rule", edit("gated_act_quant", 0, setAttr(ir.StringAttr("scheme", "s128e16")))},
	{"fuse-quantize", "stale shape", "rule", staleShape("rms_norm_quant")},
	{"fuse-quantize", "f32 where int8 was promised", "rule", edit("rms_norm_quant", 0, func(g *ir.Graph, n *ir.Node) bool {
		v := g.Value(n.Out[0])
		v.Type.Elem, v.Type.Scheme = ir.F32, ""
		return true
	})},
	{"fuse-quantize", "one left out", "property", func(g *ir.Graph) bool {
		n := nodeOf(g, "rms_norm_quant", 0)
		return n != nil && ir.Expand(g, func(x *ir.Node) bool { return x == n }) == nil
	}},
	{"fuse-quantize", "readers of one activation read another", "numbers or property", edit("matmul_group", 1, func(g *ir.Graph, n *ir.Node) bool {
		return g.Value(n.In[0]).Type.Elem == ir.I8 && readAnother(0)(g, n)
	})},
}

var layoutMutations = []mutation{
	{"assign-layout", "relayout removed", "property", edit("relayout", 1, drop)},
	{"assign-layout", "label only", "rule", edit("relayout", 0, func(g *ir.Graph, n *ir.Node) bool {
		x := n.In[0]
		drop(g, n)
		g.Value(x).Layout = ir.C4
		// A producer that can write c4 would make this right; take one that cannot.
		p := g.Producer(x)
		y := g.NewValue("plain only", g.Value(p.In[0]).Type)
		if y.Type.Elem != ir.F32 {
			return false
		}
		g.InsertBefore(p, &ir.Node{Op: "silu", In: []ir.ValueID{p.In[0]}, Out: []ir.ValueID{y.ID}})
		y.Layout = ir.C4
		p.In[0] = y.ID
		return true
	})},
	{"assign-layout", "relaid to plain", "rule", edit("relayout", 0, setAttr(ir.StringAttr("to", "plain")))},
	{"assign-layout", "relayout of another value", "numbers", edit("relayout", 2, readAnother(0))},
	{"assign-layout", "stale shape", "rule", staleShape("relayout")},
	{"propagate-layout", "another c4 value", "numbers or property", func(g *ir.Graph) bool {
		for _, n := range g.Nodes {
			if (n.Op == "matmul" || n.Op == "matmul_group") && g.Value(n.In[0]).Layout == ir.C4 && readAnother(0)(g, n) {
				return true
			}
		}
		return false
	}},
	{"propagate-layout", "producer writes plain after all", "property", func(g *ir.Graph) bool {
		for _, v := range g.Values() {
			if v.Layout == ir.C4 {
				v.Layout = ir.Plain
				return true
			}
		}
		return false
	}},
	{"propagate-layout", "c4 where nobody can read it", "rule", func(g *ir.Graph) bool { g.Value(nodeOf(g, "attention", 0).In[2]).Layout = ir.C4; return true }},
	{"propagate-layout", "a node lost on the way", "numbers", edit("add", 0, drop)},
}

var packMutations = []mutation{
	{"pack-weights", "halves swapped", "numbers", swapHalves},
	{"pack-weights", "a weight left out", "property", func(g *ir.Graph) bool {
		for _, w := range g.Weights {
			if w.Kind == ir.ExprPack {
				w.Expr = w.Args[0]
				return true
			}
		}
		return false
	}},
	{"pack-weights", "wrong member rows", "rule", func(g *ir.Graph) bool {
		for _, w := range g.Weights {
			if w.Kind == ir.ExprPack && len(w.Rows) > 1 {
				e := *w.Expr
				e.Rows = []int64{w.Shape[0]}
				w.Expr = &e
				return true
			}
		}
		return false
	}},
	{"pack-weights", "another weight's panels", "numbers", func(g *ir.Graph) bool {
		for i, w := range g.Weights {
			for _, o := range g.Weights[:i] {
				if w.Kind == ir.ExprPack && o.Kind == ir.ExprPack && w.Shape.Equal(o.Shape) && w.Type == o.Type && slices.Equal(w.Rows, o.Rows) {
					w.Expr = o.Expr
					return true
				}
			}
		}
		return false
	}},
	{"pack-weights", "form without packing", "rule, property or run", func(g *ir.Graph) bool {
		for _, w := range g.Weights {
			if w.Kind == ir.ExprPack && w.Args[0].Kind == ir.ExprTensor {
				e := *w.Args[0]
				e.Form = ir.P16
				w.Expr = &e
				return true
			}
		}
		return false
	}},
}

// subjects are the models the bugs are planted in: float and quantised, q/k
// norms, biases, windows, tied and untied. Quantised ones take short calls
// unless -full is given: their graphs as built decode weights on the way.
func subjects(t *testing.T) []*subject {
	long, short, window := []int{1, 4, 64, 65}, []int{1, 4, 5}, []int{1, 4, 20}
	if *full {
		short, window = long, long
	}
	return []*subject{
		load(t, "qwen3-f32-tied", "", long...),
		load(t, "mistral-window-f32", "q8_0", window...),
		load(t, "llama-bias-bf16", "q4_k_m", short...),
		load(t, "llama-bf16-tied-sharded", "q8_0", short...),
	}
}

// Every bug is caught, by what should catch it, and blamed on its pass.
func TestMutations(t *testing.T) {
	perPass := map[string]int{}
	applied := map[string]int{}
	for _, s := range subjects(t) {
		for _, m := range mutations {
			did := false
			o := s.options()
			o.Only = []string{m.pass}
			o.Passes.Mutate = func(p *passes.Pass, g *ir.Graph) {
				if p.Name == m.pass {
					did = m.bug(g)
				}
			}
			caught, why := blame(s, m, o)
			if !did {
				continue
			}
			applied[m.pass+": "+m.what]++
			if !strings.Contains(m.by, caught) || caught == "" {
				t.Errorf("%s, %s: %s: caught by %q, want %q: %s", s.name, m.pass, m.what, caught, m.by, why)
			}
		}
	}
	for _, m := range mutations {
		perPass[m.pass]++
		if applied[m.pass+": "+m.what] == 0 {
			t.Errorf("%s: %s: no model has a place for it", m.pass, m.what)
		}
	}
	for _, p := range passes.Table() {
		if perPass[p.Name] < 2 {
			t.Errorf("pass %s has %d mutations", p.Name, perPass[p.Name])
		}
	}
}

// blame runs a subject with a bug and tells what caught it.
func blame(s *subject, m mutation, o Options) (by, why string) {
	res, err := Passes(context.Background(), s.graph, s.weights, o)
	if err != nil {
		why = err.Error()
		switch {
		case !strings.Contains(why, "after pass "+m.pass):
			return "", why
		case strings.Contains(why, "graph breaks V"):
			return "rule", why
		case strings.Contains(why, "property "):
			return "property", why
		}
		return "", why
	}
	for _, p := range res.Passes {
		if p.OK {
			continue
		}
		switch why = p.Why; {
		case p.Pass != m.pass:
			return "", "blamed on " + p.Pass
		case strings.HasPrefix(why, "does not run"):
			return "run", why
		case strings.Contains(why, "values differ behind"), strings.Contains(why, "is beyond"):
			return "numbers", why
		}
		return "structure", why
	}
	return "", fmt.Sprintf("all is well: %+v", res.Passes)
}
