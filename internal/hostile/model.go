package hostile

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The sound model behind these cases: llama, one layer, hidden 256, 2 heads, 1 KV
// head, feed forward 256, vocabulary 16.
const (
	hidden, kvDim, feed, vocab = 256, 128, 256, 16
)

// dims is a shape, outermost first.
type dims []int

func baseConfig() map[string]any {
	return map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "hidden_size": hidden, "intermediate_size": feed,
		"num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": vocab, "rms_norm_eps": 1e-5,
		"rope_theta": 10000.0, "max_position_embeddings": 128, "hidden_act": "silu", "tie_word_embeddings": false,
		"attention_bias": false, "mlp_bias": false, "torch_dtype": "float32",
	}
}

func baseTensors() map[string]dims {
	return map[string]dims{
		"model.embed_tokens.weight": {vocab, hidden}, "lm_head.weight": {vocab, hidden}, "model.norm.weight": {hidden},
		"model.layers.0.input_layernorm.weight":          {hidden},
		"model.layers.0.post_attention_layernorm.weight": {hidden},
		"model.layers.0.self_attn.q_proj.weight":         {hidden, hidden},
		"model.layers.0.self_attn.k_proj.weight":         {kvDim, hidden},
		"model.layers.0.self_attn.v_proj.weight":         {kvDim, hidden},
		"model.layers.0.self_attn.o_proj.weight":         {hidden, hidden},
		"model.layers.0.mlp.gate_proj.weight":            {feed, hidden},
		"model.layers.0.mlp.up_proj.weight":              {feed, hidden},
		"model.layers.0.mlp.down_proj.weight":            {hidden, feed},
	}
}

// baseFiles is the sound Hugging Face folder.
func baseFiles(config map[string]any, tensors map[string]dims) files {
	return files{"config.json": jsonOf(config), "model.safetensors": stTensors(tensors, "BF16", 2)}
}

// stTensors is a safetensors file of zeros, tensors sorted by name.
func stTensors(tensors map[string]dims, dtype string, size int) []byte {
	off := 0
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		n := size
		for _, d := range tensors[name] {
			n *= d
		}
		parts = append(parts, fmt.Sprintf(`%q:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, name, dtype, jsonOf(tensors[name]), off, off+n))
		off += n
	}
	return stFile("{"+strings.Join(parts, ",")+"}", off)
}

// Sound writes the Hugging Face folder, or the GGUF file, behind the model cases
// without breaking it, so that a test can prove that its layers accept it.
func Sound(f Format, dir string) (string, error) {
	if f == GGUF {
		return in("m.gguf", files{"m.gguf": baseGGUF(nil, nil, tF32)})(dir)
	}
	return in("", baseFiles(baseConfig(), baseTensors()))(dir)
}

// hfModelCases: configurations that contradict themselves or the tensors.
func hfModelCases() []Case {
	c := func(name, want string, edit func(map[string]any, map[string]dims)) Case {
		cfg, ts := baseConfig(), baseTensors()
		edit(cfg, ts)
		return Case{Name: "hf-model/" + name, Format: Folder, Layer: Model, Want: want,
			Write: lazy("", func() files { return baseFiles(cfg, ts) })}
	}
	set := func(key, name, want string, value any) Case {
		return c(key+"-"+name, want, func(cfg map[string]any, _ map[string]dims) { cfg[key] = value })
	}
	without := func(key string) Case {
		return c("without-"+key, key, func(cfg map[string]any, _ map[string]dims) { delete(cfg, key) })
	}
	tensor := func(name, want, t string, d dims) Case {
		return c(name, want, func(_ map[string]any, ts map[string]dims) {
			if delete(ts, t); d != nil {
				ts[t] = d
			}
		})
	}
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	q := "model.layers.0.self_attn.q_proj.weight"
	return []Case{
		without("hidden_size"), without("num_hidden_layers"), without("num_attention_heads"), without("vocab_size"), without("intermediate_size"),
		c("without-architectures", "model_type", func(cfg map[string]any, _ map[string]dims) { delete(cfg, "architectures"); delete(cfg, "model_type") }),
		c("unknown-architecture", "\"foo\"", func(cfg map[string]any, _ map[string]dims) {
			cfg["architectures"], cfg["model_type"] = []string{"FooForCausalLM"}, "foo"
		}),
		set("num_hidden_layers", "negative", "num_hidden_layers", -1), set("num_hidden_layers", "zero", "num_hidden_layers", 0), set("num_hidden_layers", "billion", "number of layers", 1000000000),
		set("num_hidden_layers", "fraction", "num_hidden_layers", 1.5), set("num_hidden_layers", "string", "num_hidden_layers", "1"), set("num_hidden_layers", "beyond-int64", "num_hidden_layers", raw("1e30")),
		set("num_hidden_layers", "two", "model.layers.1.", 2),
		set("hidden_size", "negative", "hidden_size", -256), set("hidden_size", "zero", "hidden_size", 0), set("hidden_size", "huge", "hidden size", raw("4611686018427387904")),
		set("num_attention_heads", "zero", "heads", 0), set("num_attention_heads", "negative", "heads", -2), set("num_attention_heads", "billion", "heads", 1000000000),
		set("num_key_value_heads", "zero", "num_key_value_heads", 0), set("num_key_value_heads", "not-a-divisor", "number of KV heads", 3), set("num_key_value_heads", "list", "num_key_value_heads", []int{1}),
		set("vocab_size", "negative", "vocab_size", -1), set("vocab_size", "billion", "vocabulary size", 1000000000), set("intermediate_size", "negative", "intermediate_size", -1),
		set("hidden_act", "unknown", "hidden_act", "tanhshrink"), set("hidden_act", "number", "hidden_act", 1),
		set("rms_norm_eps", "negative", "rms norm epsilon", -1e-5), set("rms_norm_eps", "string", "rms_norm_eps", "1e-5"),
		set("rope_theta", "zero", "rope theta", 0), set("rope_theta", "negative", "rope theta", -10000.0),
		set("rope_scaling", "unknown-type", "rope_scaling", map[string]any{"rope_type": "spiral", "factor": 2.0}),
		set("rope_scaling", "list", "array", []int{1}),
		set("head_dim", "zero", "head_dim", 0), set("head_dim", "odd", "head dim", 127), set("head_dim", "negative", "head_dim", -128),
		tensor("tensor-missing", q, q, nil),
		tensor("norm-missing", "model.norm.weight", "model.norm.weight", nil),
		tensor("head-missing", "lm_head.weight", "lm_head.weight", nil),
		tensor("tensor-extra", "model.layers.0.extra.weight", "model.layers.0.extra.weight", dims{1}),
		tensor("layer-extra", "model.layers.1.", "model.layers.1.mlp.up_proj.weight", dims{feed, hidden}),
		tensor("shape-rows", q, q, dims{hidden + 1, hidden}),
		tensor("shape-columns", q, q, dims{hidden, hidden / 2}),
		tensor("shape-transposed", "down_proj", "model.layers.0.mlp.down_proj.weight", dims{feed, hidden + 2}),
		tensor("shape-rank-3", q, q, dims{1, hidden, hidden}),
		tensor("shape-rank-1", q, q, dims{hidden * hidden}),
		tensor("shape-scalar", "model.norm.weight", "model.norm.weight", dims{}),
		tensor("shape-empty", q, q, dims{0, hidden}),
		{Name: "hf-model/weights-are-integers", Format: Folder, Layer: Model, Want: "i16",
			Write: lazy("", func() files {
				return files{"config.json": jsonOf(baseConfig()), "model.safetensors": stTensors(baseTensors(), "I16", 2)}
			})},
	}
}
