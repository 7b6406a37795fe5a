package model

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tessera-llm/tessera/pkg/gguf"
	"github.com/tessera-llm/tessera/pkg/ir"
)

// Metadata is what a GGUF of the model that a config.json describes says of it,
// but for text and tokens. It is the inverse of what Build reads; what a GGUF
// has no place for is an error. Tensors say what is tied and biased; divisors,
// when not nil, are the content of rope_freqs.weight.
func Metadata(config []byte) (kv []gguf.KV, divisors []float32, err error) {
	k, f, err := hfKeys(config)
	if err != nil {
		return nil, nil, err
	}
	c, _, err := f.read(k, nil)
	if err != nil {
		return nil, nil, err
	}
	values, err := ggufValues(k, c)
	if err != nil {
		return nil, nil, err
	}
	pre := f.gguf + "."
	for _, n := range ggufNames {
		v := values[n.key]
		if v == nil {
			continue
		}
		x, ok := v.number()
		if !ok {
			return nil, nil, fmt.Errorf("%s is %s, want a number", n.key, v)
		}
		switch n.kind {
		case gguf.U32:
			kv = append(kv, gguf.KV{Key: pre + n.gguf, Value: uint32(x)})
		case gguf.F32:
			kv = append(kv, gguf.KV{Key: pre + n.gguf, Value: float32(x)})
		default:
			return nil, nil, fmt.Errorf("%s: values of kind %s are not written", n.key, n.kind)
		}
	}
	switch rope := &c.Ropes[0]; rope.Type {
	case "default":
	case "linear":
		kv = append(kv, gguf.KV{Key: pre + "rope.scaling.type", Value: "linear"}, gguf.KV{Key: pre + "rope.scaling.factor", Value: float32(rope.Factor)})
	case "llama3":
		divisors = rope.Llama3Divisors()
	default:
		return nil, nil, fmt.Errorf("rope type %q cannot be written", rope.Type)
	}
	return kv, divisors, nil
}

// ggufTensorsSay lists keys of config.json that a GGUF says by its tensors, or
// that Metadata writes in another way.
var ggufTensorsSay = []string{"model_type", "architectures", "tie_word_embeddings", "attention_bias", "mlp_bias",
	"rope_scaling", "rope_parameters", "layer_types", "use_sliding_window", "max_window_layers", "partial_rotary_factor"}

// ggufValues are the values to write, by their names in config.json: the sizes
// as the family understood them, other keys as they stand.
func ggufValues(k *keys, c *Config) (map[string]value, error) {
	l := c.Layers[0]
	if len(c.Ropes) != 1 || slices.ContainsFunc(c.Layers, func(o Layer) bool { return o != l }) {
		return nil, fmt.Errorf("a GGUF has no place for layers that differ")
	}
	values := map[string]value{}
	for _, key := range slices.Sorted(maps.Keys(k.taken)) {
		v := k.values[key]
		if v == nil || v.null() {
			continue
		}
		known := slices.ContainsFunc(ggufNames, func(n ggufName) bool { return n.key == key }) || slices.Contains(ggufTensorsSay, key)
		if !known && !(key == "hidden_act" && l.FFN.Act == ir.OpSilu) {
			return nil, fmt.Errorf("a GGUF has no key for %s", key)
		}
		values[key] = v
	}
	for key, n := range map[string]int64{
		"vocab_size": c.Vocab, "max_position_embeddings": c.ContextLength, "hidden_size": c.Hidden, "num_hidden_layers": int64(len(c.Layers)),
		"intermediate_size": l.FFN.Width, "num_attention_heads": l.Attn.Heads, "num_key_value_heads": l.Attn.KVHeads, "head_dim": l.Attn.HeadDim,
		"sliding_window": l.Attn.Window,
	} {
		values[key] = jsonValue(fmt.Sprint(n))
	}
	if l.Attn.Window == 0 {
		delete(values, "sliding_window")
	}
	values["rms_norm_eps"], values["rope_theta"] = jsonValue(fmt.Sprint(c.RMSEps)), jsonValue(fmt.Sprint(c.Ropes[0].Theta))
	return values, nil
}
