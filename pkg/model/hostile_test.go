package model_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

type m = map[string]any

// TestBadConfigs: what a config may not say, and the words of the error.
func TestBadConfigs(t *testing.T) {
	all := configs(t)
	rope := func(kv ...any) m {
		r := m{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
		for i := 0; i < len(kv); i += 2 {
			if kv[i+1] == remove {
				delete(r, kv[i].(string))
				continue
			}
			r[kv[i].(string)] = kv[i+1]
		}
		return m{"rope_scaling": r}
	}
	for _, c := range []struct {
		base string
		set  m
		want string
	}{
		{"llama3", m{"model_type": "gpt7"}, `model_type "gpt7"`},
		{"llama3", m{"model_type": remove}, `model_type ""`},
		{"llama3", m{"model_type": 5}, `"model_type" is a number`},
		{"llama3", m{"Model_Type": "qwen2"}, `spelled "model_type"`},
		{"llama3", m{"architectures": []string{"LlamaForSequenceClassification"}}, "LlamaForSequenceClassification"},
		{"llama3", m{"architectures": []string{"LlamaForCausalLM", "GemmaForCausalLM"}}, `architectures has "GemmaForCausalLM"`},
		{"llama3", m{"vocab_size": remove}, "vocab_size is missing"},
		{"llama3", m{"hidden_size": nil}, "hidden_size is missing"},
		{"llama3", m{"hidden_size": "32"}, `"hidden_size" is a string`},
		{"llama3", m{"hidden_size": 32.5}, `"hidden_size"`},
		{"llama3", m{"hidden_size": 0}, "hidden_size is 0"},
		{"llama3", m{"hidden_size": int64(1) << 40}, "hidden size is 1099511627776"},
		{"llama3", m{"intermediate_size": -1}, "intermediate_size is -1"},
		{"llama3", m{"vocab_size": 1 << 30}, "vocabulary size"},
		{"llama3", m{"num_hidden_layers": 0}, "num_hidden_layers is 0"},
		{"llama3", m{"num_hidden_layers": 100000000}, "number of layers is 100000000"},
		{"llama3", m{"num_attention_heads": 0, "head_dim": 16}, "num_attention_heads is 0"},
		{"llama-linear", m{"num_attention_heads": 0}, "num_attention_heads is 0"},
		{"llama-linear", m{"num_attention_heads": 5}, "not a multiple of 5 heads"},
		{"llama3", m{"num_key_value_heads": 3}, "not a multiple of 3 KV heads"},
		{"llama3", m{"num_key_value_heads": 8}, "number of KV heads is 8"},
		{"llama3", m{"num_key_value_heads": -2}, "num_key_value_heads is -2"},
		{"llama3", m{"head_dim": 15}, "odd"},
		{"llama3", m{"head_dim": -16}, "head_dim is -16"},
		{"llama3", m{"head_dim": 0}, "head_dim is 0"},
		{"llama3", m{"num_attention_heads": 65536, "head_dim": 65536, "num_key_value_heads": 1}, "channels"},
		{"llama3", m{"max_position_embeddings": 0}, "max_position_embeddings is 0"},
		{"llama3", m{"rms_norm_eps": -1e-5}, "epsilon"},
		{"llama3", m{"rms_norm_eps": 2}, "epsilon"},
		{"llama3", m{"hidden_act": "relu"}, `hidden_act is "relu"`},
		{"llama3", m{"rope_theta": 0}, "theta is 0"},
		{"llama3", m{"rope_theta": -1e4}, "theta is -10000"},
		{"llama3", m{"rope_theta": 1e300}, "theta"},
		{"llama3", rope("rope_type", "dynamic"), `rope_type is "dynamic"`},
		{"llama3", rope("rope_type", "longrope"), `rope_type is "longrope"`},
		{"llama3", rope("rope_type", nil, "type", "mrope"), `rope_type is "mrope"`},
		{"llama3", rope("type", "linear"), "want one of them"},
		{"llama3", rope("mystery", 1), "rope_scaling.mystery"},
		{"llama3", rope("factor", remove), "rope_scaling.factor is missing"},
		{"llama3", rope("original_max_position_embeddings", nil), "original_max_position_embeddings is missing"},
		{"llama3", rope("factor", 0), "llama3 rope scaling"},
		{"llama3", rope("low_freq_factor", 4), "llama3 rope scaling"},
		{"llama3", rope("factor", "8"), `"rope_scaling.factor" is a string`},
		{"llama3", rope("Factor", 9.0), `spelled "rope_scaling.factor"`},
		{"llama3", m{"rope_scaling": []int{1}}, "rope_scaling"},
		{"llama3", m{"rope_parameters": m{"full_attention": m{}}}, "both given"},
		{"llama-bias", m{"rope_parameters": m{"full_attention": m{"rope_type": "default"}}}, "rope_parameters.full_attention"},
		{"llama-linear", m{"rope_scaling": m{"type": "linear", "factor": -2}}, "linear rope scaling factor"},
		{"llama3", m{"partial_rotary_factor": 0.5}, "partial_rotary_factor is 0.5"},
		{"llama3", m{"quantization_config": m{"quant_method": "gptq"}}, "quantization_config"},
		{"llama3", m{"sliding_window": 16}, "--ignore-key sliding_window"},
		{"llama3", m{"layer_types": []string{"linear_attention"}}, "layer_types"},
		{"mistral-window", m{"sliding_window": -1}, "sliding_window is -1"},
		{"mistral-window", m{"attention_bias": true}, "--ignore-key attention_bias"},
		{"qwen2-window", m{"sliding_window": 0}, "sliding_window is 0"},
		{"qwen2-window", m{"layer_types": []string{"full_attention"}}, "layer_types has 1 entries"},
		{"qwen2-window", m{"layer_types": []string{"full_attention", "chunked_attention"}}, `layer_types[1] is "chunked_attention"`},
		{"qwen2", m{"layer_types": []string{"full_attention", "sliding_attention"}}, "layer_types[1] is sliding_attention"},
		{"qwen3", m{"mlp_bias": true}, "--ignore-key mlp_bias"},
	} {
		config := with(t, all[c.base], c.set)
		if _, err := model.ParseConfig(config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %v: error %v, want %q", c.base, c.set, err, c.want)
		}
	}
	for _, text := range []string{"", "null", "[]", "5", `{"a":1,"a":2}`, `{"model_type":"llama",}`, strings.Repeat("[", 1e5), `{"rope_scaling":` + strings.Repeat(`{"a":`, 1000)} {
		if _, err := model.ParseConfig([]byte(text)); err == nil {
			t.Errorf("config %.40q is accepted", text)
		}
	}
}

// TestBadTensors: checkpoints that do not hold what their config says.
func TestBadTensors(t *testing.T) {
	all := configs(t)
	find := func(f fake, name string) int {
		for i := range f {
			if f[i].Name == name {
				return i
			}
		}
		t.Fatalf("no tensor %q", name)
		return -1
	}
	const q = "model.layers.1.self_attn.q_proj.weight"
	for what, c := range map[string]struct {
		base   string
		change func(f fake) fake
		o      model.Options
		want   []string
	}{
		"missing": {"qwen2", func(f fake) fake { i := find(f, q); return append(f[:i:i], f[i+1:]...) }, model.Options{}, []string{q, "missing"}},
		"extra": {"qwen2", func(f fake) fake {
			return append(f, tensor.Info{Name: "model.layers.2.mystery", Type: tensor.F32, File: "x"})
		}, model.Options{}, []string{"model.layers.2.mystery", "not part of"}},
		"extra bias": {"qwen2", func(f fake) fake {
			return append(f, tensor.Info{Name: "model.layers.0.self_attn.o_proj.bias", Type: tensor.F32, Shape: tensor.Shape{32}})
		}, model.Options{}, []string{"o_proj.bias"}},
		"layer left": {"qwen2", func(f fake) fake {
			return append(f, tensor.Info{Name: "model.layers.2.self_attn.q_proj.weight", Type: tensor.F32, Shape: tensor.Shape{32, 32}})
		}, model.Options{}, []string{"layers.2", "2 layers"}},
		"shape":     {"qwen3", func(f fake) fake { f[find(f, q)].Shape = tensor.Shape{32, 64}; return f }, model.Options{}, []string{q, "[32, 64]", "[64, 32]", "model.safetensors"}},
		"rank":      {"qwen3", func(f fake) fake { f[find(f, q)].Shape = tensor.Shape{64, 32, 1}; return f }, model.Options{}, []string{q, "[64, 32, 1]"}},
		"fp8":       {"qwen3", func(f fake) fake { f[find(f, q)].Type = tensor.F8E4M3; return f }, model.Options{}, []string{q, "f8_e4m3"}},
		"integers":  {"qwen3", func(f fake) fake { f[find(f, q)].Type = tensor.I32; return f }, model.Options{}, []string{q, "i32"}},
		"no kernel": {"qwen3", func(f fake) fake { f[find(f, q)].Type = tensor.MXFP4; return f }, model.Options{}, []string{q, "mxfp4", "--type"}},
		"twice":     {"qwen3", func(f fake) fake { f[find(f, q)].Type = tensor.Q8_0; return f }, model.Options{Type: quant.Q4_0}, []string{q, "q8_0", "q4_0", "again"}},
		"norm type": {"qwen3", func(f fake) fake { f[find(f, "model.norm.weight")].Type = tensor.U8; return f }, model.Options{}, []string{"model.norm.weight", "u8"}},
		"untied":    {"qwen2-window", func(f fake) fake { i := find(f, "lm_head.weight"); return append(f[:i:i], f[i+1:]...) }, model.Options{}, []string{"lm_head.weight", "missing"}},
	} {
		_, err := model.BuildHF("dir", c.change(tensorsOf(t, all[c.base], tensor.BF16)), all[c.base], c.o)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want it to name %s", what, err, want)
			}
		}
	}
}

// TestIgnored: tensors that may be left over, each with its reason.
func TestIgnored(t *testing.T) {
	config := configs(t)["qwen2"]
	f := append(tensorsOf(t, config, tensor.BF16),
		tensor.Info{Name: "lm_head.weight", Type: tensor.BF16, Shape: tensor.Shape{128, 32}},
		tensor.Info{Name: "model.layers.0.self_attn.rotary_emb.inv_freq", Type: tensor.F32, Shape: tensor.Shape{4}})
	got, err := model.BuildHF("dir", f, config, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Ignored) != 2 || !strings.Contains(got.Ignored[0].Reason, "tie_word_embeddings") || got.Ignored[1].Reason == "" {
		t.Errorf("ignored %v", got.Ignored)
	}
	embd, out := got.Graph.Weight("token_embd.weight"), got.Graph.Weight("output.weight")
	if embd.Expr != out.Expr {
		t.Error("tied weights have two expressions")
	}
}

// TestTypes: what becomes of the weights under --type.
func TestTypes(t *testing.T) {
	config := configs(t)["llama3"]
	for _, c := range []struct {
		from tensor.Type
		o    model.Options
		want string // types of token_embd, attn_norm, attn_q, ffn_down, cache
	}{
		{tensor.BF16, model.Options{}, "bf16 f32 bf16 bf16 f16"},
		{tensor.F32, model.Options{}, "f32 f32 f32 f32 f32"},
		{tensor.BF16, model.Options{Type: quant.F32}, "f32 f32 f32 f32 f32"},
		{tensor.F16, model.Options{Type: quant.F16}, "f16 f32 f16 f16 f16"},
		{tensor.F32, model.Options{Type: quant.Q8_0}, "q8_0 f32 q8_0 q8_0 f16"},
		{tensor.BF16, model.Options{Type: quant.Q4_K_M}, "q8_0 f32 q5_0 q5_0 f16"}, // K of 32 and 64 takes the smaller blocks
		{tensor.BF16, model.Options{Type: quant.Q4_0}, "q8_0 f32 q4_0 q4_0 f16"},
	} {
		got, err := model.BuildHF("dir", tensorsOf(t, config, c.from), config, c.o)
		if err != nil {
			t.Fatal(err)
		}
		var types []string
		for _, w := range []string{"token_embd", "blk.0.attn_norm", "blk.0.attn_q", "blk.0.ffn_down"} {
			types = append(types, got.Graph.Weight(w+".weight").Type.String())
		}
		types = append(types, got.Cache.String())
		if s := strings.Join(types, " "); s != c.want {
			t.Errorf("%s to %s: %s, want %s", c.from, c.o.Type, s, c.want)
		}
		for _, w := range got.Weights {
			if w.Reason == "" || w.To != got.Graph.Weight(w.Name).Type || len(w.Sources) != 1 {
				t.Errorf("%s to %s: listing %+v", c.from, c.o.Type, w)
			}
		}
	}
	f := tensorsOf(t, config, tensor.F32)
	for i := range f {
		if len(f[i].Shape) == 2 {
			f[i].Type = tensor.Q8_0
		}
	}
	got, err := model.BuildHF("dir", f, config, model.Options{Type: quant.Q4_0, Requantise: true})
	if err != nil {
		t.Fatal(err)
	}
	if ty := got.Graph.Weight("blk.0.attn_q.weight").Type; ty != tensor.Q4_0 {
		t.Errorf("requantised to %s", ty)
	}
}

// FuzzConfig: no config.json makes the reader panic, and what it accepts is
// within bounds and builds.
func FuzzConfig(f *testing.F) {
	for _, data := range configs(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := model.ParseConfig(data)
		if err != nil {
			return
		}
		if len(c.Layers) > model.MaxLayers || c.Hidden > model.MaxSize || c.Vocab > model.MaxSize {
			t.Fatalf("%+v", c)
		}
		if len(c.Layers) > 8 || attn(c).HeadDim > 1024 {
			return
		}
		if _, err := model.BuildHF("fuzz", tensorsOf(t, data, tensor.F32), data, model.Options{}); err != nil {
			t.Fatal(fmt.Errorf("accepted config does not build: %w", err))
		}
	})
}

// TestDeepest builds a model of the greatest depth.
func TestDeepest(t *testing.T) {
	config := with(t, configs(t)["qwen3"], m{"num_hidden_layers": model.MaxLayers})
	got, err := model.BuildHF("dir", tensorsOf(t, config, tensor.BF16), config, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Graph.States); n != model.MaxLayers {
		t.Errorf("%d states", n)
	}
}

// TestNoKernel: a recipe whose type has no packed form is refused by name.
func TestNoKernel(t *testing.T) {
	config := with(t, configs(t)["qwen3"], m{"hidden_size": 256})
	_, err := model.BuildHF("dir", tensorsOf(t, config, tensor.BF16), config, model.Options{Type: quant.Q2_K})
	if err == nil || !strings.Contains(err.Error(), "no kernel runs type q") {
		t.Errorf("q2_k: %v", err)
	}
}
