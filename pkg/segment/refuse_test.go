package segment

import (
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// shared is a graph in which the second layer reads the state of the first.
const shared = `graph g
input %0 tokens f32[S,32]
state $kv.0 heads=2 k=16 v=16
%1 a f32[S,32] = silu(%0)
%2 hidden.embed f32[S,32] = boundary(%1) {name="embed"}
%3 b f32[S,32] = attention(%2, %2, %2, $kv.0) {head_dim=16, heads=2, kv_heads=2, scale=0.25}
%4 layer.0 f32[S,32] = boundary(%3) {name="layer.0"}
%5 c f32[S,32] = attention(%4, $kv.0) {head_dim=16, heads=2, kv_heads=2, scale=0.25}
%6 layer.1 f32[S,32] = boundary(%5) {name="layer.1"}
%7 layer.2 f32[S,32] mark=layer.2 = silu(%6)
%8 d f32[S,32] = silu(%7)
%9 logits f32[S,32] = boundary(%8) {name="logits"}
%10 e f32[S,32] = silu(%9)
output %10
`

// A cut between a state's writer and a later reader is refused by name, with
// the cuts that can be.
func TestCutPartsNoState(t *testing.T) {
	g, err := ir.Parse(shared)
	if err != nil {
		t.Fatal(err)
	}
	want := "state kv.0 has a writer and a later reader on both sides of the cut at layer.0; possible cuts: embed, layer.1, layer.2, logits"
	if _, err := Cut(g); err == nil || err.Error() != want {
		t.Errorf("%v, want %q", err, want)
	}
	elsewhere := mustParse(t, strings.Replace(shared, `%4 layer.0 f32[S,32] = boundary(%3) {name="layer.0"}`, `%4 layer.0 f32[S,32] mark=layer.0 = silu(%3)`, 1))
	segs, err := Cut(elsewhere)
	if err != nil || len(segs) != 4 || len(segs[1].Graph.States) != 1 || len(segs[2].Graph.States) != 0 {
		t.Fatalf("cut elsewhere: %d segments, %v", len(segs), err)
	}
	joined, err := Join(segs)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Cut(joined); err != nil || text(again) != text(segs) {
		t.Errorf("Cut(Join) differs: %v", err)
	}
}

// A border that a fused op spans can be cut all the same: the op is its definition then.
func TestPossibleBehindFusion(t *testing.T) {
	_, err := Cut(mustParse(t, `graph g
input %0 tokens f32[S,32]
state $kv.1 heads=2 k=16 v=16
weight @n f32[32] = tensor(n, f32[32])
%1 a f32[S,32] = silu(%0)
%2 hidden.embed f32[S,32] = boundary(%1) {name="embed"}
%3 b f32[S,32] = silu(%2)
%4 layer.0 f32[S,32] mark=layer.0, %5 norm.1 f32[S,32] = add_rms_norm(%2, %3, @n) {dim=32, eps=1e-05}
%6 c f32[S,32] = attention(%5, %5, %5, $kv.1) {head_dim=16, heads=2, kv_heads=2, scale=0.25}
%7 sum.1 f32[S,32] = add(%4, %6)
%8 layer.1 f32[S,32] = boundary(%7) {name="layer.1"}
%9 d f32[S,32] = attention(%8, $kv.1) {head_dim=16, heads=2, kv_heads=2, scale=0.25}
%10 logits f32[S,32] = boundary(%9) {name="logits"}
%11 e f32[S,32] = silu(%10)
output %11
`))
	if want := "possible cuts: embed, layer.0, logits"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

// A second value that a boundary does not carry is refused by name; what it
// carries is not.
func TestCutCarries(t *testing.T) {
	const plainText = `graph g
input %0 tokens f32[S,32]
%1 a f32[S,32] = silu(%0)
%2 b f32[S,32] = silu(%0)
%3 hidden.embed f32[S,32], %4 stream.embed f32[S,32] = boundary(%1, %2) {name="embed"}
%5 c f32[S,32] = silu(%3)
%6 layer.0 f32[S,32] = boundary(%5) {name="layer.0"}
%7 d f32[S,32] = add(%6, %4)
%8 logits f32[S,32] = boundary(%7) {name="logits"}
%9 e f32[S,32] = silu(%8)
output %9
`
	segs, err := Cut(mustParse(t, plainText))
	if err != nil {
		t.Fatal(err)
	}
	if got := names(segs[0].Graph, segs[0].Graph.Outputs); got != "hidden.embed stream.embed" {
		t.Errorf("embed makes %s", got)
	}
	if got := names(segs[2].Graph, segs[2].Graph.Inputs); got != "stream.embed layer.0" {
		t.Errorf("logit reads %s", got)
	}
	joined, err := Join(segs)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Cut(joined); err != nil || text(again) != text(segs) {
		t.Errorf("Cut(Join) differs: %v", err)
	}
	for _, bad := range []string{"add(%6, %2)", "add(%6, %5)"} {
		want := map[string]string{"add(%6, %2)": "value b crosses the cut at embed", "add(%6, %5)": "value c crosses the cut at layer.0"}[bad]
		if _, err := Cut(mustParse(t, strings.Replace(plainText, "add(%6, %4)", bad, 1))); err == nil || err.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func mustParse(t *testing.T, text string) *ir.Graph {
	t.Helper()
	g, err := ir.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
