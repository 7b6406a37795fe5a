package model

// mistral: as llama, with a sliding window on every layer when the config has
// one. The class default is 4096; later releases write null.
var mistral = family{
	name:          "mistral",
	modelTypes:    []string{"mistral"},
	architectures: []string{"MistralForCausalLM"},
	gguf:          "llama",
	config: func(k *keys) *Config {
		c, l := decoder(k, classDefaults{kvHeads: 8})
		if w := k.intOr("sliding_window", 4096); k.given("sliding_window") || !k.has("sliding_window") {
			if l.Attn.Window = w; w < 1 {
				k.bad("sliding_window", w, "a number > 0 or null")
			}
		}
		c.Ropes = []Rope{rotation(k, l.Attn.HeadDim, wholeHead)}
		c.Layers = k.layers(l)
		return c
	},
	tensors: interleaved(decoderRows),
	block:   preNorm,
}
