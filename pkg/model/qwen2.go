package model

import "slices"

// qwen2: Qwen 2 and 2.5. q, k and v always have biases. Layers from
// max_window_layers on slide when use_sliding_window is set.
var qwen2 = family{
	name:          "qwen2",
	modelTypes:    []string{"qwen2"},
	architectures: []string{"Qwen2ForCausalLM"},
	gguf:          "qwen2",
	config: func(k *keys) *Config {
		c, l := decoder(k, classDefaults{})
		l.Attn.Bias = true
		c.Ropes = []Rope{rotation(k, l.Attn.HeadDim, wholeHead)}
		c.Layers = k.layers(l)
		k.qwenWindows(c.Layers)
		return c
	},
	tensors: slices.Concat(decoderRows, qkvBiasRows),
	block:   preNorm,
}
