package synth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/model"
)

// shape is one row of the table of models: a config.json. pkg/model reads it as
// it reads anybody's; nothing here knows a family.
type shape struct {
	name   string
	about  string
	words  pretokenizer
	config string
}

// shapes is the table of models. The figures are those of the published
// configs.
var shapes = []shape{
	{"llama-1b", "Llama 3.2 1B", llamaWords, `{"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":128256,"hidden_size":2048,"intermediate_size":8192,
		"num_hidden_layers":16,"num_attention_heads":32,"num_key_value_heads":8,"head_dim":64,"hidden_act":"silu","max_position_embeddings":131072,
		"rms_norm_eps":0.00001,"rope_theta":500000,"rope_scaling":{"rope_type":"llama3","factor":32,"low_freq_factor":1,"high_freq_factor":4,
		"original_max_position_embeddings":8192},"tie_word_embeddings":true,"attention_bias":false,"mlp_bias":false}`},
	{"llama-3b", "Llama 3.2 3B", llamaWords, `{"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":128256,"hidden_size":3072,"intermediate_size":8192,
		"num_hidden_layers":28,"num_attention_heads":24,"num_key_value_heads":8,"head_dim":128,"hidden_act":"silu","max_position_embeddings":131072,
		"rms_norm_eps":0.00001,"rope_theta":500000,"rope_scaling":{"rope_type":"llama3","factor":32,"low_freq_factor":1,"high_freq_factor":4,
		"original_max_position_embeddings":8192},"tie_word_embeddings":true,"attention_bias":false,"mlp_bias":false}`},
	{"llama-8b", "Llama 3.1 8B", llamaWords, `{"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":128256,"hidden_size":4096,"intermediate_size":14336,
		"num_hidden_layers":32,"num_attention_heads":32,"num_key_value_heads":8,"head_dim":128,"hidden_act":"silu","max_position_embeddings":131072,
		"rms_norm_eps":0.00001,"rope_theta":500000,"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,
		"original_max_position_embeddings":8192},"tie_word_embeddings":false,"attention_bias":false,"mlp_bias":false}`},
	{"mistral-7b", "Mistral 7B v0.3", llamaWords, `{"architectures":["MistralForCausalLM"],"model_type":"mistral","vocab_size":32768,"hidden_size":4096,"intermediate_size":14336,
		"num_hidden_layers":32,"num_attention_heads":32,"num_key_value_heads":8,"head_dim":128,"hidden_act":"silu","max_position_embeddings":32768,
		"rms_norm_eps":0.00001,"rope_theta":1000000,"rope_scaling":null,"tie_word_embeddings":false,"sliding_window":null}`},
	{"qwen2-0.5b", "Qwen2 0.5B", qwenWords, `{"architectures":["Qwen2ForCausalLM"],"model_type":"qwen2","vocab_size":151936,"hidden_size":896,"intermediate_size":4864,
		"num_hidden_layers":24,"num_attention_heads":14,"num_key_value_heads":2,"head_dim":64,"hidden_act":"silu","max_position_embeddings":131072,
		"rms_norm_eps":0.000001,"rope_theta":1000000,"rope_scaling":null,"tie_word_embeddings":true,"use_sliding_window":false}`},
	{"qwen2.5-1.5b", "Qwen2.5 1.5B", qwenWords, `{"architectures":["Qwen2ForCausalLM"],"model_type":"qwen2","vocab_size":151936,"hidden_size":1536,"intermediate_size":8960,
		"num_hidden_layers":28,"num_attention_heads":12,"num_key_value_heads":2,"head_dim":128,"hidden_act":"silu","max_position_embeddings":131072,
		"rms_norm_eps":0.000001,"rope_theta":1000000,"rope_scaling":null,"tie_word_embeddings":true,"use_sliding_window":false}`},
	{"qwen3-0.6b", "Qwen3 0.6B", qwenWords, `{"architectures":["Qwen3ForCausalLM"],"model_type":"qwen3","vocab_size":151936,"hidden_size":1024,"intermediate_size":3072,
		"num_hidden_layers":28,"num_attention_heads":16,"num_key_value_heads":8,"head_dim":128,"hidden_act":"silu","max_position_embeddings":40960,
		"rms_norm_eps":0.000001,"rope_theta":1000000,"rope_scaling":null,"tie_word_embeddings":true,"attention_bias":false,"use_sliding_window":false}`},
	{"qwen3-1.7b", "Qwen3 1.7B", qwenWords, `{"architectures":["Qwen3ForCausalLM"],"model_type":"qwen3","vocab_size":151936,"hidden_size":2048,"intermediate_size":6144,
		"num_hidden_layers":28,"num_attention_heads":16,"num_key_value_heads":8,"head_dim":128,"hidden_act":"silu","max_position_embeddings":40960,
		"rms_norm_eps":0.000001,"rope_theta":1000000,"rope_scaling":null,"tie_word_embeddings":true,"attention_bias":false,"use_sliding_window":false}`},

	// Models of about 2 million weights on which every block type fits.
	{"tiny-llama", "a llama for tests", llamaWords, tiny("Llama", 10000, false,
		`{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":512}`, `"attention_bias":false,"mlp_bias":false`)},
	{"tiny-llama-tied", "a tied llama for tests", llamaWords, tiny("Llama", 10000, true, "null", `"attention_bias":false,"mlp_bias":false`)},
	{"tiny-mistral", "a mistral for tests", llamaWords, tiny("Mistral", 1000000, false, "null", `"sliding_window":null`)},
	{"tiny-qwen2", "a qwen2 for tests", qwenWords, tiny("Qwen2", 1000000, true, "null", `"use_sliding_window":false`)},
	{"tiny-qwen3", "a qwen3 for tests", qwenWords, tiny("Qwen3", 1000000, true, "null", `"attention_bias":false,"use_sliding_window":false`)},
}

// tiny is the config.json of a small model; class is that of transformers
// without "ForCausalLM".
func tiny(class string, theta int, tied bool, scaling, more string) string {
	return fmt.Sprintf(`{"architectures":["%sForCausalLM"],"model_type":"%s","vocab_size":1024,"hidden_size":256,"intermediate_size":512,
		"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":64,"hidden_act":"silu","max_position_embeddings":4096,
		"rms_norm_eps":0.00001,"rope_theta":%d,"rope_scaling":%s,"tie_word_embeddings":%v,%s}`, class, strings.ToLower(class), theta, scaling, tied, more)
}

// Names lists the models in table order.
func Names() []string {
	names := make([]string, len(shapes))
	for i, s := range shapes {
		names[i] = s.name
	}
	return names
}

// wordsOf is the split of text of a model of the table; that of llama for
// other configs.
func wordsOf(name string) pretokenizer {
	for _, s := range shapes {
		if s.name == name {
			return s.words
		}
	}
	return llamaWords
}

// Describe is the line about a model for people, "Llama 3.2 1B"; "" for an
// unknown name.
func Describe(name string) string {
	for _, s := range shapes {
		if s.name == name {
			return s.about
		}
	}
	return ""
}

// Config is the config.json of a model of the table, with the keys of set
// replaced or added.
func Config(name string, set map[string]any) ([]byte, error) {
	i := slices.IndexFunc(shapes, func(s shape) bool { return s.name == name })
	if i < 0 {
		return nil, fmt.Errorf("unknown model %q, want one of %s", name, strings.Join(Names(), ", "))
	}
	o, err := parseObject([]byte(shapes[i].config))
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	var added []string
	for key := range set {
		if at := o.index(key); at >= 0 {
			o[at].value = set[key]
		} else {
			added = append(added, key)
		}
	}
	slices.Sort(added)
	for _, key := range added {
		o = append(o, entry{key, set[key]})
	}
	return document(o), nil
}

// Find describes a model of the table.
func Find(name string) (*model.Config, error) {
	text, err := Config(name, nil)
	if err != nil {
		return nil, err
	}
	return model.ParseConfig(text)
}

// parseObject reads a JSON object; values stay as they are written.
func parseObject(text []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("config: want a JSON object, %w", err)
	}
	var o object
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
		o = append(o, entry{key.(string), raw})
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return o, nil
}
