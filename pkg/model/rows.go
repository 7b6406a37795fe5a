package model

import (
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// row is one line of the tensor table of a family: a weight of the model and
// what it is made of in either container. {N} stands for the layer.
type row struct {
	name string // canonical: what the block calls it, and mixtures go by
	hf   source
	gguf source // nil: the tensor called name
	// shape is that of the weight; l is nil outside of the layers.
	shape func(c *Config, l *Layer) tensor.Shape
	when  func(c *Config, l *Layer) bool // nil: always
}

func (r *row) perLayer() bool { return strings.Contains(r.name, layerMark) }

// in is the expression for the container of a checkpoint.
func (r *row) in(gguf bool) source {
	switch {
	case !gguf:
		return r.hf
	case r.gguf == nil:
		return one(r.name)
	}
	return r.gguf
}

// Shapes of the table, by what they hold.
func shapeEmbd(c *Config, _ *Layer) tensor.Shape   { return tensor.Shape{c.Vocab, c.Hidden} }
func shapeHidden(c *Config, _ *Layer) tensor.Shape { return tensor.Shape{c.Hidden} }
func shapeHead(_ *Config, l *Layer) tensor.Shape   { return tensor.Shape{l.Attn.HeadDim} }
func shapeQ(c *Config, l *Layer) tensor.Shape      { return tensor.Shape{l.q(), c.Hidden} }
func shapeKV(c *Config, l *Layer) tensor.Shape     { return tensor.Shape{l.kv(), c.Hidden} }
func shapeO(c *Config, l *Layer) tensor.Shape      { return tensor.Shape{c.Hidden, l.q()} }
func shapeUp(c *Config, l *Layer) tensor.Shape     { return tensor.Shape{l.FFN.Width, c.Hidden} }
func shapeDown(c *Config, l *Layer) tensor.Shape   { return tensor.Shape{c.Hidden, l.FFN.Width} }
func shapeQBias(_ *Config, l *Layer) tensor.Shape  { return tensor.Shape{l.q()} }
func shapeKVBias(_ *Config, l *Layer) tensor.Shape { return tensor.Shape{l.kv()} }
func shapeUpBias(_ *Config, l *Layer) tensor.Shape { return tensor.Shape{l.FFN.Width} }

// q and kv are the channels of all heads.
func (l *Layer) q() int64  { return l.Attn.Heads * l.Attn.HeadDim }
func (l *Layer) kv() int64 { return l.Attn.KVHeads * l.Attn.HeadDim }

func qHeads(l *Layer) int64  { return l.Attn.Heads }
func kvHeads(l *Layer) int64 { return l.Attn.KVHeads }

func untied(c *Config, _ *Layer) bool  { return !c.Tied }
func qkvBias(_ *Config, l *Layer) bool { return l.Attn.Bias }
func outBias(_ *Config, l *Layer) bool { return l.Attn.OutBias }
func ffnBias(_ *Config, l *Layer) bool { return l.FFN.Bias }
func qkvRows(l *Layer) []int64         { return []int64{l.q(), l.kv(), l.kv()} }
func qkv(i int, kind string) source    { return part{one("blk.{N}.attn_qkv." + kind), qkvRows, i} }
func orFused(name, kind string, i int) source {
	return either{one("blk.{N}." + name + "." + kind), qkv(i, kind)}
}

// attentionRows is q, k, v and the output. Any GGUF may hold q, k and v as one
// tensor.
var attentionRows = []row{
	{name: "blk.{N}.attn_q.weight", hf: one("model.layers.{N}.self_attn.q_proj.weight"), gguf: orFused("attn_q", "weight", 0), shape: shapeQ},
	{name: "blk.{N}.attn_k.weight", hf: one("model.layers.{N}.self_attn.k_proj.weight"), gguf: orFused("attn_k", "weight", 1), shape: shapeKV},
	{name: "blk.{N}.attn_v.weight", hf: one("model.layers.{N}.self_attn.v_proj.weight"), gguf: orFused("attn_v", "weight", 2), shape: shapeKV},
	{name: "blk.{N}.attn_output.weight", hf: one("model.layers.{N}.self_attn.o_proj.weight"), shape: shapeO},
}

// decoderRows is the table of a pre-norm decoder with a gated feed-forward.
var decoderRows = slices.Concat([]row{
	{name: tokenEmbd, hf: one("model.embed_tokens.weight"), shape: shapeEmbd},
	{name: "blk.{N}.attn_norm.weight", hf: one("model.layers.{N}.input_layernorm.weight"), shape: shapeHidden},
}, attentionRows, []row{
	{name: "blk.{N}.ffn_norm.weight", hf: one("model.layers.{N}.post_attention_layernorm.weight"), shape: shapeHidden},
	{name: "blk.{N}.ffn_gate.weight", hf: one("model.layers.{N}.mlp.gate_proj.weight"), shape: shapeUp},
	{name: "blk.{N}.ffn_up.weight", hf: one("model.layers.{N}.mlp.up_proj.weight"), shape: shapeUp},
	{name: "blk.{N}.ffn_down.weight", hf: one("model.layers.{N}.mlp.down_proj.weight"), shape: shapeDown},
	{name: "output_norm.weight", hf: one("model.norm.weight"), shape: shapeHidden},
	{name: output, hf: one("lm_head.weight"), shape: shapeEmbd, when: untied},
})

var qkvBiasRows = []row{
	{name: "blk.{N}.attn_q.bias", hf: one("model.layers.{N}.self_attn.q_proj.bias"), gguf: orFused("attn_q", "bias", 0), shape: shapeQBias, when: qkvBias},
	{name: "blk.{N}.attn_k.bias", hf: one("model.layers.{N}.self_attn.k_proj.bias"), gguf: orFused("attn_k", "bias", 1), shape: shapeKVBias, when: qkvBias},
	{name: "blk.{N}.attn_v.bias", hf: one("model.layers.{N}.self_attn.v_proj.bias"), gguf: orFused("attn_v", "bias", 2), shape: shapeKVBias, when: qkvBias},
}

var outBiasRows = []row{
	{name: "blk.{N}.attn_output.bias", hf: one("model.layers.{N}.self_attn.o_proj.bias"), shape: shapeHidden, when: outBias},
}

var ffnBiasRows = []row{
	{name: "blk.{N}.ffn_gate.bias", hf: one("model.layers.{N}.mlp.gate_proj.bias"), shape: shapeUpBias, when: ffnBias},
	{name: "blk.{N}.ffn_up.bias", hf: one("model.layers.{N}.mlp.up_proj.bias"), shape: shapeUpBias, when: ffnBias},
	{name: "blk.{N}.ffn_down.bias", hf: one("model.layers.{N}.mlp.down_proj.bias"), shape: shapeHidden, when: ffnBias},
}

var qkNormRows = []row{
	{name: "blk.{N}.attn_q_norm.weight", hf: one("model.layers.{N}.self_attn.q_norm.weight"), shape: shapeHead},
	{name: "blk.{N}.attn_k_norm.weight", hf: one("model.layers.{N}.self_attn.k_norm.weight"), shape: shapeHead},
}

// interleaved is a table whose GGUF files hold the rows of q and k in the order
// of the interleaved rotation.
func interleaved(rows []row) []row {
	rows = slices.Clone(rows)
	for i := range rows {
		r := &rows[i]
		switch {
		case strings.HasPrefix(r.name, "blk.{N}.attn_q."):
			r.gguf = unrotated{r.in(true), qHeads}
		case strings.HasPrefix(r.name, "blk.{N}.attn_k."):
			r.gguf = unrotated{r.in(true), kvHeads}
		}
	}
	return rows
}
