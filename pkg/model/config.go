package model

import (
	"fmt"
	"math"
	"strconv"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// Config is the canonical description of a decoder, whatever container it
// came from. The family builds it once.
type Config struct {
	Arch          string  `json:"arch"` // the family: "llama", "qwen3"
	Hidden        int64   `json:"hidden"`
	Vocab         int64   `json:"vocab"` // rows of the output matrix
	ContextLength int64   `json:"context_length"`
	RMSEps        float64 `json:"rms_eps"`
	Tied          bool    `json:"tied"`

	// Ropes are the rotations that layers name by index.
	Ropes []Rope `json:"ropes"`
	// Layers holds everything in which layers may differ.
	Layers []Layer `json:"layers"`
}

// Layer describes one decoder block. Which norms stand where and how the parts
// are joined is the block function of the family.
type Layer struct {
	Attn Attn `json:"attention"`
	FFN  FFN  `json:"ffn"`
}

// Attn is the attention of a layer.
type Attn struct {
	Heads   int64   `json:"heads"`
	KVHeads int64   `json:"kv_heads"`
	HeadDim int64   `json:"head_dim"`
	Scale   float64 `json:"scale"`            // of the scores
	Window  int64   `json:"window,omitempty"` // positions a query sees, itself counted; 0: all before it
	Rope    int     `json:"rope"`             // index into Config.Ropes, or NoRope
	Bias    bool    `json:"bias,omitempty"`   // of q, k and v
	OutBias bool    `json:"out_bias,omitempty"`
}

// NoRope is the rotation of a layer that does not rotate.
const NoRope = -1

// FFN is the feed-forward of a layer.
type FFN struct {
	Width int64     `json:"width"`
	Act   ir.OpName `json:"act"` // on the gate
	Bias  bool      `json:"bias,omitempty"`
}

// Bounds of what a config may ask for.
const (
	MaxLayers  = 1024
	MaxSize    = 1 << 28 // hidden, intermediate, vocab, heads·head_dim
	MaxHeads   = 1 << 16
	MaxHeadDim = 1 << 16
	MaxContext = 1 << 31
)

// bound is a number with its limits.
type bound struct {
	what      string
	v, lo, hi int64
}

func within(all ...bound) error {
	for _, f := range all {
		if f.v < f.lo || f.v > f.hi {
			return fmt.Errorf("%s is %d, want %d to %d", f.what, f.v, f.lo, f.hi)
		}
	}
	return nil
}

// check bounds every number before anything is built from it.
func (c *Config) check() error {
	err := within(
		bound{"number of layers", int64(len(c.Layers)), 1, MaxLayers},
		bound{"hidden size", c.Hidden, 1, MaxSize},
		bound{"vocabulary size", c.Vocab, 1, MaxSize},
		bound{"context length", c.ContextLength, 1, MaxContext})
	if err != nil {
		return err
	}
	if !(c.RMSEps >= 0 && c.RMSEps < 1) {
		return fmt.Errorf("rms norm epsilon is %v, want 0 to 1", c.RMSEps)
	}
	for i := range c.Layers {
		err := c.layer(&c.Layers[i])
		switch {
		case err != nil && c.Layers[i] == c.Layers[0]:
			return err // of all layers, as far as one can tell
		case err != nil:
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	for i := range c.Ropes {
		if err := c.Ropes[i].check(); err != nil {
			return err
		}
	}
	return nil
}

// layer checks one layer.
func (c *Config) layer(l *Layer) error {
	a := &l.Attn
	err := within(
		bound{"intermediate size", l.FFN.Width, 1, MaxSize},
		bound{"number of heads", a.Heads, 1, MaxHeads},
		bound{"number of KV heads", a.KVHeads, 1, a.Heads},
		bound{"head dim", a.HeadDim, 2, MaxHeadDim},
		bound{"sliding window", a.Window, 0, MaxContext},
		bound{"rotation", int64(a.Rope), NoRope, int64(len(c.Ropes)) - 1})
	switch {
	case err != nil:
		return err
	case a.Heads%a.KVHeads != 0:
		return fmt.Errorf("%d heads are not a multiple of %d KV heads", a.Heads, a.KVHeads)
	case a.Rope != NoRope && a.HeadDim%2 != 0:
		return fmt.Errorf("head dim %d is odd, rotation needs pairs", a.HeadDim)
	case a.Rope != NoRope && c.Ropes[a.Rope].Dim > a.HeadDim:
		return fmt.Errorf("%d rotated channels in heads of %d", c.Ropes[a.Rope].Dim, a.HeadDim)
	case a.Heads*a.HeadDim > MaxSize:
		return fmt.Errorf("%d heads of dim %d are more than %d channels", a.Heads, a.HeadDim, MaxSize)
	case !(a.Scale > 0 && a.Scale <= math.MaxFloat32):
		return fmt.Errorf("attention scale is %v, want a number > 0", a.Scale)
	}
	return nil
}

// String is the layer for people, on one line.
func (l Layer) String() string {
	a, s := &l.Attn, ""
	s = fmt.Sprintf("attention %d heads of %d (%d KV), scale %.6g", a.Heads, a.HeadDim, a.KVHeads, a.Scale)
	if a.Window > 0 {
		s += fmt.Sprintf(", window %d", a.Window)
	}
	if a.Rope == NoRope {
		s += ", no rope"
	} else {
		s += fmt.Sprintf(", rope %d", a.Rope)
	}
	for _, b := range []struct {
		on   bool
		text string
	}{{a.Bias, ", q k v biased"}, {a.OutBias, ", output biased"}} {
		if b.on {
			s += b.text
		}
	}
	s += fmt.Sprintf("; ffn %d %s", l.FFN.Width, l.FFN.Act)
	if l.FFN.Bias {
		s += ", biased"
	}
	return s
}

// Lines is the config for people. A run of equal layers is one line.
func (c *Config) Lines() []string {
	lines := []string{fmt.Sprintf("%-12s hidden %d, vocabulary %d, context %d, norm epsilon %g, tied %v", c.Arch, c.Hidden, c.Vocab, c.ContextLength, c.RMSEps, c.Tied)}
	for i, r := range c.Ropes {
		lines = append(lines, fmt.Sprintf("%-12s %s", fmt.Sprintf("rope %d", i), r))
	}
	for lo := 0; lo < len(c.Layers); {
		hi := lo + 1
		for hi < len(c.Layers) && c.Layers[hi] == c.Layers[lo] {
			hi++
		}
		which := fmt.Sprintf("layers %d-%d", lo, hi-1)
		if hi == lo+1 {
			which = fmt.Sprintf("layer %d", lo)
		}
		lines = append(lines, fmt.Sprintf("%-12s %s", which, c.Layers[lo]))
		lo = hi
	}
	return lines
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
