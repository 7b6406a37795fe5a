package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// family describes one architecture.
type family struct {
	name          string
	modelTypes    []string // config.json: model_type
	architectures []string // config.json: architectures
	ggufArch      string   // general.architecture; "" when its GGUF files are another family's
	// interleaved: its GGUF files hold q and k rows in the order of the
	// interleaved rotation; ir.Unrotate puts them back.
	interleaved bool
	// ropeFreqs: its GGUF files may hold rope_freqs.weight.
	ropeFreqs bool
	// hf and gguf complete a Config whose common fields are filled in.
	hf   func(h *hfConfig, c *Config) error
	gguf func(in *input, c *Config) error
	rows []row
}

// families is the table of architectures.
var families = []*family{&llama, &mistral, &qwen2, &qwen3}

func familyByModelType(t string) (*family, error) {
	var known []string
	for _, f := range families {
		if slices.Contains(f.modelTypes, t) {
			return f, nil
		}
		known = append(known, f.modelTypes...)
	}
	return nil, fmt.Errorf("model_type %q is not supported, want one of %s", t, strings.Join(known, ", "))
}

func familyByGGUF(arch string) (*family, error) {
	var known []string
	for _, f := range families {
		if f.ggufArch == "" {
			continue
		}
		if f.ggufArch == arch {
			return f, nil
		}
		known = append(known, f.ggufArch)
	}
	return nil, fmt.Errorf("general.architecture %q is not supported, want one of %s", arch, strings.Join(known, ", "))
}

// row is one line of the tensor table. {N} stands for the layer.
type row struct {
	name  string // canonical, and the name in GGUF files
	hf    string // the name in HF checkpoints
	shape func(c *Config) tensor.Shape
	when  func(c *Config) bool  // nil: always
	rot   func(c *Config) int64 // heads whose rows are interleaved in GGUF files; nil: none
}

func (r *row) perLayer() bool { return strings.Contains(r.name, layerMark) }

const layerMark = "{N}"

// at is a name for layer n.
func at(name string, n int64) string {
	return strings.Replace(name, layerMark, fmt.Sprint(n), 1)
}

// Shapes of the table, by what they hold.
func shapeEmbd(c *Config) tensor.Shape  { return tensor.Shape{c.Vocab, c.Hidden} }
func shapeNorm(c *Config) tensor.Shape  { return tensor.Shape{c.Hidden} }
func shapeHead(c *Config) tensor.Shape  { return tensor.Shape{c.HeadDim} }
func shapeQ(c *Config) tensor.Shape     { return tensor.Shape{c.Heads * c.HeadDim, c.Hidden} }
func shapeKV(c *Config) tensor.Shape    { return tensor.Shape{c.KVHeads * c.HeadDim, c.Hidden} }
func shapeO(c *Config) tensor.Shape     { return tensor.Shape{c.Hidden, c.Heads * c.HeadDim} }
func shapeUp(c *Config) tensor.Shape    { return tensor.Shape{c.Intermediate, c.Hidden} }
func shapeDown(c *Config) tensor.Shape  { return tensor.Shape{c.Hidden, c.Intermediate} }
func shapeQBias(c *Config) tensor.Shape { return tensor.Shape{c.Heads * c.HeadDim} }
func shapeKVBias(c *Config) tensor.Shape {
	return tensor.Shape{c.KVHeads * c.HeadDim}
}
func shapeUpBias(c *Config) tensor.Shape { return tensor.Shape{c.Intermediate} }

func heads(c *Config) int64   { return c.Heads }
func kvHeads(c *Config) int64 { return c.KVHeads }

func untied(c *Config) bool     { return !c.Tied }
func qkvBias(c *Config) bool    { return c.QKVBias }
func outputBias(c *Config) bool { return c.OutputBias }
func ffnBias(c *Config) bool    { return c.FFNBias }
func qkNorm(c *Config) bool     { return c.QKNorm }

// decoderRows is the table of a pre-norm decoder with a gated feed-forward.
var decoderRows = []row{
	{name: "token_embd.weight", hf: "model.embed_tokens.weight", shape: shapeEmbd},
	{name: "blk.{N}.attn_norm.weight", hf: "model.layers.{N}.input_layernorm.weight", shape: shapeNorm},
	{name: "blk.{N}.attn_q.weight", hf: "model.layers.{N}.self_attn.q_proj.weight", shape: shapeQ, rot: heads},
	{name: "blk.{N}.attn_k.weight", hf: "model.layers.{N}.self_attn.k_proj.weight", shape: shapeKV, rot: kvHeads},
	{name: "blk.{N}.attn_v.weight", hf: "model.layers.{N}.self_attn.v_proj.weight", shape: shapeKV},
	{name: "blk.{N}.attn_output.weight", hf: "model.layers.{N}.self_attn.o_proj.weight", shape: shapeO},
	{name: "blk.{N}.ffn_norm.weight", hf: "model.layers.{N}.post_attention_layernorm.weight", shape: shapeNorm},
	{name: "blk.{N}.ffn_gate.weight", hf: "model.layers.{N}.mlp.gate_proj.weight", shape: shapeUp},
	{name: "blk.{N}.ffn_up.weight", hf: "model.layers.{N}.mlp.up_proj.weight", shape: shapeUp},
	{name: "blk.{N}.ffn_down.weight", hf: "model.layers.{N}.mlp.down_proj.weight", shape: shapeDown},
	{name: "output_norm.weight", hf: "model.norm.weight", shape: shapeNorm},
	{name: "output.weight", hf: "lm_head.weight", shape: shapeEmbd, when: untied},
}

var qkvBiasRows = []row{
	{name: "blk.{N}.attn_q.bias", hf: "model.layers.{N}.self_attn.q_proj.bias", shape: shapeQBias, when: qkvBias, rot: heads},
	{name: "blk.{N}.attn_k.bias", hf: "model.layers.{N}.self_attn.k_proj.bias", shape: shapeKVBias, when: qkvBias, rot: kvHeads},
	{name: "blk.{N}.attn_v.bias", hf: "model.layers.{N}.self_attn.v_proj.bias", shape: shapeKVBias, when: qkvBias},
}

var outputBiasRows = []row{
	{name: "blk.{N}.attn_output.bias", hf: "model.layers.{N}.self_attn.o_proj.bias", shape: shapeNorm, when: outputBias},
}

var ffnBiasRows = []row{
	{name: "blk.{N}.ffn_gate.bias", hf: "model.layers.{N}.mlp.gate_proj.bias", shape: shapeUpBias, when: ffnBias},
	{name: "blk.{N}.ffn_up.bias", hf: "model.layers.{N}.mlp.up_proj.bias", shape: shapeUpBias, when: ffnBias},
	{name: "blk.{N}.ffn_down.bias", hf: "model.layers.{N}.mlp.down_proj.bias", shape: shapeNorm, when: ffnBias},
}

var qkNormRows = []row{
	{name: "blk.{N}.attn_q_norm.weight", hf: "model.layers.{N}.self_attn.q_norm.weight", shape: shapeHead, when: qkNorm},
	{name: "blk.{N}.attn_k_norm.weight", hf: "model.layers.{N}.self_attn.k_norm.weight", shape: shapeHead, when: qkNorm},
}
