package model_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/gguf"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/pkg/weights"
)

// ggufConfig is the model that the tests below write.
func ggufConfig() *model.Config {
	l := model.Layer{Attn: model.Attn{Heads: 4, KVHeads: 2, HeadDim: 8, Scale: 1}, FFN: model.FFN{Width: 64, Act: "silu"}}
	return &model.Config{Arch: "llama", Hidden: 32, Vocab: 48, ContextLength: 512, RMSEps: 1e-5,
		Ropes: []model.Rope{{Type: "default", Theta: 1e4, Dim: 8}}, Layers: []model.Layer{l, l}}
}

func attn(c *model.Config) model.Attn { return c.Layers[0].Attn }

// ggufKeys is its metadata; an entry of set replaces or adds a key, remove
// takes it away.
func ggufKeys(arch string, set m) []gguf.KV {
	all := []gguf.KV{
		{Key: "general.architecture", Value: arch},
		{Key: arch + ".block_count", Value: uint32(2)}, {Key: arch + ".embedding_length", Value: uint32(32)},
		{Key: arch + ".feed_forward_length", Value: uint32(64)}, {Key: arch + ".context_length", Value: uint32(512)},
		{Key: arch + ".attention.head_count", Value: uint32(4)}, {Key: arch + ".attention.head_count_kv", Value: uint32(2)},
		{Key: arch + ".attention.layer_norm_rms_epsilon", Value: float32(1e-5)},
	}
	var extra []string
	for k := range set {
		extra = append(extra, k)
	}
	slices.Sort(extra)
	for _, k := range extra {
		key := strings.Replace(k, "*", arch, 1)
		all = slices.DeleteFunc(all, func(kv gguf.KV) bool { return kv.Key == key })
		if set[k] != remove {
			all = append(all, gguf.KV{Key: key, Value: set[k]})
		}
	}
	return all
}

// ggufTensors lists its tensors.
func ggufTensors(t testing.TB, c *model.Config, ty tensor.Type) []tensor.Info {
	t.Helper()
	slots, err := model.Slots(c)
	if err != nil {
		t.Fatal(err)
	}
	var all []tensor.Info
	for _, s := range slots {
		for _, info := range leaves(s.GGUF, ty, "") {
			if len(info.Shape) == 1 {
				info.Type = tensor.F32
			}
			all = append(all, info)
		}
	}
	return all
}

// encode is the bytes of a GGUF whose tensors hold counting numbers.
func encode(t testing.TB, kv []gguf.KV, tensors []tensor.Info) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gguf.NewWriter(&b, gguf.Options{KV: kv, Tensors: tensors})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, info := range tensors {
		size, err := tensor.Bytes(info.Type, info.Shape)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, size)
		for i := 0; i+1 < len(data); i += 2 { // small floats in f32, f16 and q8_0 alike
			data[i], data[i+1] = byte(n), byte(n>>8)&0x3f
			n++
		}
		if err := w.WriteBytes(info.Name, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func openGGUF(t testing.TB, data []byte) (*gguf.File, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Open(path)
	if err == nil {
		t.Cleanup(func() { f.Close() })
	}
	return f, err
}

func buildGGUF(t testing.TB, kv []gguf.KV, tensors []tensor.Info) (*model.Model, *gguf.File, error) {
	t.Helper()
	f, err := openGGUF(t, encode(t, kv, tensors))
	if err != nil {
		t.Fatal(err)
	}
	got, err := model.BuildGGUF("m.gguf", f, model.Options{})
	return got, f, err
}

// TestGGUFConfigs: metadata that is understood.
func TestGGUFConfigs(t *testing.T) {
	for _, c := range []struct {
		arch string
		set  m
		want func(c *model.Config) bool
	}{
		{"llama", nil, func(c *model.Config) bool {
			return attn(c).HeadDim == 8 && c.Vocab == 48 && c.Ropes[0].Theta == 1e4 && c.RMSEps == 1e-5 && attn(c).Window == 0 && !c.Tied
		}},
		{"llama", m{"*.attention.head_count_kv": []uint32{2, 2}, "*.feed_forward_length": []int32{64, 64}}, func(c *model.Config) bool { return attn(c).KVHeads == 2 }},
		{"llama", m{"*.attention.scale": float32(0.25)}, func(c *model.Config) bool { return attn(c).Scale == 0.25 }},
		{"llama", m{"*.attention.scale": float32(0)}, func(c *model.Config) bool { return attn(c).Scale == 1/2.8284271247461903 }},
		{"llama", m{"*.rope.freq_base": float32(5e5), "*.vocab_size": uint32(48)}, func(c *model.Config) bool { return c.Ropes[0].Theta == 5e5 }},
		{"llama", m{"*.rope.scaling.type": "linear", "*.rope.scaling.factor": float32(4)}, func(c *model.Config) bool { return c.Ropes[0].Type == "linear" && c.Ropes[0].Factor == 4 }},
		{"llama", m{"*.rope.scale_linear": float32(2)}, func(c *model.Config) bool { return c.Ropes[0].Type == "linear" && c.Ropes[0].Factor == 2 }},
		{"llama", m{"*.rope.scaling.type": "none", "*.expert_count": uint32(0)}, func(c *model.Config) bool { return c.Ropes[0].Type == "default" }},
		{"llama", m{"*.attention.sliding_window": uint32(16)}, func(c *model.Config) bool { return len(c.Layers) == 2 && c.Layers[1].Attn.Window == 16 }},
		{"llama", m{"*.attention.sliding_window": uint32(0)}, func(c *model.Config) bool { return attn(c).Window == 0 }},
	} {
		got, _, err := buildGGUF(t, ggufKeys(c.arch, c.set), ggufTensors(t, ggufConfig(), tensor.F32))
		if err != nil {
			t.Errorf("%v: %v", c.set, err)
			continue
		}
		if !c.want(&got.Config) {
			t.Errorf("%v: config %+v", c.set, got.Config)
		}
	}
}

// TestBadGGUFConfigs: metadata that is refused.
func TestBadGGUFConfigs(t *testing.T) {
	for _, c := range []struct {
		set  m
		want string
	}{
		{m{"general.architecture": "mamba"}, `general.architecture "mamba"`},
		{m{"general.architecture": uint32(1)}, "general.architecture is a u32"},
		{m{"*.block_count": remove}, "llama.block_count is missing"},
		{m{"*.block_count": "2"}, `"llama.block_count" is a string`},
		{m{"*.block_count": uint32(0)}, "llama.block_count is 0"},
		{m{"*.block_count": uint64(1) << 63}, "llama.block_count"},
		{m{"*.block_count": uint32(4000)}, "number of layers is 4000"},
		{m{"*.block_count": uint32(1)}, "blk.1."},
		{m{"*.embedding_length": int32(-32)}, "llama.embedding_length is -32"},
		{m{"*.attention.head_count": uint32(3)}, "3 heads"},
		{m{"*.attention.head_count_kv": []uint32{2, 4}}, "one per layer, all equal"},
		{m{"*.attention.head_count_kv": []string{"a"}}, "head_count_kv"},
		{m{"*.attention.key_length": uint32(16), "*.attention.value_length": uint32(8)}, "value_length is 8"},
		{m{"*.attention.key_length": uint32(16)}, "shape"},
		{m{"*.attention.layer_norm_rms_epsilon": remove}, "layer_norm_rms_epsilon is missing"},
		{m{"*.attention.sliding_window": int32(-4)}, "sliding_window is -4"},
		{m{"*.vocab_size": uint32(50)}, "[48, 32], want [50, 32]"},
		{m{"*.rope.dimension_count": uint32(4)}, "dimension_count is 4"},
		{m{"*.rope.scaling.type": "magic"}, `"magic"`},
		{m{"*.expert_count": uint32(8)}, "llama.expert_count is 8"},
		{m{"*.attention.sliding_window_pattern": uint32(2)}, "--ignore-key llama.attention.sliding_window_pattern"},
		{m{"*.attn_logit_softcapping": float32(50)}, "attn_logit_softcapping is 50"},
	} {
		_, _, err := buildGGUF(t, ggufKeys("llama", c.set), ggufTensors(t, ggufConfig(), tensor.F32))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v, want %q", c.set, err, c.want)
		}
	}
}

// TestRopeFreqs: the divisors of a GGUF, and those that make no sense.
func TestRopeFreqs(t *testing.T) {
	for _, c := range []struct {
		info tensor.Info
		want string
	}{
		{tensor.Info{Name: "rope_freqs.weight", Type: tensor.F32, Shape: tensor.Shape{5}}, "want floats [4]"},
		{tensor.Info{Name: "rope_freqs.weight", Type: tensor.I32, Shape: tensor.Shape{4}}, "want floats [4]"},
		{tensor.Info{Name: "rope_freqs.weight", Type: tensor.F32, Shape: tensor.Shape{4}}, ""}, // small positive numbers
	} {
		got, _, err := buildGGUF(t, ggufKeys("llama", nil), append(ggufTensors(t, ggufConfig(), tensor.F32), c.info))
		if c.want == "" {
			if err != nil || got.Config.Ropes[0].Type != "divisors" || len(got.Ignored) != 1 {
				t.Errorf("%v: %v", c.info, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v, want %q", c.info, err, c.want)
		}
	}
}

// TestFusedQKV: attn_qkv, weight and bias, equals its three parts.
func TestFusedQKV(t *testing.T) {
	c := ggufConfig()
	c.Layers[0].Attn.Bias, c.Layers[1].Attn.Bias = true, true
	apart := ggufTensors(t, c, tensor.Q8_0)
	var fused []tensor.Info
	for _, info := range apart {
		switch {
		case strings.Contains(info.Name, ".attn_q."):
			rest := info.Shape.Last()
			info.Name = strings.Replace(info.Name, ".attn_q.", ".attn_qkv.", 1)
			info.Shape = tensor.Shape{64, rest}
			if strings.HasSuffix(info.Name, ".bias") {
				info.Shape = tensor.Shape{64}
			}
		case strings.Contains(info.Name, ".attn_k."), strings.Contains(info.Name, ".attn_v."):
			continue
		}
		fused = append(fused, info)
	}
	got, file, err := buildGGUF(t, ggufKeys("llama", nil), fused)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"weight", "bias"} {
		whole, err := file.Tensor("blk.1.attn_qkv." + kind)
		if err != nil {
			t.Fatal(err)
		}
		row := len(whole.Data) / 64
		for _, part := range []struct {
			name   string
			lo, hd int // first row, rows of a head; 0 when not rotated
			n      int
		}{{"q", 0, 8, 32}, {"k", 32, 8, 16}, {"v", 48, 0, 16}} {
			var want []byte
			for i := range part.n {
				from := i
				if part.hd > 0 { // row s·hd/2+j of a head is row 2j+s
					r := i % part.hd
					from = i - r + 2*(r%4) + r/4
				}
				from += part.lo
				want = append(want, whole.Data[from*row:(from+1)*row]...)
			}
			name := fmt.Sprintf("blk.1.attn_%s.%s", part.name, kind)
			b, err := weights.Bytes(got.Graph.Weight(name).Expr, file, 1)
			if err != nil || !bytes.Equal(b, want) {
				t.Errorf("%s: wrong bytes, %v", name, err)
			}
		}
	}
	// A part that has a tensor of its own beside the fused one would be read in silence from one of them.
	for _, info := range apart {
		if info.Name != "blk.1.attn_v.weight" {
			continue
		}
		if _, _, err := buildGGUF(t, ggufKeys("llama", nil), append(slices.Clone(fused), info)); err == nil || !strings.Contains(err.Error(), `"blk.1.attn_qkv.weight"`) || !strings.Contains(err.Error(), "part 3 of 3") {
			t.Errorf("v twice: %v", err)
		}
	}
	fused[2].Shape = tensor.Shape{63, 32}
	if _, _, err := buildGGUF(t, ggufKeys("llama", nil), fused); err == nil || !strings.Contains(err.Error(), "attn_qkv") {
		t.Errorf("wrong fused shape: %v", err)
	}
}

// FuzzGGUF: no file makes the reader panic.
func FuzzGGUF(f *testing.F) {
	tensors := ggufTensors(f, ggufConfig(), tensor.F32)
	f.Add(encode(f, ggufKeys("llama", nil), tensors))
	f.Add(encode(f, ggufKeys("qwen2", m{"*.attention.head_count_kv": []uint32{2, 2}}), tensors))
	f.Add(encode(f, ggufKeys("llama", m{"*.rope.scaling.type": "linear"}), append(tensors, tensor.Info{Name: "rope_freqs.weight", Type: tensor.F32, Shape: tensor.Shape{4}})))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := openGGUF(t, data)
		if err != nil {
			return
		}
		if got, err := model.BuildGGUF("fuzz", file, model.Options{}); err == nil && len(got.Config.Layers) > model.MaxLayers {
			t.Fatalf("%+v", got.Config)
		}
	})
}
