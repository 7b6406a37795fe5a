package runtime_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/runtime"
)

// TestAppendContext: the context of an append ends that alone, before the step and within
// it.
func TestAppendContext(t *testing.T) {
	m := stepModel(t, runtime.Options{Threads: 1})
	a, b := newSession(t, m), newSession(t, m)
	if err := a.Extend(t.Context(), walk[:3]); err != nil {
		t.Fatal(err)
	}
	for round, before := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if before {
			cancel()
		}
		out, err := m.Step(t.Context(), []runtime.Append{
			{Session: a, IDs: walk[3:6], Ctx: ctx, Rows: []runtime.Row{{At: 2}}},
			{Session: b, IDs: walk[:2], Rows: []runtime.Row{{At: 1}}, Logits: func(int, []float32, int) error { cancel(); return nil }},
		})
		if err != nil || !errors.Is(out[0].Err, context.Canceled) || out[0].Tops != nil || a.Len() != 3 || a.State().Len() != 3 {
			t.Errorf("round %d: %v, %+v, %d ids", round, err, out[0], a.Len())
		}
		if out[1].Err != nil || b.Len() != 2*(round+1) {
			t.Errorf("round %d: the other: %+v, %d ids", round, out[1], b.Len())
		}
	}
	var got []float32
	err := a.Logits(t.Context(), walk[3:4], func(_ int, l []float32) error { got = slices.Clone(l); return nil })
	if err != nil || !bitsEqual(got, next(t, m, walk[:4])) {
		t.Errorf("%v, or other logits behind it", err)
	}
}

// halves is a host that takes appends apart, and counts what it is asked.
type halves struct {
	m                *runtime.Model
	appends, borders int
}

func (h *halves) Append(ctx context.Context, a *runtime.Append, apart bool) (tops []runtime.Top, err error) {
	h.appends++
	n := len(a.IDs)
	cuts := []int{0, n}
	if apart && n > 1 {
		cuts = []int{0, n / 2, n}
	}
	for i, from := range cuts[:len(cuts)-1] {
		part, before, _ := a.Part(from, cuts[i+1], nil)
		if see := part.Logits; see != nil {
			part.Logits = func(first int, logits []float32, vocab int) error { return see(before+first, logits, vocab) }
		}
		out, err := h.m.Step(ctx, []runtime.Append{part})
		if err != nil {
			return nil, err
		}
		if out[0].Err != nil {
			return nil, out[0].Err
		}
		for _, top := range out[0].Tops {
			top.IDs, top.Logits = slices.Clone(top.IDs), slices.Clone(top.Logits)
			tops = append(tops, top)
		}
	}
	return tops, nil
}

func (h *halves) Border(_ context.Context, f func() error) error {
	h.borders++
	return f()
}

// TestHost: a session asks its host for all that touches the device, and says the same
// where that takes its appends apart.
func TestHost(t *testing.T) {
	m := stepModel(t, runtime.Options{Threads: 1, MaxChunk: 8})
	h := &halves{m: m}
	s, err := m.NewHosted(h)
	if err != nil {
		t.Fatal(err)
	}
	var got []float32
	rows := 0
	if err := s.Logits(t.Context(), walk, func(i int, l []float32) error {
		if i != rows {
			t.Errorf("row %d, want %d", i, rows)
		}
		rows++
		got = slices.Clone(l)
		return nil
	}); err != nil || rows != len(walk) || !bitsEqual(got, next(t, m, walk)) {
		t.Errorf("%v, %d rows, or other logits", err, rows)
	}
	if h.appends != 2 || h.borders != 0 {
		t.Errorf("%d appends and %d borders, want 2 and 0", h.appends, h.borders)
	}
	f, err := s.Fork()
	if err != nil {
		t.Fatal(err)
	}
	other := &halves{m: m}
	g, err := s.ForkHosted(other)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Snapshot(), s.Rewind(t.Context(), 4), f.Extend(t.Context(), walk[:1]), g.Extend(t.Context(), walk[:3]), f.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if h.appends != 3 || h.borders != 5 || other.appends != 1 || other.borders != 0 {
		t.Errorf("%d appends and %d borders, and %d and %d of the other", h.appends, h.borders, other.appends, other.borders)
	}
	top, err := g.Prefill(t.Context(), walk[:5], nil)
	if err != nil || top.Logits[0] != slices.Max(next(t, m, slices.Concat(walk, walk[:3], walk[:5]))) {
		t.Errorf("%v, %+v", err, top)
	}
}
