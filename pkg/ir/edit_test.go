package ir

import (
	"slices"
	"strings"
	"testing"
)

func TestCloneIsIndependent(t *testing.T) {
	g := parse(t, opsText(t))
	before := Format(g)
	c := g.Clone()
	for _, n := range c.Nodes {
		n.Op = "broken"
		for i := range n.In {
			n.In[i] = 0
		}
		for i := range n.Out {
			n.Out[i] = 0
		}
		for i := range n.Weights {
			n.Weights[i] = "w"
		}
		for i := range n.States {
			n.States[i] = "s"
		}
		for i := range n.Attrs {
			for j := range n.Attrs[i].L {
				n.Attrs[i].L[j] = -1
			}
			n.Attrs[i].I = -1
		}
	}
	for _, v := range c.Values() {
		v.Name, v.Mark, v.Layout = "x", "y", C4
		for i := range v.Type.Shape {
			v.Type.Shape[i] = 7
		}
	}
	c.Weights[0].Name, c.States[0].Heads, c.Inputs[0], c.Outputs[0] = "w", 9, 9, 9
	c.RemoveDead()
	if after := Format(g); after != before {
		t.Error("changing a clone changed the graph:\n" + diff(before, after))
	}
}

func TestWeightLookup(t *testing.T) {
	g := NewGraph("g")
	for _, n := range []string{"a", "b", "c"} {
		if _, err := g.AddWeight(n, ConstExpr([]float32{1})); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := g.AddWeight("b", ConstExpr([]float32{1})); err != nil || len(g.Weights) != 3 {
		t.Errorf("adding an equal weight again: %v, %d weights", err, len(g.Weights))
	}
	if _, err := g.AddWeight("b", ConstExpr([]float32{2})); err == nil {
		t.Error("another weight under a taken name was added")
	}
	g.Weights = append(g.Weights, &Weight{Name: "d", Expr: ConstExpr(nil)}) // as readers of files do
	for _, n := range []string{"a", "b", "c", "d"} {
		if w := g.Weight(n); w == nil || w.Name != n {
			t.Errorf("weight %s is not found", n)
		}
	}
	if g.Weight("e") != nil || g.Weight("") != nil {
		t.Error("a weight that is not there was found")
	}
	g.RemoveDead()
	if len(g.Weights) != 0 || g.Weight("b") != nil {
		t.Error("weights nobody reads survive RemoveDead")
	}
}

// Renumber numbers by production, whatever the history, and keeps names.
func TestRenumber(t *testing.T) {
	g := parse(t, opsText(t)).Renumber()
	want := Format(g)
	// The same graph with gaps and another numbering.
	c := g.Clone()
	for range 3 {
		c.NewValue("", Type{})
	}
	for _, n := range c.Nodes {
		for i, v := range n.Out {
			moved := c.NewValue(c.Value(v).Name, c.Value(v).Type)
			moved.Layout, moved.Mark, moved.MarkAt = c.Value(v).Layout, c.Value(v).Mark, c.Value(v).MarkAt
			n.Out[i] = moved.ID
			c.ReplaceUses(v, moved.ID)
			c.DropValue(v)
		}
	}
	c.Weights = append(c.Weights[3:], c.Weights[:3]...)
	for _, w := range c.Weights {
		if c.Weight(w.Name) != w {
			t.Errorf("weight %s is not found after a rotation", w.Name)
		}
	}
	for _, v := range c.Values() {
		if v.Name == "" {
			c.DropValue(v.ID)
		}
	}
	if err := Verify(c); err != nil {
		t.Fatal(err)
	}
	r := c.Renumber()
	if err := Verify(r); err != nil {
		t.Fatal(err)
	}
	if got := Format(r); got != want {
		t.Error(diff(want, got))
	}
	if Format(r.Renumber()) != want {
		t.Error("renumbering twice changes the graph")
	}
}

func TestReplaceKeepsValues(t *testing.T) {
	g := parse(t, small)
	norm, rel := g.Nodes[0], g.Nodes[1]
	// y has other readers, so it survives; a node that makes y.c4 only drops y.
	g.Replace([]*Node{rel}, rel, &Node{Op: "relayout", In: []ValueID{2}, Out: []ValueID{3}, Attrs: []Attr{StringAttr("to", "c4")}})
	if err := Verify(g); err != nil {
		t.Fatal(err)
	}
	if g.Value(3).Name != "y.c4" || g.Producer(3) == rel || g.Index(rel) != -1 {
		t.Error("the replaced node or its value is not what it was")
	}
	n := &Node{Op: "rms_norm", In: []ValueID{0}, Weights: []string{"n"}, Out: []ValueID{3}, Attrs: norm.clone().Attrs}
	g.Replace([]*Node{norm, g.Producer(3)}, norm, n)
	if g.Value(2) != nil || g.Value(3) == nil || g.Nodes[0] != n {
		t.Error("Replace keeps values nobody makes, or lost one")
	}
}

func TestUsesAndOrder(t *testing.T) {
	g := parse(t, small)
	if u := g.Uses(2); len(u) != 3 || u[0].Op != "relayout" || u[2].Op != "matmul" {
		t.Errorf("uses of y: %d", len(u))
	}
	if u := g.Uses(7); len(u) != 1 {
		t.Errorf("a node that reads k twice is listed %d times", len(u))
	}
	if g.Producer(0) != nil || g.Producer(8).Op != "attention" || !g.IsOutput(8) || g.IsOutput(7) {
		t.Error("producers or outputs are wrong")
	}
	add := &Node{Op: "add", In: []ValueID{2, 2}, Out: []ValueID{g.NewValue("twice", g.Value(2).Type).ID}}
	g.InsertAfter(g.Producer(2), add)
	if g.Index(add) != 1 {
		t.Errorf("inserted at %d", g.Index(add))
	}
	first := &Node{Op: "add", In: []ValueID{0, 0}, Out: []ValueID{g.NewValue("front", g.Value(2).Type).ID}}
	g.InsertAfter(nil, first)
	if g.Index(first) != 0 {
		t.Error("InsertAfter(nil) does not insert at the front")
	}
	g.ReplaceUses(2, first.Out[0], g.Producer(3))
	if err := Verify(g); err != nil {
		t.Fatal(err)
	}
	if len(g.Uses(2)) != 1 || len(g.Uses(first.Out[0])) != 3 {
		t.Error("ReplaceUses replaced the wrong uses")
	}
}

// RemoveDead keeps what outputs and states need, and nothing else.
func TestRemoveDead(t *testing.T) {
	g := parse(t, small)
	g.Outputs = g.Outputs[:0]
	if n := g.RemoveDead(); n != 3 {
		t.Errorf("removed %d nodes, want relayout, matmul and boundary", n)
	}
	var ops []string
	for _, n := range g.Nodes {
		ops = append(ops, string(n.Op))
	}
	if got := strings.Join(ops, " "); got != "rms_norm rope matmul attention" {
		t.Errorf("left: %s", got)
	}
	if err := Verify(g); err != nil {
		t.Error(err)
	}
	if g.Weight("w") != nil || g.ValueByName("z") != nil || len(g.States) != 1 || len(g.Inputs) != 1 {
		t.Error("weights or values of dead nodes survive, or states and inputs do not")
	}
}

// Expanding every fused op leaves simple ops, keeps the names, layouts, marks
// and types of values, and prints as the definitions say.
func TestExpand(t *testing.T) {
	g := parse(t, opsText(t))
	c := g.Clone()
	if err := Expand(c, nil); err != nil {
		t.Fatal(err)
	}
	if err := Verify(c); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Nodes {
		if Lookup(n.Op).Fused() {
			t.Errorf("%s survives", n.Op)
		}
	}
	for _, v := range g.Values() {
		o := c.ValueByName(v.Name)
		if o == nil || !o.Type.Equal(v.Type) || o.Layout != v.Layout || o.Mark != v.Mark || o.MarkAt != v.MarkAt || o.ID != v.ID {
			t.Errorf("value %s became %+v", v.Name, o)
		}
	}
	text := Format(c)
	for _, line := range []string{
		"q.mm f32[S,32] = matmul(%9, @qkv.weight.0)",
		"v f32[S,16] = matmul(%9, @qkv.weight.2)",
		"q_rope.normed f32[S,32] = rms_norm(%13, @qn.weight) {dim=16, eps=1e-06}",
		"k_rope f32[S,16] = rope(",
		"mscale=1.25",
		"%19 attn_residual f32[S,32] mark=layer.0a = add(%7, %18)",
		"%20 ffn_norm f32[S,32] = rms_norm(%19, @ffn_norm.weight) {dim=32, eps=1e-05}",
		"ffn.act f32[S,64] = silu(%21)",
		"ffn f32[S,64] = mul(",
		"gate f32[S,64] = matmul(%20, @gate.weight)",
		"normed f32[S,32] = rms_norm(%26, @attn_norm.weight) {dim=32, eps=1e-05}",
		"normed.s256e32 i8[S,32]:s256e32 = quantize_act(",
		"%37 sum f32[S,32] mark=layer.0b = add(%26, %36)",
		"sum.q.f32 f32[S,32] = rms_norm(%37, @ffn_norm.weight) {dim=32, eps=1e-05}",
		"%38 sum.q i8[S,32]:s256e32 = quantize_act(",
		"gated.act f32[S,32] = gelu_tanh(%37)",
		"attn.s256e32.f32 f32[S,32] = attention(%41, %15, %12, $kv.1) {head_dim=16, heads=2, kv_heads=1, scale=0.25}",
		"%42 attn.s256e32 i8[S,32]:s256e32 = quantize_act(",
		"gated f32[S,32] = mul(",
		"%40 gated.s256e32 i8[S,32]:s256e32 = quantize_act(",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no line with %q in\n%s", line, text)
		}
	}
	again := c.Clone()
	if err := Expand(again, nil); err != nil || Format(again) != text {
		t.Errorf("expanding twice changes the graph: %v", err)
	}
}

// A fused op that writes c4 expands to a plain result and a relayout.
func TestExpandC4(t *testing.T) {
	g := parse(t, `graph g
input %0 a f32[S,32]
input %1 b f32[S,32]
weight @n f32[32] = tensor(n, f32[32])
weight @w f32[8,32] = tensor(w, f32[8,32])
%2 sum f32[S,32], %3 y f32[S,32] c4 = add_rms_norm(%0, %1, @n) {dim=32, eps=1e-05}
%4 z f32[S,8] = matmul(%3, @w)
%5 g f32[S,32] c4 = gated_act(%2, %2) {act="gelu_tanh"}
%6 u f32[S,8] = matmul(%5, @w)
output %4
output %6
`)
	if err := Expand(g, nil); err != nil {
		t.Fatal(err)
	}
	if err := Verify(g); err != nil {
		t.Fatal(err)
	}
	want := []string{"add", "rms_norm", "relayout", "matmul", "gelu_tanh", "mul", "relayout", "matmul"}
	for i, n := range g.Nodes {
		if string(n.Op) != want[i] {
			t.Fatalf("node %d is %s, want %s in\n%s", i, n.Op, want[i], Format(g))
		}
	}
	if v := g.Value(3); v.Name != "y.c4" || v.Layout != C4 || g.ValueByName("y").Layout != Plain {
		t.Error("layouts are wrong")
	}
}

// The i8 output of a quantised form keeps number, name and layout; the f32
// value in front of it takes a name that is free.
func TestExpandQuantised(t *testing.T) {
	g := parse(t, `graph g
input %0 x f32[S,32]
weight @n f32[32] = tensor(n, f32[32])
weight @w q8_0[8,32] = tensor(w, q8_0[8,32])
%1 y f32[S,32] = silu(%0)
%2 y.s256e32 i8[S,32]:s256e32 c4 = rms_norm_quant(%1, @n) {dim=32, eps=1e-05, scheme="s256e32"}
%3 z f32[S,8] = matmul(%2, @w)
output %1
output %3
`)
	if err := Expand(g, nil); err != nil {
		t.Fatal(err)
	}
	if err := Verify(g); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range g.Nodes {
		got = append(got, string(n.Op)+" "+g.Value(n.Out[0]).Name)
	}
	want := []string{"silu y", "rms_norm y.s256e32.f32", "quantize_act y.s256e32", "relayout y.s256e32.c4", "matmul z"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if v := g.Value(2); v.Layout != C4 || v.Type.Elem != I8 || g.ValueByName("y").ID != 1 {
		t.Error("the quantised value or its namesake changed")
	}
}

// Every op that can quantise its result has that form and no other op has.
func TestQuantisedForm(t *testing.T) {
	for _, op := range Ops() {
		form := QuantisedForm(op.Name)
		if op.HasQuant != (form != "") {
			t.Errorf("%s has the quantised form %q", op.Name, form)
		}
		if form != "" && (Lookup(form).Quantises != op.Name || !Lookup(form).Fused() || Lookup(form).C4Out != op.C4Out) {
			t.Errorf("%s is not the quantised form of %s", form, op.Name)
		}
		base := op.Name
		if op.Quantises != "" {
			base = op.Quantises
		}
		if got := (&Node{Op: op.Name}).Base(); got != base {
			t.Errorf("the base of %s is %s, want %s", op.Name, got, base)
		}
	}
}

// Only wanted nodes expand.
func TestExpandSome(t *testing.T) {
	g := parse(t, opsText(t))
	if err := Expand(g, func(n *Node) bool { return n.Op == "gated_act" }); err != nil {
		t.Fatal(err)
	}
	fused := 0
	for _, n := range g.Nodes {
		if n.Op == "gated_act" {
			t.Error("gated_act survives")
		}
		if Lookup(n.Op).Fused() {
			fused++
		}
	}
	if fused != 8 {
		t.Errorf("%d fused nodes left, want 8", fused)
	}
}
