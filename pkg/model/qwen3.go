package model

import "slices"

// qwen3: as qwen2 without biases, with an RMSNorm on every q and k head before
// the rotation. The class default of head_dim is 128, whatever hidden/heads is.
var qwen3 = family{
	name:          "qwen3",
	modelTypes:    []string{"qwen3"},
	architectures: []string{"Qwen3ForCausalLM"},
	ggufArch:      "qwen3",
	rows:          slices.Concat(decoderRows, qkNormRows, qkvBiasRows, outputBiasRows),
	hf: func(h *hfConfig, c *Config) error {
		c.QKNorm = true
		if h.HeadDim == nil {
			c.HeadDim = 128
		}
		c.QKVBias, c.OutputBias = or(h.AttentionBias, false), or(h.AttentionBias, false)
		if err := h.slidingLayers(c); err != nil {
			return err
		}
		return h.refuse("mlp_bias")
	},
	gguf: func(_ *input, c *Config) error {
		c.QKNorm = true
		return nil
	},
}
