package segment

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/target"
)

// plain builds the plain graph of a committed checkpoint; typ "" keeps types.
func plain(t *testing.T, name, typ string) *ir.Graph {
	t.Helper()
	c, err := checkpoint.Open(testutil.Model(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	var o model.Options
	if typ != "" {
		if o.Type, err = quant.ParseRecipe(typ); err != nil {
			t.Fatal(err)
		}
	}
	m, err := model.Build(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return m.Graph
}

func options(t *testing.T, layers, parts int) passes.Options {
	t.Helper()
	cuts, err := passes.CutNames(layers, parts)
	if err != nil {
		t.Fatal(err)
	}
	return passes.Options{Target: target.CPU, Cuts: cuts}
}

// direct fuses g and cuts it.
func direct(t *testing.T, g *ir.Graph, o passes.Options) (*ir.Graph, []ir.Segment) {
	t.Helper()
	fused, _, err := passes.Run(context.Background(), g, o)
	if err != nil {
		t.Fatal(err)
	}
	segs, err := Cut(fused)
	if err != nil {
		t.Fatal(err)
	}
	return fused, segs
}

func text(segs []ir.Segment) string {
	var b strings.Builder
	for _, s := range segs {
		fmt.Fprintf(&b, "%s (%s)\n%s", s.Name, s.Kind, ir.Format(s.Graph.Renumber()))
	}
	return b.String()
}

// models are checkpoints with 2, 3 and 5 layers, of all families.
var models = []struct {
	name   string
	layers int
	types  []string
}{
	{"llama-f32", 2, []string{"", "q8_0"}},
	{"llama-bf16-tied-sharded", 2, []string{"", "q4_0"}},
	{"mistral-window-f32", 3, []string{"", "q8_0"}},
	{"qwen2-f32", 2, []string{"", "q8_0"}},
	{"qwen3-f32-tied", 2, []string{"", "q8_0"}},
	{"war-and-peace", 5, []string{"", "q4_k_m"}},
}

// What the four kinds read and make.
func TestCut(t *testing.T) {
	_, segs := direct(t, plain(t, "mistral-window-f32", "q8_0"), options(t, 3, 2))
	want := []struct{ name, kind, in, out string }{
		{"embed", ir.KindEmbed, "tokens", "hidden.embed"},
		{"decoder-0", ir.KindDecoder, "hidden.embed", "layer.1"},
		{"decoder-1", ir.KindDecoder, "layer.1", "layer.2"},
		{"logit", ir.KindLogit, "layer.2", "logits"},
		{"topk", ir.KindTopK, "logits adj_row adj_ids adj_scale adj_bias inv_temp mask_row mask", "topk.ids topk.logits topk.lse topk.lse_temp"},
	}
	if len(segs) != len(want) {
		t.Fatalf("%d segments", len(segs))
	}
	states := 0
	for i, s := range segs {
		w := want[i]
		if s.Name != w.name || s.Kind != w.kind || names(s.Graph, s.Graph.Inputs) != w.in || names(s.Graph, s.Graph.Outputs) != w.out {
			t.Errorf("segment %d: %s (%s) reads %s, makes %s; want %v", i, s.Name, s.Kind, names(s.Graph, s.Graph.Inputs), names(s.Graph, s.Graph.Outputs), w)
		}
		states += len(s.Graph.States)
		for _, n := range s.Graph.Nodes {
			if n.Op == "boundary" {
				t.Errorf("segment %s holds a boundary", s.Name)
			}
		}
		if err := ir.Verify(s.Graph); err != nil {
			t.Error(err)
		}
	}
	if states != 3 || len(segs[1].Graph.States) != 2 || segs[2].Graph.States[0].Name != "kv.2" {
		t.Errorf("states are not with their layers")
	}
	// A mark stays inside a part, so that a re-cut can choose it.
	if v := segs[1].Graph.ValueByName("layer.0"); v == nil || v.Mark != "layer.0" {
		t.Errorf("the mark of layer.0 is lost: %+v", v)
	}
}

func names(g *ir.Graph, ids []ir.ValueID) string {
	var all []string
	for _, v := range ids {
		all = append(all, g.Value(v).Name)
	}
	return strings.Join(all, " ")
}

// An uncut graph is one segment.
func TestCutNothing(t *testing.T) {
	o := options(t, 2, 1)
	o.Cuts = nil
	g, segs := direct(t, plain(t, "llama-f32", ""), o)
	if len(segs) != 1 || segs[0].Kind != ir.KindModel || segs[0].Name != "model" {
		t.Fatalf("%+v", segs)
	}
	segs[0].Graph.Name = g.Name
	if a, b := ir.Format(g.Renumber()), ir.Format(segs[0].Graph.Renumber()); a != b {
		t.Error("the only segment is not the graph")
	}
}

// Cut undoes Join. Join undoes Cut up to value numbers, the order of weights
// and the names in front of boundaries.
func TestJoinAndCutAreInverse(t *testing.T) {
	for _, m := range models {
		for _, typ := range m.types {
			fused, segs := direct(t, plain(t, m.name, typ), options(t, m.layers, min(2, m.layers)))
			before := text(segs)
			joined, err := Join(segs)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Cut(joined)
			if err != nil {
				t.Fatal(err)
			}
			if got := text(again); got != before {
				t.Errorf("%s %s: Cut(Join) differs", m.name, typ)
			}
			if text(segs) != before {
				t.Errorf("%s %s: Join changed its input", m.name, typ)
			}
			joined.Name = fused.Name
			for _, g := range []*ir.Graph{fused, joined} {
				for _, n := range g.Nodes {
					if n.Op == "boundary" {
						g.Value(n.In[0]).Name = g.Value(n.Out[0]).Name + ".in"
					}
				}
			}
			if a, b := ir.Format(fused.Renumber()), ir.Format(joined.Renumber()); a != b {
				t.Errorf("%s %s: Join(Cut) differs:\n%s", m.name, typ, firstLine(a, b))
			}
		}
	}
}

func firstLine(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return "want " + x[i] + "\ngot  " + y[i]
		}
	}
	return "one is longer"
}

// However a model was cut before, a re-cut is the direct cut.
func TestRecutEqualsDirectCut(t *testing.T) {
	for _, m := range models {
		for _, typ := range m.types {
			g := plain(t, m.name, typ)
			_, segs := direct(t, g, options(t, m.layers, 1))
			for _, parts := range []int{m.layers, 2, 1, 2, 1} {
				var err error
				if segs, _, err = Recut(context.Background(), segs, options(t, m.layers, parts)); err != nil {
					t.Fatalf("%s %s in %d parts: %v", m.name, typ, parts, err)
				}
				_, want := direct(t, g, options(t, m.layers, parts))
				if a, b := text(want), text(segs); a != b {
					t.Errorf("%s %s in %d parts:\n%s", m.name, typ, parts, firstLine(a, b))
				}
			}
		}
	}
}

// A re-cut with fewer passes than before, as a bundle records them.
func TestRecutWithoutPasses(t *testing.T) {
	g := plain(t, "mistral-window-f32", "q8_0")
	for _, p := range passes.Names()[1:] {
		o := options(t, 3, 1)
		o.Disable = []string{p}
		_, segs := direct(t, g, o)
		o.Cuts = options(t, 3, 3).Cuts
		got, _, err := Recut(context.Background(), segs, o)
		if err != nil {
			t.Fatalf("without %s: %v", p, err)
		}
		if _, want := direct(t, g, o); text(got) != text(want) {
			t.Errorf("without %s:\n%s", p, firstLine(text(want), text(got)))
		}
	}
}

func TestRecutUnknownBoundary(t *testing.T) {
	_, segs := direct(t, plain(t, "llama-f32", ""), options(t, 2, 1))
	o := options(t, 2, 1)
	o.Cuts = []string{"embed", "layer.7", "layer.1", "logits"}
	if _, _, err := Recut(context.Background(), segs, o); err == nil || !strings.Contains(err.Error(), `no boundary called "layer.7"`) {
		t.Errorf("%v", err)
	}
}

// Graphs that cannot be cut, with the reason.
func TestCutRefuses(t *testing.T) {
	head := "graph g\ninput %0 x f32[S,32]\n"
	for _, c := range []struct{ what, text, want string }{
		{"a value crosses", head + `%1 a f32[S,32] = silu(%0)
%2 hidden.embed f32[S,32] = boundary(%1) {name="embed"}
%3 b f32[S,32] = add(%2, %1)
%4 layer.0 f32[S,32] = boundary(%3) {name="layer.0"}
%5 logits f32[S,32] = boundary(%4) {name="logits"}
output %5
`, "value a crosses the cut at embed"},
		{"boundaries side by side", head + `%1 a f32[S,32] = silu(%0)
%2 hidden.embed f32[S,32] = boundary(%1) {name="embed"}
%3 layer.0 f32[S,32] = boundary(%1) {name="layer.0"}
%4 b f32[S,32] = add(%2, %3)
output %4
`, "boundaries embed and layer.0 stand side by side"},
		{"two cuts only", head + `%1 a f32[S,32] = silu(%0)
%2 hidden.embed f32[S,32] = boundary(%1) {name="embed"}
%3 b f32[S,32] = silu(%2)
%4 logits f32[S,32] = boundary(%3) {name="logits"}
%5 c f32[S,32] = silu(%4)
output %5
`, "want embed, one or more layers, logits"},
		{"no embed", head + `%1 a f32[S,32] = silu(%0)
%2 layer.0 f32[S,32] = boundary(%1) {name="layer.0"}
%3 b f32[S,32] = silu(%2)
output %3
`, "cuts at layer.0"},
		{"a boundary at an input", head + `%1 hidden.embed f32[S,32] = boundary(%0) {name="embed"}
%2 a f32[S,32] = silu(%1)
%3 layer.0 f32[S,32] = boundary(%2) {name="layer.0"}
%4 b f32[S,32] = silu(%3)
%5 logits f32[S,32] = boundary(%4) {name="logits"}
%6 c f32[S,32] = silu(%5)
output %6
`, "boundary embed carries x, which is a graph input"},
	} {
		g, err := ir.Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if err := ir.Verify(g); err != nil {
			t.Fatal(err)
		}
		if _, err := Cut(g); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
	}
}

// Segments that do not fit together.
func TestJoinRefuses(t *testing.T) {
	_, segs := direct(t, plain(t, "mistral-window-f32", "q8_0"), options(t, 3, 2))
	change := func(i int, f func(g *ir.Graph)) []ir.Segment {
		c := slices.Clone(segs)
		c[i].Graph = c[i].Graph.Clone()
		f(c[i].Graph)
		return c
	}
	for _, c := range []struct {
		what string
		segs []ir.Segment
		want string
	}{
		{"a part is missing", slices.Delete(slices.Clone(segs), 1, 2), "input layer.1 is made by no earlier segment"},
		{"wrong order", []ir.Segment{segs[0], segs[2], segs[1], segs[3], segs[4]}, "input layer.1 is made by no earlier segment"},
		{"a state twice", change(2, func(g *ir.Graph) {
			g.States[0].Name, g.Nodes[slices.IndexFunc(g.Nodes, func(n *ir.Node) bool { return n.Base() == "attention" })].States[0] = "kv.0", "kv.0"
		}), "state kv.0 exists already"},
		{"no boundary name", change(1, func(g *ir.Graph) { g.Value(g.Outputs[0]).Mark = "" }), "output layer.1 names no boundary"},
		{"another weight of one name", change(2, func(g *ir.Graph) {
			old := g.Weights[0].Name
			g.Weights[0].Name = segs[1].Graph.Weights[0].Name
			for _, n := range g.Nodes {
				for i := range n.Weights {
					if n.Weights[i] == old {
						n.Weights[i] = g.Weights[0].Name
					}
				}
			}
		}), "defined twice"},
		{"a value name twice", change(2, func(g *ir.Graph) {
			g.Value(g.Nodes[0].Out[0]).Name = segs[1].Graph.Value(segs[1].Graph.Nodes[0].Out[0]).Name
		}), "V1"},
	} {
		if _, err := Join(c.segs); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
	}
}
