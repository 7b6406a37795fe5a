package ir

import (
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// small is a graph that every broken one below starts from.
const small = `graph small
input %0 x f32[S,32]
state $kv heads=1 k=16 v=16
weight @n f32[32] = tensor(n, f32[32])
weight @w f32[64,32] = tensor(w, f32[64,32])
weight @f f32[8] = tensor(f, f32[8])
%2 y f32[S,32] = rms_norm(%0, @n) {dim=32, eps=1e-05}
%3 y.c4 f32[S,32] c4 = relayout(%2) {to="c4"}
%4 z f32[S,64] mark=m = matmul(%3, @w)
%5 b f32[S,64] = boundary(%4) {name="b"}
%6 r f32[S,32] = rope(%2, @f) {head_dim=16, rotary_dim=16}
%7 k f32[S,16] = matmul(%2, @k)
%8 a f32[S,32] = attention(%6, %7, %7, $kv) {head_dim=16, heads=2, kv_heads=1, scale=0.25}
weight @k f32[16,32] = tensor(k, f32[16,32])
output %5
output %8
`

// breakable is small and a recurrence.
const breakable = small + `state $conv kind=recurrent base=96 row=32
weight @taps f32[32,4] = tensor(taps, f32[32,4])
%10 c f32[S,32] = causal_conv(%2, @taps, $conv)
output %10
`

// breakages names, per rule, ways to break it: an edit of breakable's text (from,
// to) or of the graph.
var breakages = []struct {
	rule, what string
	from, to   string
	edit       func(g *Graph)
}{
	{rule: "V1", what: "value names twice", from: "%2 y ", to: "%2 x "},
	{rule: "V1", what: "empty value name", from: "%2 y ", to: `%2 "" `},
	{rule: "V1", what: "long name", edit: func(g *Graph) { g.Value(2).Name = strings.Repeat("n", MaxNameLen+1) }},
	{rule: "V1", what: "two weights of one name", edit: func(g *Graph) { g.Weights = append(g.Weights, g.Weights[0]) }},
	{rule: "V1", what: "two states of one name", edit: func(g *Graph) { g.AddState(g.States[0]) }},
	{rule: "V1", what: "wrong ID", edit: func(g *Graph) { g.Value(2).ID = 3 }},
	{rule: "V1", what: "input dimension", from: "x f32[S,32]", to: "x f32[S,0]"},
	{rule: "V1", what: "input dimension beyond MaxChannels", from: "x f32[S,32]", to: "x f32[S,268435457]"},
	{rule: "V1", what: "unknown symbol", edit: func(g *Graph) { g.Value(0).Type.Shape[0] = -6 }},
	{rule: "V1", what: "too many nodes", edit: func(g *Graph) { g.Nodes = make([]*Node, MaxNodes+1) }},
	{rule: "V2", what: "two producers", edit: func(g *Graph) { g.Nodes[4].Out[0] = 2 }},
	{rule: "V2", what: "no producer", edit: func(g *Graph) { g.NewValue("lost", g.Value(2).Type) }},
	{rule: "V2", what: "input also produced", edit: func(g *Graph) { g.Inputs = append(g.Inputs, 2) }},
	{rule: "V2", what: "output value missing", edit: func(g *Graph) { g.Nodes[0].Out[0] = 99 }},
	{rule: "V2", what: "input listed twice", from: "input %0 x f32[S,32]", to: "input %0 x f32[S,32]\ninput %9 q i32[S]", edit: func(g *Graph) { g.Inputs[1] = 0 }},
	{rule: "V3", what: "read before made", edit: func(g *Graph) { g.Nodes[0], g.Nodes[1] = g.Nodes[1], g.Nodes[0] }},
	{rule: "V3", what: "reads itself", from: "rms_norm(%0", to: "rms_norm(%2"},
	{rule: "V3", what: "reads nothing", from: "rms_norm(%0", to: "rms_norm(%77"},
	{rule: "V3", what: "output does not exist", from: "output %8", to: "output %42"},
	{rule: "V3", what: "output twice", from: "output %8", to: "output %5"},
	{rule: "V4", what: "unknown op", from: "= rms_norm(", to: "= batch_norm("},
	{rule: "V4", what: "one input too few", from: "rope(%2, @f)", to: "rope(@f)"},
	{rule: "V4", what: "one weight too many", from: "matmul(%3, @w)", to: "matmul(%3, @w, @k)"},
	{rule: "V4", what: "state missing", from: "%7, $kv)", to: "%7)"},
	{rule: "V4", what: "attribute missing", from: "{dim=32, eps=1e-05}", to: "{dim=32}"},
	{rule: "V4", what: "attribute unknown", from: "{dim=32, eps", to: "{beta=1, dim=32, eps"},
	{rule: "V4", what: "attribute kind", from: "dim=32, eps", to: "dim=32.0, eps"},
	{rule: "V4", what: "attribute order", from: "{dim=32, eps=1e-05}", to: "{eps=1e-05, dim=32}"},
	{rule: "V4", what: "attribute twice", from: "{dim=32, eps", to: "{dim=32, dim=32, eps"},
	{rule: "V4", what: "dim does not divide", from: "{dim=32, eps", to: "{dim=31, eps"},
	{rule: "V4", what: "NaN eps", from: "eps=1e-05", to: "eps=NaN"},
	{rule: "V4", what: "K differs", from: "@w f32[64,32] = tensor(w, f32[64,32])", to: "@w f32[64,16] = tensor(w, f32[64,16])"},
	{rule: "V4", what: "matmul of a group's weight", from: "= tensor(w, f32[64,32])", to: "= concat(tensor(w, f32[32,32]), tensor(v, f32[32,32]))"},
	{rule: "V4", what: "rotary_dim beyond the head", from: "rotary_dim=16", to: "rotary_dim=18"},
	{rule: "V4", what: "quantised form without a scheme", from: "rms_norm(%0, @n) {", to: "rms_norm_quant(%0, @n) {"},
	{rule: "V4", what: "quantised form of an unknown scheme", from: "rms_norm(%0, @n) {dim=32, eps=1e-05}", to: `rms_norm_quant(%0, @n) {dim=32, eps=1e-05, scheme="s1"}`},
	{rule: "V5", what: "quantised form that makes f32", from: "rms_norm(%0, @n) {dim=32, eps=1e-05}", to: `rms_norm_quant(%0, @n) {dim=32, eps=1e-05, scheme="s256e32"}`},
	{rule: "V4", what: "heads do not match the state", from: "heads=1 k=16 v=16", to: "heads=2 k=8 v=8"},
	{rule: "V4", what: "negative window", from: "scale=0.25}", to: "scale=0.25, window=-1}"},
	{rule: "V4", what: "boundary of ids", from: "input %0 x f32[S,32]\n", to: "input %0 x f32[S,32]\ninput %1 ids i32[S]\n", edit: func(g *Graph) { g.Nodes[3].In[0] = 1 }},
	{rule: "V4", what: "rotation of other rows than the tokens", from: "input %0 x f32[S,32]\n", to: "input %0 x f32[S,32]\ninput %1 picked f32[R,32]\n", edit: func(g *Graph) { g.Nodes[4].In[0] = 1 }},
	{rule: "V5", what: "stale shape", from: "%4 z f32[S,64]", to: "%4 z f32[S,65]"},
	{rule: "V5", what: "stale rows", from: "%5 b f32[S,64]", to: "%5 b f32[R,64]"},
	{rule: "V5", what: "stale type", from: "%4 z f32", to: "%4 z i32"},
	{rule: "V5", what: "one output too many", edit: func(g *Graph) { g.Nodes[0].Out = append(g.Nodes[0].Out, g.NewValue("more", g.Value(2).Type).ID) }},
	{rule: "V6", what: "c4 where the op reads plain", from: "attention(%6, %7", to: "attention(%6, %9"},
	{rule: "V6", what: "op cannot write c4", from: "%4 z f32[S,64]", to: "%4 z f32[S,64] c4"},
	{rule: "V6", what: "relayout that does not", from: "%3 y.c4 f32[S,32] c4", to: "%3 y.c4 f32[S,32]"},
	{rule: "V6", what: "relayout to elsewhere", from: `{to="c4"}`, to: `{to="plain"}`},
	{rule: "V6", what: "c4 input of the graph", from: "input %0 x f32[S,32]", to: "input %0 x f32[S,32] c4"},
	{rule: "V6", what: "scheme on an f32 input", from: "input %0 x f32[S,32]", to: "input %0 x f32[S,32]:s256e32"},
	{rule: "V6", what: "i8 input of the graph", from: "input %0 x f32[S,32]", to: "input %0 x i8[S,32]:s256e32"},
	{rule: "V6", what: "c4 output of the graph", from: "output %5", to: "output %3"},
	{rule: "V6", what: "quantize_act reads c4 and writes plain", edit: func(g *Graph) {
		v := g.NewValue("q", Type{Elem: I8, Shape: Shape{S, 32}, Scheme: "s256e32"})
		g.Nodes = append(g.Nodes, &Node{Op: "quantize_act", In: []ValueID{3}, Out: []ValueID{v.ID}, Attrs: []Attr{StringAttr("scheme", "s256e32")}})
	}},
	{rule: "V7", what: "weight nobody reads", edit: func(g *Graph) { g.AddWeight("spare", g.Weights[0].Expr) }},
	{rule: "V7", what: "state nobody uses", edit: func(g *Graph) { g.AddState(&State{Name: "spare", Heads: 1, KDim: 1, VDim: 1}) }},
	{rule: "V7", what: "one state, two nodes", edit: func(g *Graph) {
		n := g.Nodes[6].clone()
		n.Out[0] = g.NewValue("again", g.Value(8).Type).ID
		g.Nodes = append(g.Nodes, n)
	}},
	{rule: "V7", what: "a state that is read, but not appended to", from: "attention(%6, %7, %7, $kv)", to: "attention(%6, $kv)"},
	{rule: "V7", what: "a state that is read before it is appended to", edit: func(g *Graph) {
		n := g.Nodes[6].clone()
		n.In, n.Out[0] = n.In[:1], g.NewValue("early", g.Value(8).Type).ID
		g.InsertBefore(g.Nodes[6], n)
	}},
	{rule: "V4", what: "k without v", from: "attention(%6, %7, %7, $kv)", to: "attention(%6, %7, $kv)"},
	{rule: "V4", what: "v beside the k that it is part of", from: "k=16 v=16", to: "k=16 v=16 of=k"},
	{rule: "V4", what: "attention without a query", from: "attention(%6, %7, %7, $kv)", to: "attention($kv)"},
	{rule: "V4", what: "weight does not exist", from: "rms_norm(%0, @n)", to: "rms_norm(%0, @nn)"},
	{rule: "V8", what: "no type", edit: func(g *Graph) {
		g.Weights[0].Expr = &Expr{Kind: ExprTensor, Shape: tensor.Shape{32}, Rows: []int64{32}}
	}},
	{rule: "V8", what: "no expression", edit: func(g *Graph) { g.Weights[0].Expr = nil }},
	{rule: "V8", what: "split block", edit: func(g *Graph) { g.Weights[1].Expr = TensorExpr("w", tensor.Q8_0, tensor.Shape{64, 33}) }},
	{rule: "V8", what: "size overflows", edit: func(g *Graph) { g.Weights[1].Expr = TensorExpr("w", tensor.F32, tensor.Shape{1 << 40, 1 << 40}) }},
	{rule: "V8", what: "member rows", edit: func(g *Graph) {
		g.Weights[1].Expr = StoredExpr("w", tensor.F32, tensor.Shape{64, 32}, P16, []int64{32, 31})
	}},
	{rule: "V8", what: "member rows that overflow back", edit: func(g *Graph) {
		g.Weights[1].Expr = StoredExpr("w", tensor.F32, tensor.Shape{64, 32}, P16, []int64{1<<63 - 1, 1<<63 - 1, 66})
	}},
	{rule: "V8", what: "empty member", edit: func(g *Graph) {
		g.Weights[1].Expr = StoredExpr("w", tensor.F32, tensor.Shape{64, 32}, P16, []int64{64, 0})
	}},
	{rule: "V8", what: "packed vector", edit: func(g *Graph) { g.Weights[0].Expr = StoredExpr("n", tensor.F32, tensor.Shape{32}, P16, []int64{32}) }},
	{rule: "V8", what: "deep inside", edit: func(g *Graph) {
		x := StoredExpr("w", tensor.F32, tensor.Shape{128, 32}, Rows, []int64{5})
		g.Weights[1].Expr = &Expr{Kind: ExprSliceRows, Args: []*Expr{x}, Hi: 64, Type: tensor.F32, Shape: tensor.Shape{64, 32}, Rows: []int64{64}}
	}},
	{rule: "V9", what: "no heads", from: "heads=1 k", to: "heads=0 k"},
	{rule: "V9", what: "wide heads", from: "k=16 v=16", to: "k=16 v=65537"},
	{rule: "V9", what: "negative window", from: "k=16 v=16", to: "k=16 v=16 window=-1"},
	{rule: "V9", what: "two kinds", from: "k=16 v=16", to: "k=16 v=16 row=1"},
	{rule: "V9", what: "recurrent without a base", from: "heads=1 k=16 v=16", to: "kind=recurrent row=4"},
	{rule: "V9", what: "base beyond MaxBase", from: "heads=1 k=16 v=16", to: "kind=recurrent base=67108865 row=4"},
	{rule: "V9", what: "row beyond MaxRow", from: "heads=1 k=16 v=16", to: "kind=recurrent base=4 row=1048577"},
	{rule: "V9", what: "view of a smaller k", from: "k=16 v=16", to: "k=16 v=32 of=k"},
	{rule: "V4", what: "attention over a recurrent state", from: "heads=1 k=16 v=16", to: "kind=recurrent base=1 row=4"},
	{rule: "V4", what: "attention that looks further back than the state keeps", from: "k=16 v=16", to: "k=16 v=16 window=8"},
	{rule: "V4", what: "v narrower than the state's", from: "k=16 v=16", to: "k=16 v=32"},
	{rule: "V4", what: "a convolution over k and v", from: "kind=recurrent base=96 row=32", to: "heads=1 k=96 v=32"},
	{rule: "V4", what: "a base of fewer inputs than taps see", from: "base=96", to: "base=64"},
	{rule: "V4", what: "rows of fewer channels", from: "row=32", to: "row=31"},
	{rule: "V4", what: "a convolution of one tap", from: "f32[32,4] = tensor(taps, f32[32,4])", to: "f32[32,1] = tensor(taps, f32[32,1])"},
	{rule: "V4", what: "taps of fewer channels", from: "f32[32,4] = tensor(taps, f32[32,4])", to: "f32[16,4] = tensor(taps, f32[16,4])"},
	{rule: "V4", what: "quantised taps", from: "f32[32,4] = tensor(taps, f32[32,4])", to: "q8_0[32,32] = tensor(taps, q8_0[32,32])"},
	{rule: "V4", what: "a convolution of rows that are no tokens", from: "%10 c f32[S,32] = causal_conv(%2", to: "%9 sel f32[R,32] = select_rows(%2)\n%10 c f32[R,32] = causal_conv(%9"},
	{rule: "V10", what: "two marks of one name", edit: func(g *Graph) { g.Value(2).Mark = "m" }},
	{rule: "V10", what: "mark and boundary of one name", from: `{name="b"}`, to: `{name="m"}`},
	{rule: "V10", what: "a place without a mark", edit: func(g *Graph) { g.Value(2).MarkAt = 1 }},
	{rule: "V10", what: "a negative place", edit: func(g *Graph) { g.Value(2).Mark, g.Value(2).MarkAt = "n", -1 }},
	{rule: "V4", what: "a value twice at a boundary", edit: func(g *Graph) { n := g.Nodes[3]; n.In = append(n.In, n.In[0]) }},
	{rule: "V5", what: "a boundary that gives less than it takes", edit: func(g *Graph) { n := g.Nodes[3]; n.In = append(n.In, 0) }},
	{rule: "V10", what: "boundary without a name", from: `{name="b"}`, to: `{name=""}`},
}

// TestVerifySharedStates: a state may have readers behind the node that appends
// to it, and k alone is appended where v is part of it.
func TestVerifySharedStates(t *testing.T) {
	const attrs = " {head_dim=16, heads=2, kv_heads=1, scale=0.25}"
	reader := "%9 later f32[S,32] = attention(%8, $kv)" + attrs + "\noutput %9\n"
	for what, text := range map[string]string{
		"readers":           small + reader,
		"a view of k":       strings.NewReplacer("k=16 v=16", "k=16 v=8 of=k", "%7, %7, $kv", "%7, $kv", "%8 a f32[S,32]", "%8 a f32[S,16]").Replace(small),
		"readers of a view": strings.NewReplacer("k=16 v=16", "k=16 v=16 of=k", "%7, %7, $kv", "%7, $kv").Replace(small + reader),
		"a reader that looks back less": strings.NewReplacer("k=16 v=16", "k=16 v=16 window=8", "%7, $kv) {head_dim=16, heads=2, kv_heads=1, scale=0.25}",
			"%7, $kv) {head_dim=16, heads=2, kv_heads=1, scale=0.25, window=8}").Replace(small) +
			"%9 later f32[S,32] = attention(%8, $kv) {head_dim=16, heads=2, kv_heads=1, scale=0.25, window=3}\noutput %9\n",
	} {
		g, err := Parse(text)
		if err == nil {
			err = Verify(g)
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if again, err := Parse(Format(g)); err != nil || Format(again) != Format(g) {
			t.Errorf("%s: does not print what is read: %v", what, err)
		}
	}
	far := strings.Replace(small+reader, "k=16 v=16", "k=16 v=16 window=8", 1)
	far = strings.Replace(far, "scale=0.25}", "scale=0.25, window=8}", 1)
	if g, err := Parse(far); err != nil {
		t.Error(err)
	} else if err := Verify(g); err == nil || !strings.Contains(err.Error(), "state kv keeps the last 8 positions") {
		t.Errorf("a reader that looks further back than the state keeps: %v", err)
	}
}

func TestVerifyNamesTheBrokenRule(t *testing.T) {
	parse(t, breakable)
	covered := map[string]bool{}
	for _, c := range breakages {
		text := strings.Replace(breakable, c.from, c.to, 1)
		if c.from != "" && text == breakable {
			t.Fatalf("%s: %q is not in the graph", c.what, c.from)
		}
		if c.what == "c4 where the op reads plain" {
			text = strings.Replace(text, "%8 a", "%9 k.c4 f32[S,16] c4 = relayout(%7) {to=\"c4\"}\n%8 a", 1)
		}
		g, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if c.edit != nil {
			c.edit(g)
		}
		err = Verify(g)
		if err == nil || !strings.Contains(err.Error(), "graph breaks "+c.rule+":") {
			t.Errorf("%s: got %v, want %s broken", c.what, err, c.rule)
		}
		covered[c.rule] = true
	}
	for _, r := range Rules {
		if !covered[r.ID] {
			t.Errorf("no graph breaks %s", r.ID)
		}
	}
}
