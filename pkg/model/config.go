package model

import (
	"fmt"
	"math"
	"strconv"
)

// Config is the canonical description of a decoder, whatever container it
// came from.
type Config struct {
	Arch          string  `json:"arch"` // the family: "llama", "qwen3"
	Layers        int64   `json:"layers"`
	Hidden        int64   `json:"hidden"`
	Intermediate  int64   `json:"intermediate"`
	Heads         int64   `json:"heads"`
	KVHeads       int64   `json:"kv_heads"`
	HeadDim       int64   `json:"head_dim"`
	Vocab         int64   `json:"vocab"` // rows of the output matrix
	ContextLength int64   `json:"context_length"`
	RMSEps        float64 `json:"rms_eps"`
	AttnScale     float64 `json:"attn_scale"`
	Act           string  `json:"act"` // op of the feed-forward gate: silu, gelu_tanh
	Rope          Rope    `json:"rope"`
	Tied          bool    `json:"tied"`

	QKVBias    bool `json:"qkv_bias,omitempty"`
	OutputBias bool `json:"output_bias,omitempty"` // of attn_output
	FFNBias    bool `json:"ffn_bias,omitempty"`
	QKNorm     bool `json:"qk_norm,omitempty"` // RMSNorm of each q and k head

	// Window is the sliding window of each layer, 0 where attention is full;
	// nil when no layer slides.
	Window []int64 `json:"window,omitempty"`
}

// Bounds of what a config may ask for.
const (
	MaxLayers  = 1024
	MaxSize    = 1 << 28 // hidden, intermediate, vocab, heads·head_dim
	MaxHeads   = 1 << 16
	MaxHeadDim = 1 << 16
	MaxContext = 1 << 31
)

// check bounds every number before anything is built from it.
func (c *Config) check() error {
	for _, f := range []struct {
		what      string
		v, lo, hi int64
	}{
		{"number of layers", c.Layers, 1, MaxLayers},
		{"hidden size", c.Hidden, 1, MaxSize},
		{"intermediate size", c.Intermediate, 1, MaxSize},
		{"vocabulary size", c.Vocab, 1, MaxSize},
		{"number of heads", c.Heads, 1, MaxHeads},
		{"number of KV heads", c.KVHeads, 1, c.Heads},
		{"head dim", c.HeadDim, 2, MaxHeadDim},
		{"context length", c.ContextLength, 1, MaxContext},
	} {
		if f.v < f.lo || f.v > f.hi {
			return fmt.Errorf("%s is %d, want %d to %d", f.what, f.v, f.lo, f.hi)
		}
	}
	switch {
	case c.Heads%c.KVHeads != 0:
		return fmt.Errorf("%d heads are not a multiple of %d KV heads", c.Heads, c.KVHeads)
	case c.HeadDim%2 != 0:
		return fmt.Errorf("head dim %d is odd, rotation needs pairs", c.HeadDim)
	case c.Heads*c.HeadDim > MaxSize:
		return fmt.Errorf("%d heads of dim %d are more than %d channels", c.Heads, c.HeadDim, MaxSize)
	case !(c.RMSEps >= 0 && c.RMSEps < 1):
		return fmt.Errorf("rms norm epsilon is %v, want 0 to 1", c.RMSEps)
	case !(c.AttnScale > 0 && c.AttnScale <= math.MaxFloat32):
		return fmt.Errorf("attention scale is %v, want a number > 0", c.AttnScale)
	}
	for i, w := range c.Window {
		if w < 0 || w > MaxContext {
			return fmt.Errorf("sliding window of layer %d is %d, want 0 to %d", i, w, int64(MaxContext))
		}
	}
	return c.Rope.check()
}

// headDim derives the usual head dimension.
func headDim(hidden, heads int64) (int64, error) {
	if heads <= 0 || hidden%heads != 0 {
		return 0, fmt.Errorf("hidden size %d is not a multiple of %d heads and no head dim is given", hidden, heads)
	}
	return hidden / heads, nil
}

// window gives every layer the window w, or returns nil for none.
func window(layers, w int64) []int64 {
	if w == 0 || layers < 1 || layers > MaxLayers {
		return nil
	}
	all := make([]int64, layers)
	for i := range all {
		all[i] = w
	}
	return all
}

// short is the shortest decimal that rounds to the float32 next to v: HF
// writes 1e-05, GGUF the float32, and both mean the same number.
func short(v float64) float64 {
	s, err := strconv.ParseFloat(strconv.FormatFloat(float64(float32(v)), 'g', -1, 32), 64)
	if err != nil {
		return v
	}
	return s
}
