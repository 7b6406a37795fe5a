//go:build fakerows

package model

import (
	"slices"

	"github.com/tessera-llm/tessera/pkg/gguf"
	"github.com/tessera-llm/tessera/pkg/ir"
)

// fakerows is a family that no checkpoint has. With the tag of its name it
// shows that a family is one file and one line: layers that differ in window
// and rotation (two of them, or none), a rotation of the first channels only,
// a scale of the scores of its own, attention and feed-forward side by side,
// fused and transposed tensors, norms kept as the distance from one.
var fakerows = family{
	name:          "fakerows",
	modelTypes:    []string{"fakerows"},
	architectures: []string{"FakeRowsForCausalLM"},
	gguf:          "fakerows",
	config: func(k *keys) *Config {
		c, l := decoder(k, classDefaults{})
		l.Attn.Window = k.intOr("sliding_window", 0)
		l.Attn.Scale = 1 / k.floatOr("query_scalar", 8)
		c.Ropes = []Rope{rotation(k, l.Attn.HeadDim, partOfHead)}
		local := c.Ropes[0]
		local.Theta = short(k.floatOr("rope_local_theta", local.Theta))
		c.Ropes = append(c.Ropes, local)
		c.Layers = k.layers(l)
		full := k.sizeOr("full_interval", 1)
		for i := range c.Layers {
			a := &c.Layers[i].Attn
			if a.Rope = i % 2; (int64(i)+1)%max(full, 1) == 0 {
				a.Window, a.Rope = 0, NoRope
			}
		}
		return c
	},
	tensors: []row{
		{name: tokenEmbd, hf: either{one("model.embed.weight"), one("embed.weight")}, shape: shapeEmbd},
		{name: "blk.{N}.attn_norm.weight", hf: plusOne{one("model.layers.{N}.norm.weight")}, shape: shapeHidden},
		{name: "blk.{N}.attn_q.weight", hf: part{one("model.layers.{N}.qkv.weight"), qkvRows, 0}, gguf: unrotated{orFused("attn_q", "weight", 0), qHeads}, shape: shapeQ},
		{name: "blk.{N}.attn_k.weight", hf: part{one("model.layers.{N}.qkv.weight"), qkvRows, 1}, gguf: unrotated{orFused("attn_k", "weight", 1), kvHeads}, shape: shapeKV},
		{name: "blk.{N}.attn_v.weight", hf: part{one("model.layers.{N}.qkv.weight"), qkvRows, 2}, gguf: orFused("attn_v", "weight", 2), shape: shapeKV},
		{name: "blk.{N}.attn_output.weight", hf: one("model.layers.{N}.out.weight"), shape: shapeO},
		{name: "blk.{N}.ffn_gate.weight", hf: part{one("model.layers.{N}.gate_up.weight"), gateUpRows, 0}, shape: shapeUp},
		{name: "blk.{N}.ffn_up.weight", hf: part{one("model.layers.{N}.gate_up.weight"), gateUpRows, 1}, shape: shapeUp},
		{name: "blk.{N}.ffn_down.weight", hf: transposed{one("model.layers.{N}.down.weight")}, shape: shapeDown},
		{name: "output_norm.weight", hf: plusOne{one("model.norm.weight")}, shape: shapeHidden},
		{name: output, hf: one("head.weight"), shape: shapeEmbd, when: untied},
	},
	block: func(b *builder, l *Layer, h ir.ValueID) ir.ValueID {
		x := b.norm("attn_norm", h)
		q, k, v := b.linear("attn_q", x), b.linear("attn_k", x), b.linear("attn_v", x)
		a := b.attention("attn", b.rope("q_rope", q), b.rope("k_rope", k), v)
		a = b.linear("attn_output", a)
		return b.residual("ffn_residual", b.residual("attn_residual", h, a), b.gated("ffn", x))
	},
}

func gateUpRows(l *Layer) []int64 { return []int64{l.FFN.Width, l.FFN.Width} }

// A tag cannot add a line to a table, so this file does.
func init() {
	acts["softsign"] = ir.OpFake
	families = slices.Concat(families, []*family{&fakerows})
	ggufNames = slices.Concat(ggufNames, []ggufName{{"full_interval", "full_interval", gguf.U32},
		{"query_scalar", "query_scalar", gguf.F32}, {"rope_local_theta", "rope_local_theta", gguf.F32}})
}
