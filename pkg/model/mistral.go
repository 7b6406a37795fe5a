package model

// mistral: as llama, with a sliding window on every layer when the config has
// one. The class default is 4096; later releases write null.
var mistral = family{
	name:          "mistral",
	modelTypes:    []string{"mistral"},
	architectures: []string{"MistralForCausalLM"},
	rows:          decoderRows,
	hf: func(h *hfConfig, c *Config) error {
		if !h.has("num_key_value_heads") {
			c.KVHeads = 8
		}
		w := or(h.SlidingWindow, 0)
		if !h.has("sliding_window") {
			w = 4096
		}
		if h.SlidingWindow != nil && w < 1 {
			return h.bad("sliding_window", w, "a number > 0 or null")
		}
		c.Window = window(c.Layers, w)
		return h.refuse("attention_bias", "mlp_bias", "layer_types")
	},
}
