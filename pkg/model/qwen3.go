package model

import (
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// qwen3: as qwen2 without biases, with an RMSNorm on every q and k head before
// the rotation. The class default of head_dim is 128, whatever hidden/heads is.
var qwen3 = family{
	name:          "qwen3",
	modelTypes:    []string{"qwen3"},
	architectures: []string{"Qwen3ForCausalLM"},
	gguf:          "qwen3",
	config: func(k *keys) *Config {
		c, l := decoder(k, classDefaults{headDim: 128})
		if !k.gguf {
			l.Attn.Bias = k.boolOr("attention_bias", false)
			l.Attn.OutBias = l.Attn.Bias
		}
		c.Ropes = []Rope{rotation(k, l.Attn.HeadDim, wholeHead)}
		c.Layers = k.layers(l)
		k.qwenWindows(c.Layers)
		return c
	},
	tensors: slices.Concat(decoderRows, qkNormRows, qkvBiasRows, outBiasRows),
	block: func(b *builder, l *Layer, h ir.ValueID) ir.ValueID {
		x := b.norm("attn_norm", h)
		q, k, v := b.linear("attn_q", x), b.linear("attn_k", x), b.linear("attn_v", x)
		q, k = b.headNorm("attn_q_norm", q), b.headNorm("attn_k_norm", k)
		a := b.attention("attn", b.rope("q_rope", q), b.rope("k_rope", k), v)
		h = b.residual("attn_residual", h, b.linear("attn_output", a))
		return b.residual("ffn_residual", h, b.gated("ffn", b.norm("ffn_norm", h)))
	},
}
