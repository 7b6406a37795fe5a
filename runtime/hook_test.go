package runtime_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/sampler"
)

var hookSamplers = []sampler.Config{
	{}, {RepetitionPenalty: 1.4}, {Temperature: 0.8, TopK: 20, Seed: 3}, {Temperature: 1, TopP: 0.9, RepetitionPenalty: 1.2, Seed: 4}, {Temperature: 0.7, TopK: 100, MinP: 0.1, Seed: 5},
}

// TestHookSees: a Logits function that changes nothing changes no token and no bit of its
// probability, and sees the row as the model made it: once per token, before the adjustments.
func TestHookSees(t *testing.T) {
	m := openModel(t, bundleOf(t, "llama-f32"), runtime.Options{Threads: 1, MaxChunk: 4})
	prompt := walk[:6]
	for _, cfg := range hookSamplers {
		o := runtime.GenerateOptions{MaxTokens: 8, IgnoreEOS: true, Sampler: cfg, Bias: map[int32]float32{9: 0.5, 11: -2}}
		want, _, err := generate(t, m, prompt, o)
		if err != nil {
			t.Fatal(err)
		}
		var rows [][]float32
		o.Logits = func(l []float32) error { rows = append(rows, slices.Clone(l)); return nil }
		got, s, err := generate(t, m, prompt, o)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v: %v (%v), want %v", cfg, got, err, want)
		}
		if len(rows) != len(got) {
			t.Fatalf("%+v: %d calls for %d tokens", cfg, len(rows), len(got))
		}
		for i, row := range rows {
			if !bitsEqual(row, next(t, m, s.IDs()[:len(prompt)+i])) {
				t.Errorf("%+v: token %d: the hook saw another row", cfg, i)
			}
		}
	}
}

// TestHookChanges: the token comes from the changed row, under the adjustments, and its
// probability is that of the changed row.
func TestHookChanges(t *testing.T) {
	m := openModel(t, bundleOf(t, "llama-f32"), runtime.Options{Threads: 1})
	prompt := walk[:5]
	inf := float32(math.Inf(1))
	for _, cfg := range hookSamplers {
		o := runtime.GenerateOptions{MaxTokens: 20, IgnoreEOS: true, Sampler: cfg}
		plain, _, err := generate(t, m, prompt, o)
		if err != nil {
			t.Fatal(err)
		}
		bad := plain[0].ID
		var lse []float64
		o.Logits = func(l []float32) error {
			l[bad] = -inf
			sum := 0.0
			for _, v := range l {
				sum += math.Exp(float64(v))
			}
			lse = append(lse, math.Log(sum))
			return nil
		}
		got, s, err := generate(t, m, prompt, o)
		if err != nil || len(got) != 20 || slices.Contains(tokenIDs(got), bad) {
			t.Errorf("%+v without id %d: %v (%v)", cfg, bad, tokenIDs(got), err)
		}
		for i, tok := range got {
			if cfg.Penalises() {
				break // the sum above is that without a penalty
			}
			row := next(t, m, s.IDs()[:len(prompt)+i])
			if want := float64(row[tok.ID]) - lse[i]; math.Abs(float64(tok.LogProb)-want) > 1e-5 {
				t.Errorf("%+v, token %d: log probability %v, want %v", cfg, i, tok.LogProb, want)
			}
		}
	}
	// Two equal ids, one of them under a bias: the hook comes first.
	got, _, err := generate(t, m, prompt, runtime.GenerateOptions{MaxTokens: 3, IgnoreEOS: true, Bias: map[int32]float32{7: 3}, Logits: func(l []float32) error {
		for i := range l {
			l[i] = -inf
		}
		l[6], l[7] = 0, 0
		return nil
	}})
	if err != nil || len(got) != 3 {
		t.Fatalf("%v, %v", got, err)
	}
	for _, tok := range got {
		if want := -math.Log(1 + math.Exp(-3)); tok.ID != 7 || math.Abs(float64(tok.LogProb)-want) > 1e-6 {
			t.Errorf("%+v, want id 7 with %v", tok, want)
		}
	}
}

// TestHookEnds: an error of the Logits function is that of the generation, and so is a
// row that leaves nothing to choose.
func TestHookEnds(t *testing.T) {
	m := openModel(t, bundleOf(t, "llama-f32"), runtime.Options{Threads: 1})
	enough := errors.New("enough")
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	fill := func(l []float32, v float32) error {
		for i := range l {
			l[i] = v
		}
		return nil
	}
	for name, c := range map[string]struct {
		act  func(l []float32) error
		want error
	}{
		"error":    {func([]float32) error { return enough }, enough},
		"nothing":  {func(l []float32) error { return fill(l, -inf) }, runtime.ErrAdjusted},
		"NaN":      {func(l []float32) error { return fill(l, nan) }, runtime.ErrAdjusted},
		"one NaN":  {func(l []float32) error { l[200] = nan; return nil }, runtime.ErrAdjusted},
		"infinite": {func(l []float32) error { l[3] = inf; return nil }, runtime.ErrAdjusted},
		"overflow": {func(l []float32) error { l[9] = math.MaxFloat32; return nil }, runtime.ErrAdjusted}, // with its bias
	} {
		for _, cfg := range hookSamplers {
			calls := 0
			got, s, err := generate(t, m, walk[:5], runtime.GenerateOptions{MaxTokens: 9, IgnoreEOS: true, Sampler: cfg, Bias: map[int32]float32{9: 2e38},
				Logits: func(l []float32) error {
					if calls++; calls < 3 {
						return nil
					}
					return c.act(l)
				}})
			if !errors.Is(err, c.want) || len(got) != 2 || calls != 3 || s.Len() != 7 {
				t.Errorf("%s, %+v: %v behind %d tokens and %d calls, %d held", name, cfg, err, len(got), calls, s.Len())
			}
		}
	}
}

// TestHookSteps: a Logits function may step other sessions of the model, and what a
// caller appends to its slice reaches nothing.
func TestHookSteps(t *testing.T) {
	m := stepModel(t, runtime.Options{Threads: 1})
	other := newSession(t, m)
	for _, cfg := range hookSamplers {
		o := runtime.GenerateOptions{MaxTokens: 5, IgnoreEOS: true, Sampler: cfg}
		want, _, err := generate(t, m, walk[:3], o)
		if err != nil {
			t.Fatal(err)
		}
		o.Logits = func(l []float32) error {
			_ = append(l, 1e9)
			_, err := other.Step(t.Context(), walk[4:6], []runtime.Row{{At: 1}})
			return err
		}
		got, _, err := generate(t, m, walk[:3], o)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v: %v (%v), want %v", cfg, got, err, want)
		}
	}
}

// TestHookOverflows: a row that leaves float32 at the temperature is the error that it is in a step.
func TestHookOverflows(t *testing.T) {
	m := stepModel(t, runtime.Options{Threads: 1})
	for temperature, want := range map[float32]string{1e-3: "overflow at temperature 0.001", 1: ""} {
		_, _, err := generate(t, m, walk[:3], runtime.GenerateOptions{MaxTokens: 1, Sampler: sampler.Config{Temperature: temperature, TopK: 5},
			Logits: func(l []float32) error { l[2] = 1e38; return nil }})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("temperature %v: %v, want %q", temperature, err, want)
		}
	}
}
