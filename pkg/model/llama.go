package model

import "slices"

// llama: Llama 1 to 3.x and the many checkpoints in their format. GGUF files
// of mistral carry this architecture too. Biases are optional.
var llama = family{
	name:          "llama",
	modelTypes:    []string{"llama"},
	architectures: []string{"LlamaForCausalLM", "LLaMAForCausalLM"},
	gguf:          "llama",
	config: func(k *keys) *Config {
		c, l := decoder(k, classDefaults{})
		l.Attn.Bias = k.biased("attention_bias", "blk.0.attn_q.bias", "blk.0.attn_qkv.bias")
		l.Attn.OutBias = k.biased("attention_bias", "blk.0.attn_output.bias")
		l.FFN.Bias = k.biased("mlp_bias", "blk.0.ffn_gate.bias")
		c.Ropes = []Rope{rotation(k, l.Attn.HeadDim, wholeHead)}
		k.divisors(&c.Ropes[0])
		c.Layers = k.layers(l)
		return c
	},
	tensors: interleaved(slices.Concat(decoderRows, qkvBiasRows, outBiasRows, ffnBiasRows)),
	block:   preNorm,
}
