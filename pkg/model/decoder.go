package model

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// What the configs of decoders share. A family's config function calls these
// and then changes what it has otherwise: the common part always comes first.

// classDefaults are the values that a class of transformers has where its
// config.json is silent; 0 means the usual one.
type classDefaults struct {
	headDim int64 // absent or null; usually hidden/heads
	kvHeads int64 // absent (null is the number of heads); usually the number of heads
}

// acts maps hidden_act to ops that are activations.
var acts = map[string]ir.OpName{
	"silu": ir.OpSilu, "swish": ir.OpSilu,
	"gelu_pytorch_tanh": ir.OpGeluTanh, "gelu_new": ir.OpGeluTanh,
}

// decoder reads the sizes that every decoder has and returns the config
// without its layers, and the layer that all of them are like.
func decoder(k *keys, d classDefaults) (*Config, Layer) {
	c := &Config{
		Arch:          k.arch,
		Hidden:        k.size("hidden_size"),
		ContextLength: k.size("max_position_embeddings"),
		Vocab:         k.vocab(),
		RMSEps:        k.eps("rms_norm_eps", 1e-6),
		Tied:          k.tied(),
	}
	var l Layer
	l.FFN = FFN{Width: k.size("intermediate_size"), Act: k.act("hidden_act", "silu")}
	a := &l.Attn
	a.Heads = k.size("num_attention_heads")
	a.KVHeads = a.Heads
	if !k.gguf && d.kvHeads > 0 && !k.has("num_key_value_heads") {
		a.KVHeads = d.kvHeads
	}
	a.KVHeads = k.sizeOr("num_key_value_heads", a.KVHeads)
	a.HeadDim = k.headDim(c.Hidden, a.Heads, d.headDim)
	a.Scale = 1 / math.Sqrt(float64(max(a.HeadDim, 1)))
	if k.gguf {
		k.ggufAttention(a)
	}
	return c, l
}

// ggufAttention reads what only a GGUF says of attention, and takes the keys
// that describe other decoders at the value that means "off".
func (k *keys) ggufAttention(a *Attn) {
	if v := k.intOr("attention.value_length", a.HeadDim); v != a.HeadDim {
		k.fail("%s is %d, want the key length %d", k.full("attention.value_length"), v, a.HeadDim)
	}
	if s := k.floatOr("attention.scale", 0); s != 0 {
		a.Scale = short(s)
	}
	if a.Window = k.intOr("attention.sliding_window", 0); a.Window < 0 {
		k.fail("%s is %d, want a number >= 0", k.full("attention.sliding_window"), a.Window)
	}
	for _, off := range ggufOff {
		k.only(off.key, off.value)
	}
}

// ggufOff lists what converters write of features that the model does not use.
var ggufOff = []struct{ key, value string }{
	{"expert_count", "0"}, {"expert_used_count", "0"}, {"leading_dense_block_count", "0"}, {"nextn_predict_layers", "0"},
	{"attention.causal", "true"}, {"use_parallel_residual", "false"}, {"pooling_type", "0"},
	{"attn_logit_softcapping", "0"}, {"final_logit_softcapping", "0"},
	{"logit_scale", "0"}, {"residual_scale", "0"}, {"embedding_scale", "0"},
}

// vocab is the number of rows of the embedding. Older GGUF files leave it to
// the tensor.
func (k *keys) vocab() int64 {
	if k.gguf && !k.has("vocab_size") {
		if t, ok := k.tensors.info(tokenEmbd); ok && len(t.Shape) == 2 {
			return t.Shape[0]
		}
	}
	return k.size("vocab_size")
}

// eps is the epsilon of the norms; a class default stands in for config.json only.
func (k *keys) eps(key string, def float64) float64 {
	if k.gguf {
		return short(k.float(key))
	}
	return short(k.floatOr(key, def))
}

// tied reports whether the embedding is the output matrix as well.
func (k *keys) tied() bool {
	if k.gguf {
		return !k.tensors.has(output)
	}
	return k.boolOr("tie_word_embeddings", false)
}

// act is the op of an activation by its name in config.json.
func (k *keys) act(key, def string) ir.OpName {
	name := k.strOr(key, def)
	op := acts[name]
	if op == "" {
		known := slices.Sorted(maps.Keys(acts))
		last := len(known) - 1
		k.bad(key, name, strings.Join(known[:last], ", ")+" or "+known[last])
	}
	return op
}

// headDim is head_dim or the default of the class; 0 stands for hidden/heads.
func (k *keys) headDim(hidden, heads, class int64) int64 {
	switch {
	case k.given("head_dim"):
		return k.size("head_dim")
	case k.take("head_dim") == nil && class > 0 && !k.gguf:
		return class
	case heads <= 0 || hidden%heads != 0:
		k.fail("hidden size %d is not a multiple of %d heads and no head dim is given", hidden, heads)
		return 0
	}
	return hidden / heads
}

// biased reports whether linears have a bias: a key of config.json says so, in
// a GGUF the presence of a tensor.
func (k *keys) biased(key string, tensors ...string) bool {
	if !k.gguf {
		return k.boolOr(key, false)
	}
	for _, name := range tensors {
		if k.tensors.has(name) {
			return true
		}
	}
	return false
}

// layers reads the number of layers and gives each a copy of l.
func (k *keys) layers(l Layer) []Layer {
	n := k.size("num_hidden_layers")
	if err := within(bound{"number of layers", n, 1, MaxLayers}); err != nil {
		k.fail("%w", err)
		return nil
	}
	all := make([]Layer, n)
	for i := range all {
		all[i] = l
	}
	return all
}

// qwenWindows gives windows to layers as the qwen configs say it: by
// layer_types, or by use_sliding_window and max_window_layers.
func (k *keys) qwenWindows(layers []Layer) {
	if k.gguf {
		return // one window for all layers, see ggufAttention
	}
	use, w, first := k.boolOr("use_sliding_window", false), int64(0), k.intOr("max_window_layers", 28)
	types := k.strs("layer_types")
	if w = k.intOr("sliding_window", 4096); !use || k.has("sliding_window") && !k.given("sliding_window") {
		w = 0
	} else if w < 1 {
		k.bad("sliding_window", w, "a number > 0 or null")
	}
	if types != nil && len(types) != len(layers) {
		k.fail("layer_types has %d entries, want %d, one per layer", len(types), len(layers))
		return
	}
	for i := range layers {
		slides := w > 0 && int64(i) >= first
		if types != nil {
			if slides = types[i] == "sliding_attention"; !slides && types[i] != "full_attention" {
				k.fail("layer_types[%d] is %q, want full_attention or sliding_attention", i, types[i])
			}
			if slides && w < 1 {
				k.fail("layer_types[%d] is sliding_attention, but use_sliding_window and sliding_window give no window", i)
			}
		}
		if slides {
			layers[i].Attn.Window = w
		}
	}
}
