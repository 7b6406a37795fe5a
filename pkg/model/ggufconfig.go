package model

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// keys of the architecture prefix that are read, or that change nothing here.
var knownKeys = []string{
	"vocab_size", "context_length", "embedding_length", "block_count", "feed_forward_length",
	"attention.head_count", "attention.head_count_kv", "attention.key_length", "attention.value_length",
	"attention.layer_norm_rms_epsilon", "attention.scale", "attention.sliding_window",
	"rope.dimension_count", "rope.freq_base", "rope.scale_linear",
	"rope.scaling.type", "rope.scaling.factor", "rope.scaling.original_context_length", "rope.scaling.finetuned",
	"rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow",
	"tensor_data_layout",
}

// neutral lists keys that are accepted at one value, the one that means "off".
var neutral = map[string]string{
	"expert_count": "0", "expert_used_count": "0", "attention.causal": "true", "use_parallel_residual": "false",
	"rope.scaling.attn_factor": "1", "rope.scaling.yarn_ext_factor": "1", "rope.scaling.yarn_attn_factor": "1", "attn_logit_softcapping": "0", "final_logit_softcapping": "0",
	"logit_scale": "0", "residual_scale": "0", "embedding_scale": "0",
	"leading_dense_block_count": "0", "nextn_predict_layers": "0", "pooling_type": "0",
}

// ggufConfig reads the metadata of a GGUF.
func ggufConfig(in *input, f *family) (*Config, error) {
	arch := f.ggufArch
	if err := checkKeys(in, arch); err != nil {
		return nil, err
	}
	c := &Config{Arch: f.name, Act: "silu", Tied: !in.has("output.weight")}
	for _, size := range []struct {
		key      string
		dst      *int64
		required bool
	}{
		{"embedding_length", &c.Hidden, true},
		{"block_count", &c.Layers, true},
		{"feed_forward_length", &c.Intermediate, true},
		{"context_length", &c.ContextLength, true},
		{"attention.head_count", &c.Heads, true},
		{"attention.head_count_kv", &c.KVHeads, false},
		{"attention.key_length", &c.HeadDim, false},
		{"vocab_size", &c.Vocab, false},
	} {
		n, ok, err := in.uniform(arch + "." + size.key)
		if err != nil {
			return nil, err
		}
		if !ok && size.required {
			return nil, fmt.Errorf("%s.%s is missing", arch, size.key)
		}
		if ok && n <= 0 {
			return nil, fmt.Errorf("%s.%s is %d, want a number > 0", arch, size.key, n)
		}
		*size.dst = n
	}
	if c.KVHeads == 0 {
		c.KVHeads = c.Heads
	}
	if c.HeadDim == 0 {
		var err error
		if c.HeadDim, err = headDim(c.Hidden, c.Heads); err != nil {
			return nil, err
		}
	}
	if err := ggufRest(in, arch, c); err != nil {
		return nil, err
	}
	if err := ggufRope(in, f, c); err != nil {
		return nil, err
	}
	return c, f.gguf(in, c)
}

// ggufRest reads what is not a plain size.
func ggufRest(in *input, arch string, c *Config) error {
	if v, ok, err := in.int(arch + ".attention.value_length"); err != nil {
		return err
	} else if ok && v != c.HeadDim {
		return fmt.Errorf("%s.attention.value_length is %d, want the key length %d", arch, v, c.HeadDim)
	}
	if c.Vocab == 0 { // older files leave it to the embedding
		if t, ok := in.info("token_embd.weight"); ok && len(t.Shape) == 2 {
			c.Vocab = t.Shape[0]
		}
	}
	eps, ok, err := in.float(arch + ".attention.layer_norm_rms_epsilon")
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%s.attention.layer_norm_rms_epsilon is missing", arch)
	}
	c.RMSEps = short(eps)
	c.AttnScale = attnScale(c.HeadDim)
	if s, ok, err := in.float(arch + ".attention.scale"); err != nil {
		return err
	} else if ok && s != 0 {
		c.AttnScale = short(s)
	}
	w, ok, err := in.int(arch + ".attention.sliding_window")
	if err != nil {
		return err
	}
	if ok && w < 0 {
		return fmt.Errorf("%s.attention.sliding_window is %d, want a number >= 0", arch, w)
	}
	c.Window = window(c.Layers, w)
	return nil
}

// ggufRope reads the rotation.
func ggufRope(in *input, f *family, c *Config) error {
	pre := f.ggufArch + ".rope."
	c.Rope = Rope{Type: "default", Theta: 1e4, Dim: c.HeadDim}
	if th, ok, err := in.float(pre + "freq_base"); err != nil {
		return err
	} else if ok {
		c.Rope.Theta = short(th)
	}
	if d, ok, err := in.int(pre + "dimension_count"); err != nil {
		return err
	} else if ok && d != c.HeadDim {
		return fmt.Errorf("%sdimension_count is %d, want the head dim %d: partial rotation is not part of %s", pre, d, c.HeadDim, c.Arch)
	}
	typ, hasType, err := in.str(pre + "scaling.type")
	if err != nil {
		return err
	}
	factor, hasFactor, err := in.float(pre + "scaling.factor")
	if err != nil {
		return err
	}
	if !hasFactor {
		if factor, hasFactor, err = in.float(pre + "scale_linear"); err != nil {
			return err
		}
	}
	switch {
	case typ == "none" || !hasType && (!hasFactor || factor == 0 || factor == 1):
	case typ == "linear" || !hasType:
		if factor != 0 && factor != 1 {
			c.Rope.Type, c.Rope.Factor = "linear", short(factor)
		}
	case typ == "yarn":
		c.Rope.Type, c.Rope.Factor = "yarn", short(factor)
		if err := ggufYarn(in, pre+"scaling.", &c.Rope); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%sscaling.type is %q, want none, linear or yarn", pre, typ)
	}
	return ggufDivisors(in, f, c)
}

// ggufDivisors reads rope_freqs.weight.
func ggufDivisors(in *input, f *family, c *Config) error {
	t, ok := in.info(ropeFreqs)
	if !ok || !f.ropeFreqs {
		return nil
	}
	if c.Rope.Type != "default" {
		return fmt.Errorf("tensor %q and rope scaling %q exclude each other", ropeFreqs, c.Rope.Type)
	}
	if want := (tensor.Shape{c.HeadDim / 2}); t.Type != tensor.F32 || !t.Shape.Equal(want) {
		return fmt.Errorf("tensor %q in %s is %s %v, want f32 %v", ropeFreqs, t.File, t.Type, t.Shape, want)
	}
	div, err := in.floats(ropeFreqs)
	if err != nil {
		return err
	}
	c.Rope.Type, c.Rope.Divisors = "divisors", div
	return nil
}

// checkKeys refuses metadata of the architecture that is not understood.
func checkKeys(in *input, arch string) error {
	for _, key := range in.kv.Keys() {
		k, ok := strings.CutPrefix(key, arch+".")
		if !ok || slices.Contains(knownKeys, k) {
			continue
		}
		want, ok := neutral[k]
		if !ok {
			return fmt.Errorf("metadata key %q is not known", key)
		}
		if v, _ := in.kv.Value(key); v.Text() != want {
			return fmt.Errorf("%s is %.60s, want %s: not supported for %s", key, v.Text(), want, arch)
		}
	}
	return nil
}

func attnScale(headDim int64) float64 { return 1 / math.Sqrt(float64(headDim)) }
