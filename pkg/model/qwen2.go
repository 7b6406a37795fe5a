package model

import "slices"

// qwen2: Qwen 2 and 2.5. q, k and v always have biases. Layers from
// max_window_layers on slide when use_sliding_window is set.
var qwen2 = family{
	name:          "qwen2",
	modelTypes:    []string{"qwen2"},
	architectures: []string{"Qwen2ForCausalLM"},
	ggufArch:      "qwen2",
	rows:          slices.Concat(decoderRows, qkvBiasRows),
	hf: func(h *hfConfig, c *Config) error {
		c.QKVBias = true
		if err := h.slidingLayers(c); err != nil {
			return err
		}
		return h.refuse("mlp_bias")
	},
	gguf: func(_ *input, c *Config) error {
		c.QKVBias = true
		return nil
	},
}
