package model

import (
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// listing is a checkpoint that holds the given tensors and no bytes.
func listing(infos ...tensor.Info) *resolver {
	in := &input{path: "dir", infos: infos, byName: map[string]int{}}
	for i, t := range infos {
		in.byName[t.Name] = i
	}
	return &resolver{in: in, used: make([]bool, len(infos))}
}

func holds(name string, t tensor.Type, shape ...int64) tensor.Info {
	return tensor.Info{Name: name, Type: t, Shape: shape, File: "file"}
}

// TestSources: every kind of expression over names, as the text of what it
// makes, and what it says when the checkpoint is not like that.
func TestSources(t *testing.T) {
	l := &Layer{Attn: Attn{Heads: 4, KVHeads: 2, HeadDim: 8, Rope: NoRope}, FFN: FFN{Width: 48}}
	two := func(*Layer) int64 { return 2 }
	gateUp := func(l *Layer) []int64 { return []int64{l.FFN.Width, l.FFN.Width} }
	q, qkvPart := one("l.{N}.q"), func(i int) source { return part{one("l.{N}.qkv"), qkvRows, i} }
	for _, c := range []struct {
		name string
		s    source
		in   *resolver
		want tensor.Shape
		text string // or the error
	}{
		{"one", q, listing(holds("l.3.q", tensor.BF16, 32, 16)), tensor.Shape{32, 16}, "tensor(l.3.q, bf16[32,16])"},
		{"one is missing", q, listing(), tensor.Shape{32, 16}, `tensor "l.3.q" [32, 16] is missing`},
		{"one of another shape", q, listing(holds("l.3.q", tensor.BF16, 32, 8)), tensor.Shape{32, 16}, "shape [32, 8], want [32, 16]"},
		{"alias first", either{q, one("old.{N}.q")}, listing(holds("old.3.q", tensor.F32, 32, 16), holds("l.3.q", tensor.F32, 32, 16)), tensor.Shape{32, 16}, "tensor(l.3.q, f32[32,16])"},
		{"alias second", either{q, one("old.{N}.q")}, listing(holds("old.3.q", tensor.F32, 32, 16)), tensor.Shape{32, 16}, "tensor(old.3.q, f32[32,16])"},
		{"no alias", either{q, one("old.{N}.q")}, listing(), tensor.Shape{32, 16}, `tensor "l.3.q" [32, 16] is missing`},
		{"fused q", qkvPart(0), listing(holds("l.3.qkv", tensor.BF16, 64, 16)), tensor.Shape{32, 16}, "slice(tensor(l.3.qkv, bf16[64,16]), 0, 32)"},
		{"fused v", qkvPart(2), listing(holds("l.3.qkv", tensor.Q8_0, 64, 32)), tensor.Shape{16, 32}, "slice(tensor(l.3.qkv, q8_0[64,32]), 48, 64)"},
		{"fused bias", qkvPart(1), listing(holds("l.3.qkv", tensor.F32, 64)), tensor.Shape{16}, "slice(tensor(l.3.qkv, f32[64]), 32, 48)"},
		{"fused up", part{one("l.{N}.gate_up"), gateUp, 1}, listing(holds("l.3.gate_up", tensor.F16, 96, 16)), tensor.Shape{48, 16}, "slice(tensor(l.3.gate_up, f16[96,16]), 48, 96)"},
		{"fused of another shape", qkvPart(0), listing(holds("l.3.qkv", tensor.F32, 63, 16)), tensor.Shape{32, 16}, "shape [63, 16], want [64, 16]"},
		{"unrotated", unrotated{q, qHeads}, listing(holds("l.3.q", tensor.Q4_K, 32, 256)), tensor.Shape{32, 256}, "unrotate(tensor(l.3.q, q4_k[32,256]), 4)"},
		{"experts apart", stacked{"l.{N}.e.{E}.up", two}, listing(holds("l.3.e.0.up", tensor.F16, 8, 16), holds("l.3.e.1.up", tensor.F16, 8, 16)), tensor.Shape{16, 16},
			"concat(tensor(l.3.e.0.up, f16[8,16]), tensor(l.3.e.1.up, f16[8,16]))"},
		{"an expert is missing", stacked{"l.{N}.e.{E}.up", two}, listing(holds("l.3.e.0.up", tensor.F16, 8, 16)), tensor.Shape{16, 16}, `"l.3.e.1.up" [8, 16] is missing`},
		{"experts stacked", stacked{"l.{N}.up_exps", two}, listing(holds("l.3.up_exps", tensor.Q8_0, 2, 8, 32)), tensor.Shape{16, 32}, "flatten(tensor(l.3.up_exps, q8_0[2,8,32]))"},
		{"experts that do not divide", stacked{"l.{N}.up_exps", two}, listing(), tensor.Shape{17, 32}, "2 experts in [17, 32]"},
		{"plus one", plusOne{one("norm")}, listing(holds("norm", tensor.BF16, 16)), tensor.Shape{16}, "plus_one(tensor(norm, bf16[16]))"},
		{"plus one of blocks", plusOne{one("norm")}, listing(holds("norm", tensor.Q8_0, 32)), tensor.Shape{32}, "plus one of q8_0"},
		{"transposed", transposed{q}, listing(holds("l.3.q", tensor.F32, 16, 32)), tensor.Shape{32, 16}, "transpose(tensor(l.3.q, f32[16,32]))"},
		{"transposed blocks", transposed{q}, listing(holds("l.3.q", tensor.Q8_0, 32, 64)), tensor.Shape{64, 32}, "transpose of q8_0"},
		{"transposed of another shape", transposed{q}, listing(holds("l.3.q", tensor.F32, 32, 16)), tensor.Shape{32, 16}, "want [16, 32]"},
	} {
		at := &place{r: c.in, n: 3, l: l}
		x, err := c.s.expr(at, c.want)
		if err != nil {
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: error %v, want %q", c.name, err, c.text)
			}
			continue
		}
		g := ir.NewGraph("g")
		if _, err := g.AddWeight("w", x); err != nil {
			t.Fatal(err)
		}
		if got := ir.Format(g); !strings.Contains(got, "= "+c.text+"\n") {
			t.Errorf("%s: %s, want %s", c.name, got, c.text)
		}
		if !x.Shape.Equal(c.want) {
			t.Errorf("%s: shape %v, want %v", c.name, x.Shape, c.want)
		}
		if !c.s.here(at) {
			t.Errorf("%s: it is not there", c.name)
		}
		for i, used := range c.in.used {
			if !used && !strings.HasPrefix(c.name, "alias first") {
				t.Errorf("%s: tensor %s is not used", c.name, c.in.in.infos[i].Name)
			}
		}
	}
	if either := (either{q, one("old")}); either.here(&place{r: listing(), l: l}) {
		t.Error("an alias of nothing is there")
	}
}

// TestPartOfHead: rotation of the first channels is a number of the family that
// has it, from either place of a config.
func TestPartOfHead(t *testing.T) {
	for config, want := range map[string]int64{
		`{"rope_theta":100.0}`: 32, `{"partial_rotary_factor":0.5}`: 16, `{"partial_rotary_factor":0.25,"rope_scaling":{"type":"linear","factor":2}}`: 8,
		`{"rope_parameters":{"rope_type":"default","partial_rotary_factor":0.75}}`: 24, `{"partial_rotary_factor":1.5}`: 0, `{"partial_rotary_factor":-1}`: 0,
	} {
		all, err := parseConfig([]byte(config))
		if err != nil {
			t.Fatal(err)
		}
		k := (&keys{err: new(error), arch: "x"}).of(all)
		rope := rotation(k, 32, partOfHead)
		if _, err := k.leftover(nil); (err != nil) != (want == 0) || want != 0 && rope.Dim != want {
			t.Errorf("%s: %d channels, %v, want %d", config, rope.Dim, err, want)
		}
	}
}
