package model

import (
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// turning says how many channels of a head of dim channels rotate, from the
// keys of the scaling object (nil when there is none) and of the top level.
type turning func(k, scaling *keys, dim int64) int64

// wholeHead is for families that rotate whole heads: a config that says
// otherwise is refused.
func wholeHead(k, scaling *keys, dim int64) int64 {
	if k.gguf {
		if d := k.intOr(rotaryDim, dim); d != dim {
			k.fail("%s is %d, want the head dim %d: partial rotation is not part of %s", k.full(rotaryDim), d, dim, k.arch)
		}
		return dim
	}
	for _, o := range []*keys{scaling, k} {
		if o == nil {
			continue
		}
		if f := o.floatOr("partial_rotary_factor", 1); f != 1 {
			o.fail("%s is %v, want 1: partial rotation is not part of %s", o.full("partial_rotary_factor"), f, o.arch)
		}
	}
	return dim
}

// partOfHead is for families that may rotate the first channels of a head only.
func partOfHead(k, scaling *keys, dim int64) int64 {
	if k.gguf {
		return k.intOr(rotaryDim, dim)
	}
	f := k.floatOr("partial_rotary_factor", 1)
	if scaling != nil {
		f = scaling.floatOr("partial_rotary_factor", f)
	}
	if !(f > 0 && f <= 1) {
		k.fail("partial_rotary_factor is %v, want more than 0 and at most 1", f)
		return dim
	}
	return int64(f * float64(dim))
}

// ropeTypes lists the keys that each supported type must have and may have.
var ropeTypes = map[string]struct{ must, may []string }{
	"default": {},
	"linear":  {must: []string{"factor"}},
	"llama3":  {must: []string{"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}},
	"yarn": {must: []string{"factor", "original_max_position_embeddings"},
		may: []string{"beta_fast", "beta_slow", "attention_factor", "mscale", "mscale_all_dim", "truncate"}},
}

// rotation reads the rotation of heads of dim channels.
func rotation(k *keys, dim int64, turn turning) Rope {
	if k.gguf {
		return ggufRotation(k, dim, turn)
	}
	r, newer := k.object("rope_scaling"), k.object("rope_parameters")
	if r != nil && newer != nil {
		k.fail("rope_scaling and rope_parameters are both given, want one of them")
	}
	if r == nil {
		r = newer
	}
	theta := k.floatOr("rope_theta", 1e4)
	if r == nil {
		return Rope{Type: "default", Theta: short(theta), Dim: turn(k, nil, dim)}
	}
	for _, key := range []string{"rope_theta", "partial_rotary_factor"} {
		if a, b := k.values[k.name(key)], r.values[key]; k.given(key) && r.given(key) && !sameNumber(a, b) {
			k.fail("%s is %s and %s is %s, want one of them", k.full(key), show(a), r.full(key), show(b))
		}
	}
	rope := Rope{Theta: short(r.floatOr("rope_theta", theta)), Dim: turn(k, r, dim)}
	r.scaling(&rope)
	return rope
}

// sameNumber reports whether both values are the same number, or not both are
// numbers, which their reader says.
func sameNumber(a, b value) bool {
	x, okA := a.number()
	y, okB := b.number()
	return !okA || !okB || x == y
}

// scaling reads rope_scaling, or rope_parameters of newer configs, into rope.
func (r *keys) scaling(rope *Rope) {
	older := r.strOr("type", "")
	rope.Type = r.strOr("rope_type", older)
	switch {
	case older != "" && rope.Type != older:
		r.fail("%s has type %q and rope_type %q, want one of them", r.path[:len(r.path)-1], older, rope.Type)
	case rope.Type == "":
		rope.Type = "default"
	}
	t, ok := ropeTypes[rope.Type]
	if !ok {
		r.bad("rope_type", rope.Type, "default, linear, llama3 or yarn")
		return
	}
	for _, key := range t.must {
		if !r.given(key) {
			r.fail("%s is missing, rope type %s needs it", r.full(key), rope.Type)
		}
	}
	number := func(key string, def float64) float64 {
		if !slices.Contains(t.must, key) && !slices.Contains(t.may, key) {
			return def // left over, if it is there
		}
		return r.floatOr(key, def)
	}
	rope.Factor, rope.Original = short(number("factor", 0)), number("original_max_position_embeddings", 0)
	rope.LowFreq, rope.HighFreq = short(number("low_freq_factor", 0)), short(number("high_freq_factor", 0))
	if rope.Type == "yarn" {
		r.yarn(rope)
	}
}

// yarn completes rope from the keys of a yarn config.
func (r *keys) yarn(rope *Rope) {
	rope.BetaFast, rope.BetaSlow = nonZero(r.floatOr("beta_fast", 0), 32), nonZero(r.floatOr("beta_slow", 0), 1)
	rope.Smooth = !r.boolOr("truncate", true)
	scale := yarnScale(rope.Factor, 1)
	m, all := r.floatOr("mscale", 0), r.floatOr("mscale_all_dim", 0)
	if m != 0 && all != 0 {
		scale = yarnScale(rope.Factor, m) / yarnScale(rope.Factor, all)
	}
	rope.Scale = short(r.floatOr("attention_factor", scale))
}

// nonZero is v, or def for 0, which transformers takes for absent.
func nonZero(v, def float64) float64 {
	if v != 0 {
		return v
	}
	return def
}

// ggufRotation reads the rotation of a GGUF.
func ggufRotation(k *keys, dim int64, turn turning) Rope {
	rope := Rope{Type: "default", Theta: short(k.floatOr("rope_theta", 1e4)), Dim: turn(k, nil, dim)}
	k.only("rope.scaling.attn_factor", "1")
	k.only("rope.scaling.yarn_ext_factor", "1")
	k.only("rope.scaling.yarn_attn_factor", "1")
	typ, factor := k.strOr("rope.scaling.type", ""), k.floatOr("rope.scale_linear", 0)
	factor = k.floatOr("rope.scaling.factor", factor)
	// Converters write the context before scaling and the betas for other types too.
	original := k.intOr("rope.scaling.original_context_length", 0)
	fast, slow := k.floatOr("rope.scaling.yarn_beta_fast", 32), k.floatOr("rope.scaling.yarn_beta_slow", 1)
	switch typ {
	case "none":
	case "", "linear":
		if factor != 0 && factor != 1 { // 0 stands for 1
			rope.Type, rope.Factor = "linear", short(factor)
		}
	case "yarn":
		if original == 0 {
			k.fail("%s is missing, rope type yarn needs it", k.full("rope.scaling.original_context_length"))
		}
		rope.Type, rope.Factor, rope.Original = "yarn", short(factor), float64(original)
		rope.BetaFast, rope.BetaSlow, rope.Scale = short(fast), short(slow), short(yarnScale(rope.Factor, 1))
	default:
		k.fail("%s is %q, want none, linear or yarn", k.full("rope.scaling.type"), typ)
	}
	return rope
}

// divisors reads rope_freqs.weight, in which GGUF files of llama hold what
// scaling does to each frequency.
func (k *keys) divisors(rope *Rope) {
	if !k.gguf {
		return
	}
	t, ok := k.tensors.info(ropeFreqs)
	if !ok {
		return
	}
	if rope.Type != "default" {
		k.fail("tensor %q and rope scaling %q exclude each other", ropeFreqs, rope.Type)
		return
	}
	if want := (tensor.Shape{rope.Dim / 2}); !t.Type.Float() || !t.Shape.Equal(want) {
		k.fail("tensor %q in %s is %s %v, want floats %v", ropeFreqs, t.File, t.Type, t.Shape, want)
		return
	}
	div, err := k.tensors.floats(ropeFreqs)
	if err != nil {
		k.fail("%w", err)
	}
	rope.Type, rope.Divisors = "divisors", div
	k.tensors.take(ropeFreqs, "folded into rope.inv_freq")
}

// String is the rotation for people.
func (r Rope) String() string {
	s := fmt.Sprintf("%s, theta %g, %d channels", r.Type, r.Theta, r.Dim)
	for _, f := range []struct {
		what string
		v    float64
	}{{"factor", r.Factor}, {"low", r.LowFreq}, {"high", r.HighFreq}, {"original context", r.Original},
		{"beta fast", r.BetaFast}, {"beta slow", r.BetaSlow}, {"scale", r.Scale}} {
		if f.v != 0 {
			s += fmt.Sprintf(", %s %g", f.what, f.v)
		}
	}
	return s
}
