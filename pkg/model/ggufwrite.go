package model

import (
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/gguf"
)

// Metadata is what a GGUF of the model that a config.json describes says of it,
// but for text and tokens. Tensors say what is tied and biased; divisors, when
// not nil, are the content of rope_freqs.weight. The metadata are read back: a
// config that a GGUF has no place for is an error.
func Metadata(config []byte) (kv []gguf.KV, divisors []float32, err error) {
	k, f, err := hfKeys(config)
	if err != nil {
		return nil, nil, err
	}
	c, _, err := f.read(k, nil)
	if err != nil {
		return nil, nil, err
	}
	values := canonical(c)
	pre := f.gguf + "."
	for _, n := range ggufNames {
		x, ok := values[n.key]
		if v := k.values[n.key]; !ok && v != nil && !v.null() {
			if x, ok = v.number(); !ok {
				return nil, nil, fmt.Errorf("%s is %s, want a number", n.key, v)
			}
		}
		switch {
		case !ok:
		case n.kind == gguf.U32:
			kv = append(kv, gguf.KV{Key: pre + n.gguf, Value: uint32(x)})
		case n.kind == gguf.F32:
			kv = append(kv, gguf.KV{Key: pre + n.gguf, Value: float32(x)})
		default:
			return nil, nil, fmt.Errorf("%s: values of kind %s are not written", n.key, n.kind)
		}
	}
	for i := range c.Ropes {
		switch rope := &c.Ropes[i]; rope.Type {
		case "default":
		case "linear":
			kv = append(kv, gguf.KV{Key: pre + "rope.scaling.type", Value: "linear"}, gguf.KV{Key: pre + "rope.scaling.factor", Value: float32(rope.Factor)})
		case "llama3":
			divisors = rope.Llama3Divisors()
		default:
			return nil, nil, fmt.Errorf("rope type %q cannot be written", rope.Type)
		}
	}
	return kv, divisors, readsBack(f, c, kv)
}

// canonical are the sizes as the family understood them, by their names in
// config.json.
func canonical(c *Config) map[string]float64 {
	l := &c.Layers[0]
	window := int64(0)
	for i := range c.Layers {
		window = max(window, c.Layers[i].Attn.Window)
	}
	values := map[string]float64{"rms_norm_eps": c.RMSEps}
	for key, n := range map[string]int64{
		"vocab_size": c.Vocab, "max_position_embeddings": c.ContextLength, "hidden_size": c.Hidden, "num_hidden_layers": int64(len(c.Layers)),
		"intermediate_size": l.FFN.Width, "num_attention_heads": l.Attn.Heads, "num_key_value_heads": l.Attn.KVHeads, "head_dim": l.Attn.HeadDim,
		"sliding_window": window,
	} {
		if n != 0 {
			values[key] = float64(n)
		}
	}
	if len(c.Ropes) > 0 {
		values["rope_theta"], values[rotaryDim] = c.Ropes[0].Theta, float64(c.Ropes[0].Dim)
	}
	return values
}

// readsBack fails unless metadata and tensors say c to the family that reads
// such GGUF files.
func readsBack(f *family, c *Config, kv []gguf.KV) error {
	slots, err := Slots(c)
	if err != nil {
		return err
	}
	in := &input{byName: map[string]int{}, taken: map[string]string{}}
	for i, s := range slots {
		for _, name := range sources(s.GGUF) {
			in.byName[name] = i
		}
	}
	reader, err := lookup("general.architecture", f.gguf, byGGUF)
	if err != nil {
		return err
	}
	k := ggufKeys(in, reader, new(error))
	for _, e := range kv {
		k.values[e.Key] = written{e.Value}
	}
	back, _, err := reader.read(k, nil)
	switch {
	case err != nil:
		return fmt.Errorf("a GGUF of this config cannot be read: %w", err)
	case back.Hidden != c.Hidden || back.Vocab != c.Vocab || back.ContextLength != c.ContextLength || back.RMSEps != c.RMSEps || back.Tied != c.Tied || len(back.Ropes) != len(c.Ropes):
		return fmt.Errorf("a GGUF has no place for all of this config: %+v becomes %+v", c, back)
	}
	for i := range c.Layers {
		if i >= len(back.Layers) || back.Layers[i] != c.Layers[i] {
			return fmt.Errorf("a GGUF has no place for all of this config: layer %d, %s, is not what it reads back", i, c.Layers[i])
		}
	}
	for i, rope := range c.Ropes {
		scaled := rope.Type == "llama3" || back.Ropes[i].Type == rope.Type && back.Ropes[i].Factor == rope.Factor
		if back.Ropes[i].Theta != rope.Theta || back.Ropes[i].Dim != rope.Dim || !scaled {
			return fmt.Errorf("a GGUF has no place for all of this config: rope %d, %s, becomes %s", i, rope, back.Ropes[i])
		}
	}
	return nil
}

// written is a value of metadata that is not in a file yet.
type written struct{ x any }

func (w written) null() bool     { return false }
func (w written) String() string { return fmt.Sprint(w.x) }
func (w written) kind() string   { return fmt.Sprintf("%T", w.x) }

func (w written) integer() (int64, bool) {
	n, ok := w.x.(uint32)
	return int64(n), ok
}

func (w written) number() (float64, bool) {
	x, ok := w.x.(float32)
	return float64(x), ok
}

func (w written) boolean() (bool, bool)  { b, ok := w.x.(bool); return b, ok }
func (w written) text() (string, bool)   { s, ok := w.x.(string); return s, ok }
func (w written) list() ([]string, bool) { l, ok := w.x.([]string); return slices.Clone(l), ok }
