package runtime_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu"
	"github.com/tessera-llm/tessera/runtime/sampler"
)

// bundleOf converts a committed checkpoint.
func bundleOf(t *testing.T, name string) string {
	t.Helper()
	ck, err := checkpoint.Open(testutil.Model(name))
	if err != nil {
		t.Fatal(err)
	}
	defer ck.Close()
	p, err := convert.NewPlan(context.Background(), ck, convert.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), name+".tess")
	if err := p.Write(context.Background(), out, convert.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return out
}

func openModel(t *testing.T, bundle string, o runtime.Options) *runtime.Model {
	t.Helper()
	o.Backend = cpu.Backend{}
	m, err := runtime.Open(bundle, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// generate collects a generation from a new session.
func generate(t *testing.T, m *runtime.Model, prompt []int32, o runtime.GenerateOptions) ([]runtime.Token, *runtime.Session, error) {
	t.Helper()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var all []runtime.Token
	for tok, err := range s.Generate(context.Background(), prompt, o) {
		if err != nil {
			return all, s, err
		}
		all = append(all, tok)
	}
	return all, s, nil
}

func tokenIDs(all []runtime.Token) []int32 {
	var ids []int32
	for _, t := range all {
		ids = append(ids, t.ID)
	}
	return ids
}

// TestGenerateStops: at MaxTokens, at a stop token, when the caller breaks off,
// at the end of the context.
func TestGenerateStops(t *testing.T) {
	m := openModel(t, bundleOf(t, "llama-f32"), runtime.Options{Threads: 1, Context: 40})
	prompt := []int32{3, 1, 4, 1, 5}
	all, s, err := generate(t, m, prompt, runtime.GenerateOptions{MaxTokens: 12, IgnoreEOS: true})
	if err != nil || len(all) != 12 {
		t.Fatalf("%d tokens (%v)", len(all), err)
	}
	// The last token was not appended: nothing was computed behind it.
	if want := slices.Concat(prompt, tokenIDs(all)[:11]); !slices.Equal(s.IDs(), want) {
		t.Errorf("the session holds %v, want %v", s.IDs(), want)
	}
	for _, tok := range all {
		if !(tok.LogProb <= 0) || tok.Stop {
			t.Errorf("token %+v", tok)
		}
	}
	stop := all[7].ID
	first := slices.IndexFunc(all, func(tok runtime.Token) bool { return tok.ID == stop })
	got, _, err := generate(t, m, prompt, runtime.GenerateOptions{MaxTokens: 12, Stop: []int32{stop}})
	if err != nil || len(got) != first+1 || !got[first].Stop || !slices.Equal(tokenIDs(got), tokenIDs(all)[:first+1]) {
		t.Errorf("with a stop id: %+v (%v)", got, err)
	}
	_, _, err = generate(t, m, prompt, runtime.GenerateOptions{IgnoreEOS: true})
	var full *runtime.ContextError
	if !errors.As(err, &full) || full.Max != 40 {
		t.Errorf("a full context: %v", err)
	}
	if _, _, err := generate(t, m, nil, runtime.GenerateOptions{MaxTokens: 1}); err == nil || !strings.Contains(err.Error(), "no tokens") {
		t.Errorf("an empty prompt: %v", err)
	}
	if _, _, err := generate(t, m, prompt, runtime.GenerateOptions{MaxTokens: 1, Sampler: sampler.Config{Temperature: -1}}); err == nil {
		t.Error("a negative temperature")
	}
	if _, _, err := generate(t, m, prompt, runtime.GenerateOptions{MaxTokens: 1, Bias: map[int32]float32{1 << 20: 1}}); err == nil || !strings.Contains(err.Error(), "adjusted id") {
		t.Errorf("a bias on an id that is none: %v", err)
	}
	s, _ = m.NewSession()
	for range s.Generate(context.Background(), prompt, runtime.GenerateOptions{MaxTokens: 12}) {
		break
	}
	if s.Len() != len(prompt) {
		t.Errorf("broken off, the session holds %d tokens", s.Len())
	}
}

// TestAdjustments: a bias forbids and forces tokens; a repetition penalty
// changes ids that were seen; topk and the whole row agree about both.
func TestAdjustments(t *testing.T) {
	m := openModel(t, bundleOf(t, "llama-f32"), runtime.Options{Threads: 1})
	prompt := []int32{3, 1, 4, 1, 5}
	plain, _, err := generate(t, m, prompt, runtime.GenerateOptions{MaxTokens: 10, IgnoreEOS: true})
	if err != nil {
		t.Fatal(err)
	}
	forbid := map[int32]float32{plain[0].ID: float32(math.Inf(-1)), plain[1].ID: -1e9}
	got, _, err := generate(t, m, prompt, runtime.GenerateOptions{MaxTokens: 10, IgnoreEOS: true, Bias: forbid})
	if err != nil {
		t.Fatal(err)
	}
	for _, tok := range got {
		if _, bad := forbid[tok.ID]; bad {
			t.Errorf("forbidden id %d", tok.ID)
		}
	}
	got, _, err = generate(t, m, prompt, runtime.GenerateOptions{MaxTokens: 5, IgnoreEOS: true, Bias: map[int32]float32{77: 1e6}})
	if err != nil || !slices.Equal(tokenIDs(got), []int32{77, 77, 77, 77, 77}) {
		t.Errorf("a forced id: %v (%v)", tokenIDs(got), err)
	}
	// A strong penalty: no id comes twice while others are near.
	penal := sampler.Config{RepetitionPenalty: 1000}
	got, _, err = generate(t, m, prompt, runtime.GenerateOptions{MaxTokens: 30, IgnoreEOS: true, Sampler: penal})
	if err != nil {
		t.Fatal(err)
	}
	seen := slices.Clone(prompt)
	for _, tok := range got {
		if slices.Contains(seen, tok.ID) {
			t.Errorf("id %d came again under the penalty", tok.ID)
		}
		seen = append(seen, tok.ID)
	}
	// top-k 64 is served by topk, top-k 65 by the row: the same adjustments give
	// the same draws while the tail is never drawn.
	draw := func(k int) []int32 {
		cfg := sampler.Config{Temperature: 0.3, TopK: k, TopP: 0.5, RepetitionPenalty: 1.3, Seed: 5}
		got, _, err := generate(t, m, prompt, runtime.GenerateOptions{MaxTokens: 30, IgnoreEOS: true, Sampler: cfg, Bias: map[int32]float32{9: 0.5}})
		if err != nil {
			t.Fatal(err)
		}
		return tokenIDs(got)
	}
	if a, b := draw(60), draw(65); !slices.Equal(a, b) {
		t.Logf("from the top %v\nfrom the row %v", a, b)
		if a[0] != b[0] || a[1] != b[1] {
			t.Error("top and row disagree at once")
		}
	}
}

// TestNaN: a bundle whose weights are NaN opens, because nothing reads all of
// it, and ends a generation with an error that names the situation.
func TestNaN(t *testing.T) {
	bundle := bundleOf(t, "llama-f32")
	path := filepath.Join(bundle, "decoder-0.bin")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(data); i += 4 {
		binary.LittleEndian.PutUint32(data[i:], 0x7fc00000)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	m := openModel(t, bundle, runtime.Options{Threads: 2})
	for _, cfg := range []sampler.Config{{}, {Temperature: 1}} {
		if _, _, err := generate(t, m, []int32{1, 2}, runtime.GenerateOptions{MaxTokens: 3, Sampler: cfg}); !errors.Is(err, runtime.ErrNaN) {
			t.Errorf("%v, want ErrNaN", err)
		}
	}
}

// TestCheck: programs whose segments do not fit together.
func TestCheck(t *testing.T) {
	p, err := runtime.OpenProgram(bundleOf(t, "llama-f32"), "")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	s := p.Segments
	renamed := s[1]
	renamed.Name = "other"
	wide := ir.NewGraph("embed")
	in := wide.AddInput("tokens", ir.Type{Elem: ir.F32, Shape: ir.Shape{ir.S, 7}})
	out, err := wide.Add(ir.Node{Op: "silu", In: []ir.ValueID{in}}, "hidden.embed")
	if err != nil {
		t.Fatal(err)
	}
	wide.Outputs = out
	for _, c := range []struct {
		want string
		segs []ir.Segment
	}{
		{"without segments", nil},
		{"made by no earlier segment", []ir.Segment{s[1], s[0]}},
		{"made by no earlier segment", s[2:]},
		{"are called", []ir.Segment{s[0], s[0]}},
		{"exists already", []ir.Segment{s[0], s[1], renamed}},
		{"an earlier segment makes", []ir.Segment{{Name: "embed", Graph: wide}, s[1]}},
	} {
		q := &runtime.Program{Segments: c.segs, Weights: p.Weights, Meta: p.Meta}
		if err := q.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
		if _, err := runtime.New(q, runtime.Options{Backend: cpu.Backend{}}); err == nil {
			t.Errorf("a program that breaks %q was compiled", c.want)
		}
	}
	// New owns the program whether it works or not.
	for _, o := range []runtime.Options{
		{}, {Backend: cpu.Backend{}, MaxChunk: -1}, {Backend: cpu.Backend{}, MaxRows: -1}, {Backend: cpu.Backend{}, PartialBytes: -1}, {Backend: cpu.Backend{}, Context: -5},
		{Backend: cpu.Backend{}, Threads: -1}, {Backend: cpu.Backend{}, Threads: 1 << 20}, {Backend: cpu.Backend{}, Threads: 1},
	} {
		closed := 0
		q := &runtime.Program{Segments: p.Segments, Weights: p.Weights, Meta: p.Meta, Close: func() error { closed++; return nil }}
		m, err := runtime.New(q, o)
		if (err == nil) != (o.Threads == 1) {
			t.Errorf("%+v: %v", o, err)
		}
		if err == nil {
			if closed != 0 {
				t.Error("New closed the program of a model that works")
			}
			s, err := m.NewSession()
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(m.Close(), m.Close(), s.Close(), s.Close()); err != nil {
				t.Error(err)
			}
			_, err = s.Prefill(t.Context(), []int32{1}, nil)
			_, err2 := m.NewSession()
			if !errors.Is(err, backend.ErrClosed) || !errors.Is(err2, backend.ErrClosed) {
				t.Errorf("behind Close: %v, %v", err, err2)
			}
		}
		if closed != 1 {
			t.Errorf("%+v: the program was closed %d times", o, closed)
		}
	}
	shared := *p
	shared.Close = nil
	m, err := runtime.New(&shared, runtime.Options{Backend: cpu.Backend{}, KVType: "q4_k"})
	if err == nil {
		if _, err = m.NewSession(); err == nil {
			t.Error("cache type q4_k is accepted")
		}
	}
}
