package model

import "slices"

// llama: Llama 1 to 3.x and the many checkpoints in their format. GGUF files
// of mistral carry this architecture too. Biases are optional.
var llama = family{
	name:          "llama",
	modelTypes:    []string{"llama"},
	architectures: []string{"LlamaForCausalLM", "LLaMAForCausalLM"},
	ggufArch:      "llama",
	interleaved:   true,
	ropeFreqs:     true,
	rows:          slices.Concat(decoderRows, qkvBiasRows, outputBiasRows, ffnBiasRows),
	hf: func(h *hfConfig, c *Config) error {
		c.QKVBias, c.OutputBias = or(h.AttentionBias, false), or(h.AttentionBias, false)
		c.FFNBias = or(h.MLPBias, false)
		return h.refuse("sliding_window", "layer_types")
	},
	gguf: func(in *input, c *Config) error {
		c.QKVBias = in.has("blk.0.attn_q.bias") || in.has("blk.0.attn_qkv.bias")
		c.OutputBias = in.has("blk.0.attn_output.bias")
		c.FFNBias = in.has("blk.0.ffn_gate.bias")
		return nil
	},
}
