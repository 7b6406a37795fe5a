package model_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// ignoring builds the model of a config.json over tensors of its shapes.
func ignoring(t *testing.T, config []byte, keys ...string) (*model.Model, error) {
	t.Helper()
	return model.BuildHF("dir", tensorsOf(t, configs(t)["llama3"], tensor.BF16), config, model.Options{IgnoreKeys: keys})
}

// TestUnknownKeys: settings that other families read and llama does not change
// what the model computes. Each is an error that names it and the way out, and
// the way out is the model without it.
func TestUnknownKeys(t *testing.T) {
	config := configs(t)["llama3"]
	plain, err := ignoring(t, config)
	if err != nil || len(plain.Warnings) > 0 {
		t.Fatalf("%v, %q", err, plain.Warnings)
	}
	unknown := m{
		"final_logit_softcapping": 30, "attn_logit_softcapping": 50.0, "embedding_multiplier": 12, "residual_multiplier": 0.2,
		"hidden_activation": "gelu_pytorch_tanh", "num_experts": 8, "text_config": m{"hidden_size": 5}, "quantization_config": m{"bits": 4},
		"quantization": m{"group_size": 64}, "partial_rotary": m{}, "sliding_window": 0, "auto_map": m{"AutoModel": "x.Y"}, "no_rope_layers": []int{},
	}
	for key, v := range unknown {
		changed := with(t, config, m{key: v})
		_, err := ignoring(t, changed)
		if err == nil || !strings.Contains(err.Error(), `key "`+key+`"`) || !strings.Contains(err.Error(), "--ignore-key "+key) {
			t.Errorf("%s: error %v, want it to name the key and --ignore-key", key, err)
			continue
		}
		got, err := ignoring(t, changed, key)
		if err != nil {
			t.Errorf("--ignore-key %s: %v", key, err)
			continue
		}
		if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], key) || nodes(plain.Graph) != nodes(got.Graph) {
			t.Errorf("--ignore-key %s: warnings %q", key, got.Warnings)
		}
	}
	// All of them are named at once.
	_, err = ignoring(t, with(t, config, m{"b_unknown": 1, "a_unknown": 2}))
	if err == nil || !strings.Contains(err.Error(), `"a_unknown" (2)`) || !strings.Contains(err.Error(), `"b_unknown" (1)`) {
		t.Errorf("two unknown keys: %v", err)
	}
}

// TestOffKeys: a key that is not known but off is a warning that names it.
func TestOffKeys(t *testing.T) {
	config := with(t, configs(t)["llama3"], m{"use_gate": false, "softcap": nil, "torch_dtype": "bfloat16", "attention_dropout": 0.1})
	got, err := ignoring(t, config)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Warnings) != 2 || !strings.Contains(got.Warnings[0], `"softcap" is null`) || !strings.Contains(got.Warnings[1], `"use_gate" is false`) {
		t.Errorf("warnings %q", got.Warnings)
	}
}

// TestNestedKeys: an object inside a config is under the same law.
func TestNestedKeys(t *testing.T) {
	scaling := func(more m) []byte {
		s := m{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
		for k, v := range more {
			s[k] = v
		}
		return with(t, configs(t)["llama3"], m{"rope_scaling": s})
	}
	if _, err := ignoring(t, scaling(m{"attn_factor": 2})); err == nil || !strings.Contains(err.Error(), `"rope_scaling.attn_factor" (2)`) {
		t.Errorf("unknown: %v", err)
	}
	if _, err := ignoring(t, scaling(m{"attn_factor": 2}), "rope_scaling.attn_factor"); err != nil {
		t.Error(err)
	}
	got, err := ignoring(t, scaling(m{"beta_fast": nil, "finetuned": true}))
	if err != nil || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "rope_scaling.beta_fast") {
		t.Errorf("%v, %+v", err, got)
	}
}

// TestIgnoreNothing: --ignore-key of what is not left over is a mistake.
func TestIgnoreNothing(t *testing.T) {
	for _, key := range []string{"mystery", "sliding_window", "hidden_size", "rope_scaling.factor", "rope_scaling", ""} {
		if _, err := ignoring(t, configs(t)["llama3"], key); err == nil || !strings.Contains(err.Error(), "--ignore-key "+key) {
			t.Errorf("--ignore-key %q: %v", key, err)
		}
	}
}

// TestGGUFKeys: the law holds for metadata too, also outside the prefix of the
// architecture; what describes file and text is left alone.
func TestGGUFKeys(t *testing.T) {
	describe := m{"general.name": "x", "tokenizer.ggml.model": "gpt2", "general.file_type": uint32(7), "quantize.imatrix.file": "f", "*.rope.scaling.finetuned": true, "*.tensor_data_layout": "Meta AI original pth"}
	build := func(set m, ignore ...string) (*model.Model, error) {
		f, err := openGGUF(t, encode(t, ggufKeys("llama", set), ggufTensors(t, ggufConfig(), tensor.F32)))
		if err != nil {
			t.Fatal(err)
		}
		return model.BuildGGUF("m.gguf", f, model.Options{IgnoreKeys: ignore})
	}
	if got, err := build(describe); err != nil || len(got.Warnings) > 0 {
		t.Errorf("%v, %+v", err, got)
	}
	unknown := m{"llama.expert_shared_count": uint32(1), "xielu.alpha_p": []float32{1}, "llama.rope.freq_base_swa": float32(1e4), "adapter.type": "lora"}
	for key, v := range unknown {
		if _, err := build(m{key: v}); err == nil || !strings.Contains(err.Error(), "--ignore-key "+key) {
			t.Errorf("%s: %v", key, err)
		}
		if got, err := build(m{key: v}, key); err != nil || len(got.Warnings) != 1 {
			t.Errorf("--ignore-key %s: %v", key, err)
		}
	}
	if got, err := build(m{"llama.attention.sinks": false}); err != nil || len(got.Warnings) != 1 {
		t.Errorf("a key that is off: %v, %+v", err, got)
	}
}

// TestPublishedConfigs: configs as they stand on the hub load without a word.
func TestPublishedConfigs(t *testing.T) {
	published := map[string]struct{ config, warns string }{
		"Llama-3.2-1B-Instruct": {config: `{"architectures":["LlamaForCausalLM"],"attention_bias":false,"attention_dropout":0.0,"bos_token_id":128000,
			"eos_token_id":[128001,128008,128009],"head_dim":64,"hidden_act":"silu","hidden_size":2048,"initializer_range":0.02,"intermediate_size":8192,
			"max_position_embeddings":131072,"mlp_bias":false,"model_type":"llama","num_attention_heads":32,"num_hidden_layers":16,"num_key_value_heads":8,
			"pretraining_tp":1,"rms_norm_eps":1e-05,"rope_scaling":{"factor":32.0,"high_freq_factor":4.0,"low_freq_factor":1.0,
			"original_max_position_embeddings":8192,"rope_type":"llama3"},"rope_theta":500000.0,"tie_word_embeddings":true,"torch_dtype":"bfloat16",
			"transformers_version":"4.45.0.dev0","use_cache":true,"vocab_size":128256}`},
		"SmolLM2-135M": {config: `{"architectures":["LlamaForCausalLM"],"attention_bias":false,"attention_dropout":0.0,"bos_token_id":0,"eos_token_id":0,
			"hidden_act":"silu","hidden_size":576,"initializer_range":0.041666666666666664,"intermediate_size":1536,"is_llama_config":true,
			"max_position_embeddings":8192,"mlp_bias":false,"model_type":"llama","num_attention_heads":9,"num_hidden_layers":30,"num_key_value_heads":3,
			"pretraining_tp":1,"rms_norm_eps":1e-05,"rope_interleaved":false,"rope_scaling":null,"rope_theta":100000,"tie_word_embeddings":true,
			"torch_dtype":"bfloat16","transformers_version":"4.40.1","use_cache":true,"vocab_size":49152}`, warns: "rope_interleaved"},
		"Qwen2.5-0.5B-Instruct": {config: `{"architectures":["Qwen2ForCausalLM"],"attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151645,
			"hidden_act":"silu","hidden_size":896,"initializer_range":0.02,"intermediate_size":4864,"max_position_embeddings":32768,"max_window_layers":21,
			"model_type":"qwen2","num_attention_heads":14,"num_hidden_layers":24,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":1000000.0,
			"sliding_window":32768,"tie_word_embeddings":true,"torch_dtype":"bfloat16","transformers_version":"4.43.1","use_cache":true,
			"use_sliding_window":false,"vocab_size":151936}`},
		"Mistral-7B-v0.1": {config: `{"architectures":["MistralForCausalLM"],"bos_token_id":1,"eos_token_id":2,"hidden_act":"silu","hidden_size":4096,
			"initializer_range":0.02,"intermediate_size":14336,"max_position_embeddings":32768,"model_type":"mistral","num_attention_heads":32,
			"num_hidden_layers":32,"num_key_value_heads":8,"rms_norm_eps":1e-05,"rope_theta":10000.0,"sliding_window":4096,"tie_word_embeddings":false,
			"torch_dtype":"bfloat16","transformers_version":"4.34.0.dev0","use_cache":true,"vocab_size":32000}`},
		"Qwen3-0.6B": {config: `{"architectures":["Qwen3ForCausalLM"],"attention_bias":false,"attention_dropout":0.0,"bos_token_id":151643,
			"eos_token_id":151645,"head_dim":128,"hidden_act":"silu","hidden_size":1024,"initializer_range":0.02,"intermediate_size":3072,
			"max_position_embeddings":40960,"max_window_layers":28,"model_type":"qwen3","num_attention_heads":16,"num_hidden_layers":28,
			"num_key_value_heads":8,"rms_norm_eps":1e-06,"rope_scaling":null,"rope_theta":1000000,"sliding_window":null,"tie_word_embeddings":true,
			"torch_dtype":"bfloat16","transformers_version":"4.51.0","use_cache":true,"use_sliding_window":false,"vocab_size":151936}`},
	}
	for name, c := range published {
		got, err := model.BuildHF(name, tensorsOf(t, []byte(c.config), tensor.BF16), []byte(c.config), model.Options{})
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case c.warns == "" && len(got.Warnings) > 0, c.warns != "" && !slices.ContainsFunc(got.Warnings, func(w string) bool { return strings.Contains(w, c.warns) }):
			t.Errorf("%s: warnings %q, want %q", name, got.Warnings, c.warns)
		}
	}
}

// TestHostileKeys: names and values of keys are the text of a stranger. Errors
// show them on one line, without commands for a terminal, and not by the thousand.
func TestHostileKeys(t *testing.T) {
	config := configs(t)["llama3"]
	_, err := ignoring(t, with(t, config, m{"a\x1b[2J b": "x\ny", "b": m{"c": "\x1b[0m"}}))
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\n") || !strings.Contains(err.Error(), `--ignore-key "a\x1b[2J b",`) {
		t.Errorf("%v", err)
	}
	if _, err := ignoring(t, config, "no\x1bsuch"); err == nil || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%v", err)
	}
	many := m{}
	for i := range 500 {
		many[fmt.Sprintf("key%03d", i)] = i
	}
	if _, err := ignoring(t, with(t, config, many)); err == nil || len(err.Error()) > 2000 || !strings.Contains(err.Error(), "480 more") {
		t.Errorf("%v", err)
	}
	// The name spaces of a GGUF are none of a config.json.
	for _, key := range []string{"general.softcap", "tokenizer.x", "llama.tensor_data_layout", "quantize.x"} {
		if _, err := ignoring(t, with(t, config, m{key: 3})); err == nil || !strings.Contains(err.Error(), `key "`+key+`"`) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// TestRopeThetaTwice: what stands in both places must agree.
func TestRopeThetaTwice(t *testing.T) {
	both := func(top, nested any) error {
		config := with(t, configs(t)["llama3"], m{"rope_theta": top, "rope_scaling": nil, "rope_parameters": m{"rope_type": "default", "rope_theta": nested}})
		_, err := ignoring(t, config)
		return err
	}
	if err := both(1e4, 10000); err != nil {
		t.Error(err)
	}
	if err := both(nil, 10000); err != nil {
		t.Error(err)
	}
	if err := both(5e5, 10000); err == nil || !strings.Contains(err.Error(), "rope_theta is 500000 and rope_parameters.rope_theta is 10000") {
		t.Errorf("%v", err)
	}
	if err := both(5e5, "x"); err == nil || !strings.Contains(err.Error(), "rope_parameters.rope_theta") {
		t.Errorf("%v", err)
	}
}
