package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/internal/jsonscan"
)

// MaxConfig bounds config.json.
const MaxConfig = 16 << 20

// hfConfig is what families read of config.json. Pointers are nil where the
// key is absent or null; the class default then holds.
type hfConfig struct {
	ModelType             string          `json:"model_type"`
	Architectures         []string        `json:"architectures"`
	VocabSize             *int64          `json:"vocab_size"`
	HiddenSize            *int64          `json:"hidden_size"`
	IntermediateSize      *int64          `json:"intermediate_size"`
	NumHiddenLayers       *int64          `json:"num_hidden_layers"`
	NumAttentionHeads     *int64          `json:"num_attention_heads"`
	NumKeyValueHeads      *int64          `json:"num_key_value_heads"`
	HeadDim               *int64          `json:"head_dim"`
	HiddenAct             *string         `json:"hidden_act"`
	MaxPositionEmbeddings *int64          `json:"max_position_embeddings"`
	RMSNormEps            *float64        `json:"rms_norm_eps"`
	RopeTheta             *float64        `json:"rope_theta"`
	RopeScaling           json.RawMessage `json:"rope_scaling"`
	RopeParameters        json.RawMessage `json:"rope_parameters"`
	PartialRotaryFactor   *float64        `json:"partial_rotary_factor"`
	AttentionBias         *bool           `json:"attention_bias"`
	MLPBias               *bool           `json:"mlp_bias"`
	TieWordEmbeddings     *bool           `json:"tie_word_embeddings"`
	SlidingWindow         *int64          `json:"sliding_window"`
	UseSlidingWindow      *bool           `json:"use_sliding_window"`
	MaxWindowLayers       *int64          `json:"max_window_layers"`
	LayerTypes            []string        `json:"layer_types"`
	QuantizationConfig    *struct{}       `json:"quantization_config"`

	keys map[string]json.RawMessage // the top level as it stands
}

// or is *p, or the default when p is nil.
func or[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}

// parseHF reads config.json. Values of the wrong JSON type are errors that
// name the key.
func parseHF(data []byte) (*hfConfig, error) {
	if len(data) > MaxConfig {
		return nil, fmt.Errorf("%d bytes, at most %d are accepted", len(data), MaxConfig)
	}
	if err := jsonscan.Check(data); err != nil {
		return nil, err
	}
	h := &hfConfig{}
	if err := decodeExact(data, h, &h.keys); err != nil {
		return nil, err
	}
	return h, nil
}

// decodeExact fills the struct at dst and the map of all keys. It refuses keys
// that differ from a known one only in case, which encoding/json would take.
func decodeExact(data []byte, dst any, keys *map[string]json.RawMessage) error {
	if err := json.Unmarshal(data, keys); err != nil {
		return typeError(err)
	}
	t := reflect.TypeOf(dst).Elem()
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("json")
		for k := range *keys {
			if tag != "" && k != tag && strings.EqualFold(k, tag) {
				return fmt.Errorf("key %q: want it spelled %q", k, tag)
			}
		}
	}
	return typeError(json.Unmarshal(data, dst))
}

// typeError names key, expected and got.
func typeError(err error) error {
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) && te.Field == "" {
		return fmt.Errorf("it is a JSON %s, want an object", te.Value)
	}
	if te != nil {
		return fmt.Errorf("key %q is a %s, want %s", te.Field, te.Value, te.Type)
	}
	return err
}

// has reports whether the key is present, even as null.
func (h *hfConfig) has(key string) bool { _, ok := h.keys[key]; return ok }

// bad is the error for a value that is not understood.
func (h *hfConfig) bad(key string, got any, want string) error {
	if s, ok := got.(string); ok {
		got = fmt.Sprintf("%q", s)
	}
	return fmt.Errorf("%s is %v, want %s", key, got, want)
}

// refuse fails when one of the keys has a value other than null, false, 0 and
// the empty list: the family does not know it.
func (h *hfConfig) refuse(keys ...string) error {
	for _, k := range keys {
		v := string(bytes.TrimSpace(h.keys[k]))
		if v != "" && !slices.Contains([]string{"null", "false", "0", "[]", "{}"}, v) {
			return fmt.Errorf("%s is %.60s, which model_type %q does not support", k, v, h.ModelType)
		}
	}
	return nil
}

// acts maps hidden_act to ops.
var acts = map[string]string{
	"silu": "silu", "swish": "silu",
	"gelu_pytorch_tanh": "gelu_tanh", "gelu_new": "gelu_tanh",
}

// config fills in what all families share.
func (h *hfConfig) config(f *family) (*Config, error) {
	if len(h.Architectures) > 0 && !slices.Contains(f.architectures, h.Architectures[0]) {
		return nil, h.bad("architectures", h.Architectures[0], strings.Join(f.architectures, " or "))
	}
	c := &Config{Arch: f.name, Tied: or(h.TieWordEmbeddings, false)}
	for _, size := range []struct {
		key string
		src *int64
		dst *int64
	}{
		{"vocab_size", h.VocabSize, &c.Vocab},
		{"hidden_size", h.HiddenSize, &c.Hidden},
		{"intermediate_size", h.IntermediateSize, &c.Intermediate},
		{"num_hidden_layers", h.NumHiddenLayers, &c.Layers},
		{"num_attention_heads", h.NumAttentionHeads, &c.Heads},
		{"max_position_embeddings", h.MaxPositionEmbeddings, &c.ContextLength},
	} {
		if size.src == nil {
			return nil, fmt.Errorf("%s is missing", size.key)
		}
		*size.dst = *size.src
	}
	c.KVHeads = or(h.NumKeyValueHeads, c.Heads)
	c.HeadDim = or(h.HeadDim, 0)
	c.RMSEps = short(or(h.RMSNormEps, 1e-6))
	act := or(h.HiddenAct, "silu")
	if c.Act = acts[act]; c.Act == "" {
		return nil, h.bad("hidden_act", act, "silu, swish, gelu_new or gelu_pytorch_tanh")
	}
	if h.QuantizationConfig != nil {
		return nil, fmt.Errorf("quantization_config: quantised HF checkpoints are not supported, want plain f32, f16 or bf16 weights")
	}
	if err := f.hf(h, c); err != nil {
		return nil, err
	}
	if c.HeadDim == 0 && h.HeadDim == nil {
		var err error
		if c.HeadDim, err = headDim(c.Hidden, c.Heads); err != nil {
			return nil, err
		}
	}
	if c.HeadDim > 0 {
		c.AttnScale = attnScale(c.HeadDim)
	}
	return c, h.rope(c)
}

// slidingLayers fills Window from layer_types, or from use_sliding_window and
// max_window_layers, as the qwen configs do.
func (h *hfConfig) slidingLayers(c *Config) error {
	w := int64(0)
	if or(h.UseSlidingWindow, false) {
		if w = or(h.SlidingWindow, 4096); h.has("sliding_window") && h.SlidingWindow == nil {
			w = 0
		} else if w < 1 {
			return h.bad("sliding_window", w, "a number > 0 or null")
		}
	}
	if c.Layers < 1 || c.Layers > MaxLayers {
		return nil // check reports it
	}
	first := or(h.MaxWindowLayers, 28)
	if h.LayerTypes != nil && int64(len(h.LayerTypes)) != c.Layers {
		return fmt.Errorf("layer_types has %d entries, want %d, one per layer", len(h.LayerTypes), c.Layers)
	}
	any := false
	all := make([]int64, c.Layers)
	for i := range all {
		slides := w > 0 && int64(i) >= first
		if h.LayerTypes != nil {
			switch t := h.LayerTypes[i]; t {
			case "full_attention":
				slides = false
			case "sliding_attention":
				slides = true
			default:
				return h.bad(fmt.Sprintf("layer_types[%d]", i), t, "full_attention or sliding_attention")
			}
		}
		if slides {
			if w < 1 {
				return fmt.Errorf("layer_types[%d] is sliding_attention, but use_sliding_window and sliding_window give no window", i)
			}
			all[i], any = w, true
		}
	}
	if any {
		c.Window = all
	}
	return nil
}
