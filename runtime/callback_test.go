package runtime_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/segment"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/backendtest"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// next is what the model says behind ids of a fresh session of m.
func next(t *testing.T, m *runtime.Model, ids []int32) (all []float32) {
	t.Helper()
	s := newSession(t, m)
	defer s.Close()
	err := s.Logits(t.Context(), ids, func(i int, l []float32) error {
		if i == len(ids)-1 {
			all = slices.Clone(l)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestCallbackRefuses: what a Logits function may not do is an error in it, and the
// step goes on as if nothing had been tried.
func TestCallbackRefuses(t *testing.T) {
	m := stepModel(t, runtime.Options{Threads: 1})
	s, idle := newSession(t, m), newSession(t, m)
	var errs []error
	try := func(err error) { errs = append(errs, err) }
	out, err := m.Step(t.Context(), []runtime.Append{{Session: s, IDs: walk[:3], Rows: []runtime.Row{{At: 2}}, Logits: func(int, []float32, int) error {
		_, err := idle.Step(t.Context(), walk[:1], nil)
		try(err)
		_, err = s.Fork()
		try(err)
		try(s.Snapshot())
		try(s.Rewind(t.Context(), 0))
		try(s.Close())
		try(m.Close())
		return idle.Close() // one that is in no step
	}}})
	if err != nil || out[0].Err != nil || s.Len() != 3 || s.State().Len() != 3 {
		t.Fatalf("%v, %+v, %d ids, %d positions", err, out, s.Len(), s.State().Len())
	}
	for i, err := range errs {
		if err == nil || !strings.Contains(err.Error(), "step of the model is running") {
			t.Errorf("act %d: %v", i, err)
		}
	}
	if idle.State() != nil {
		t.Error("a session that is in no step was not closed")
	}
}

// TestCallbackPanics: behind a Logits function that panics the sessions are as before.
func TestCallbackPanics(t *testing.T) {
	m := stepModel(t, runtime.Options{Threads: 2})
	s := newSession(t, m)
	if err := s.Extend(t.Context(), walk[:5]); err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if r := recover(); r != "enough" {
				t.Errorf("recovered %v", r)
			}
		}()
		_, _ = m.Step(t.Context(), []runtime.Append{{Session: s, IDs: []int32{1, 2, 3}, Rows: []runtime.Row{{}},
			Logits: func(int, []float32, int) error { panic("enough") }}})
	}()
	if s.Len() != 5 || s.State().Len() != 5 {
		t.Fatalf("%d ids and %d positions, want 5", s.Len(), s.State().Len())
	}
	var got []float32
	err := s.Logits(t.Context(), walk[5:6], func(_ int, l []float32) error { got = slices.Clone(l); return nil })
	if err != nil || !bitsEqual(got, next(t, m, walk[:6])) {
		t.Errorf("%v, or other logits than a session that never panicked", err)
	}
}

// TestCancelStaysWithItsStep: on a device that is late the error of a cancelled step or
// rewind is not that of the next.
func TestCancelStaysWithItsStep(t *testing.T) {
	m, err := runtime.New(tinyProgram(t, convert.Options{DecoderParts: 2}), runtime.Options{
		Backend: backendtest.Late{Inner: cpu.Backend{}, Delay: 3 * time.Millisecond}, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	a, b := newSession(t, m), newSession(t, m)
	for i := range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if _, err := a.Step(ctx, walk[:4], []runtime.Row{{}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a cancelled step: %v", err)
		}
		cancel()
		if a.Len() != 0 || a.State().Len() != 0 {
			t.Fatalf("behind a cancelled step: %d ids, %d positions", a.Len(), a.State().Len())
		}
		if _, err := b.Step(t.Context(), walk[i:i+1], []runtime.Row{{}}); err != nil {
			t.Fatalf("the step behind a cancelled one: %v", err)
		}
	}
}

// TestWholeManyRows: a program that is not cut in front of its logits computes all rows
// of a step at once, or refuses it.
func TestWholeManyRows(t *testing.T) {
	p := tinyProgram(t, convert.Options{})
	g, err := segment.Join(p.Segments)
	if err != nil {
		t.Fatal(err)
	}
	whole := *p
	whole.Segments = []ir.Segment{{Name: "model", Kind: ir.KindModel, Graph: g}}
	m, err := runtime.New(&whole, runtime.Options{Backend: cpu.Backend{}, Threads: 1, MaxChunk: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s := newSession(t, m)
	rows := []runtime.Row{{At: 0}, {At: 1}, {At: 0}, {At: 1}, {At: 0}}
	if out, err := s.Step(t.Context(), walk[:2], rows); err == nil || !strings.Contains(err.Error(), "5 rows") {
		t.Errorf("5 rows where 4 fit: %v, %v", out, err)
	}
	cut := stepModel(t, runtime.Options{Threads: 1})
	tops, err := s.Step(t.Context(), walk[:2], rows[:4])
	if err != nil || s.State().Len() != 2 {
		t.Fatalf("%v, %d positions", err, s.State().Len())
	}
	for i := range tops {
		if want := slices.Max(next(t, cut, walk[:1+i%2])); tops[i].Logits[0] != want {
			t.Errorf("row %d: %v, want %v", i, tops[i].Logits[0], want)
		}
	}
}

// nanWeights makes the f32 weights of the logit segment NaN.
type nanWeights struct{ backend.Weights }

func (w nanWeights) Bytes(segment string, x *ir.Weight) ([]byte, error) {
	b, err := w.Weights.Bytes(segment, x)
	if err != nil || segment != "logit" {
		return b, err
	}
	b = slices.Clone(b)
	for i := 0; i+4 <= len(b); i += 4 {
		binary.LittleEndian.PutUint32(b[i:], math.Float32bits(float32(math.NaN())))
	}
	return b, nil
}

// TestNaNWithoutTop: NaN end an append that asks for logits alone, too.
func TestNaNWithoutTop(t *testing.T) {
	p := tinyProgram(t, convert.Options{})
	p.Weights = nanWeights{p.Weights}
	m, err := runtime.New(p, runtime.Options{Backend: cpu.Backend{}, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, other := newSession(t, m), newSession(t, m)
	out, err := m.Step(t.Context(), []runtime.Append{
		{Session: s, IDs: walk[:2], Rows: []runtime.Row{{At: 1}}, NoTop: true, Logits: func(int, []float32, int) error { t.Error("called with NaN"); return nil }},
		{Session: other, IDs: walk[:2]}})
	if err != nil || !errors.Is(out[0].Err, runtime.ErrNaN) || s.Len() != 0 || s.State().Len() != 0 {
		t.Errorf("%v, %+v, %d ids", err, out, s.Len())
	}
	if out[1].Err != nil || other.Len() != 2 {
		t.Errorf("the other: %+v", out[1])
	}
}

// TestTemperatures: every temperature that is accepted gives a number.
func TestTemperatures(t *testing.T) {
	m := stepModel(t, runtime.Options{Threads: 1})
	for _, temp := range []float32{1e-30, 1e-20, 1e-3, 1, 1e38, math.MaxFloat32} {
		top, err := newSession(t, m).Step(t.Context(), walk[:1], []runtime.Row{{Temperature: temp}})
		if err != nil || math.IsNaN(float64(top[0].LSETemp)) || math.IsInf(float64(top[0].LSETemp), 0) {
			t.Errorf("temperature %v: %+v, %v", temp, top, err)
		}
	}
	for _, temp := range []float32{1e-31, 1.2e-38, 1e-45, float32(math.Inf(1)), float32(math.NaN()), -1} {
		if _, err := newSession(t, m).Step(t.Context(), walk[:1], []runtime.Row{{Temperature: temp}}); err == nil || !strings.Contains(err.Error(), "temperature") {
			t.Errorf("temperature %v: %v", temp, err)
		}
	}
}

// TestSegmentBadCodec: a cache that does not fit is an error, not a nil state.
func TestSegmentBadCodec(t *testing.T) {
	p := tinyProgram(t, convert.Options{})
	p.Segments[1].Graph.States[0].KDim, p.Segments[1].Graph.States[0].VDim = 14, 14
	if s, err := runtime.NewSegment(p, "decoder-0", runtime.Options{Backend: cpu.Backend{}, KVType: "f16/q8_0"}); err == nil || s != nil || !strings.Contains(err.Error(), "decoder-0") {
		t.Errorf("%v, %v", s, err)
	}
}

// TestCallbackSameSession: a Logits function that steps its own session is refused, and
// the step goes on.
func TestCallbackSameSession(t *testing.T) {
	m := stepModel(t, runtime.Options{Threads: 1, MaxRows: 2})
	for what, act := range map[string]func(*runtime.Session) error{
		"step":    func(s *runtime.Session) error { _, err := s.Step(t.Context(), walk[:1], nil); return err },
		"prefill": func(s *runtime.Session) error { _, err := s.Prefill(t.Context(), walk[:1], nil); return err },
		"extend":  func(s *runtime.Session) error { return s.Extend(t.Context(), walk[:1]) },
		"logits":  func(s *runtime.Session) error { return s.Logits(t.Context(), walk[:1], nil) },
		"generate": func(s *runtime.Session) (err error) {
			for _, err = range s.Generate(t.Context(), walk[:1], runtime.GenerateOptions{MaxTokens: 1}) {
			}
			return err
		},
	} {
		s := newSession(t, m)
		var last []float32
		calls := 0
		err := s.Logits(t.Context(), walk[:5], func(_ int, l []float32) error {
			calls++
			last = append(last[:0], l...)
			if err := act(s); err == nil || !strings.Contains(err.Error(), "step of the model is running") {
				t.Errorf("%s within the step: %v", what, err)
			}
			return nil
		})
		if err != nil || calls != 5 || !slices.Equal(s.IDs(), walk[:5]) || s.State().Len() != 5 || !bitsEqual(last, next(t, m, walk[:5])) {
			t.Errorf("%s: %v, %d calls, ids %v, %d positions", what, err, calls, s.IDs(), s.State().Len())
		}
		if err := s.Extend(t.Context(), walk[5:6]); err != nil {
			t.Errorf("%s: the step behind it: %v", what, err)
		}
	}
}

// TestCallbackWrites: what a Logits function writes to, its batch and its row with all
// that its slice reaches, is no other session's.
func TestCallbackWrites(t *testing.T) {
	m := stepModel(t, runtime.Options{Threads: 1})
	a, b := newSession(t, m), newSession(t, m)
	var got []float32
	given := slices.Clone(walk[:2])
	batch := []runtime.Append{{Session: a, IDs: walk[:1], Rows: []runtime.Row{{}}},
		{Session: b, IDs: given, Rows: []runtime.Row{{At: 1}}, Logits: func(_ int, l []float32, _ int) error { got = slices.Clone(l); return nil }}}
	batch[0].Logits = func(_ int, l []float32, _ int) error {
		_ = append(l, 1e9)
		given[0] = -1
		clear(batch)
		return nil
	}
	out, err := m.Step(t.Context(), batch)
	if err != nil || out[0].Err != nil || out[1].Err != nil {
		t.Fatalf("%v, %+v", err, out)
	}
	if !slices.Equal(a.IDs(), walk[:1]) || !slices.Equal(b.IDs(), walk[:2]) || !bitsEqual(got, next(t, m, walk[:2])) {
		t.Errorf("ids %v and %v, or other logits than alone", a.IDs(), b.IDs())
	}
}

// TestProgressSteps: a progress function may step other sessions; what comes behind the
// prompt stays.
func TestProgressSteps(t *testing.T) {
	m := stepModel(t, runtime.Options{Threads: 1, MaxChunk: 4})
	other := newSession(t, m)
	step := func(int, int) {
		if _, err := other.Step(t.Context(), walk[1:4], []runtime.Row{{At: 2}}); err != nil {
			t.Error(err)
		}
	}
	gen := func(progress func(int, int)) []runtime.Token {
		ids, _, err := generate(t, m, walk[:6], runtime.GenerateOptions{MaxTokens: 4, IgnoreEOS: true, Progress: progress})
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	if want, got := gen(nil), gen(step); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestAdjustedAway: adjustments and a mask that leave nothing to choose end their append
// with an error of their own; NaN of the weights stay what they are.
func TestAdjustedAway(t *testing.T) {
	inf := float32(math.Inf(1))
	p := tinyProgram(t, convert.Options{})
	sick := *p
	sick.Weights = nanWeights{p.Weights}
	g, err := segment.Join(p.Segments)
	if err != nil {
		t.Fatal(err)
	}
	whole := *p
	whole.Segments = []ir.Segment{{Name: "model", Kind: ir.KindModel, Graph: g}}
	for _, x := range []struct {
		name string
		p    *runtime.Program
		want error
	}{{"cut", p, runtime.ErrAdjusted}, {"whole", &whole, runtime.ErrAdjusted}, {"NaN", &sick, runtime.ErrNaN}} {
		m, err := runtime.New(x.p, runtime.Options{Backend: cpu.Backend{}, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		mask := make([]uint32, 8)
		mask[0] = 1 << 5
		adjust := func(bias float32) runtime.Adjustments {
			return runtime.Adjustments{IDs: []int32{5}, Scale: []float32{1}, Bias: []float32{bias}}
		}
		s, other := newSession(t, m), newSession(t, m)
		for i, row := range []runtime.Row{{Adjust: adjust(-inf), Allow: mask}, {Adjust: adjust(inf)}, {Adjust: adjust(inf), Allow: mask}} {
			out, err := m.Step(t.Context(), []runtime.Append{{Session: s, IDs: walk[:2], Rows: []runtime.Row{row}}, {Session: other, IDs: walk[:1]}})
			if err != nil || !errors.Is(out[0].Err, x.want) || s.Len() != 0 || s.State().Len() != 0 || out[1].Err != nil || other.Len() != i+1 {
				t.Errorf("%s, row %d: %v, %+v, %d ids", x.name, i, err, out, s.Len())
			}
		}
	}
}

// TestCallbackChangesRows: a Logits function that makes nonsense of rows of its step ends the
// appends they belong to, and nobody else.
func TestCallbackChangesRows(t *testing.T) {
	for name, spoil := range map[string]func(r *runtime.Row){
		"an id":         func(r *runtime.Row) { r.Adjust.IDs[0] = 1 << 30 },
		"scales":        func(r *runtime.Row) { r.Adjust.Scale = nil },
		"a mask":        func(r *runtime.Row) { r.Allow = []uint32{} },
		"a temperature": func(r *runtime.Row) { r.Temperature = float32(math.NaN()) },
	} {
		t.Run(name, func(t *testing.T) {
			m := stepModel(t, runtime.Options{Threads: 1, MaxRows: 1})
			a, b := newSession(t, m), newSession(t, m)
			rows := []runtime.Row{{}, {At: 1, Adjust: runtime.Adjustments{IDs: []int32{1}, Scale: []float32{1}, Bias: []float32{1}}}}
			out, err := m.Step(t.Context(), []runtime.Append{
				{Session: a, IDs: walk[:2], Rows: rows, Logits: func(int, []float32, int) error { spoil(&rows[1]); return nil }},
				{Session: b, IDs: walk[:2], Rows: []runtime.Row{{At: 1}}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if out[0].Err == nil || a.Len() != 0 || out[1].Err != nil || b.Len() != 2 || len(out[1].Tops) != 1 {
				t.Errorf("%v with %d ids, %v with %d ids", out[0].Err, a.Len(), out[1].Err, b.Len())
			}
			held := out[1].Tops[0]
			ids, logits := slices.Clone(held.IDs), slices.Clone(held.Logits)
			top, err := newSession(t, m).Step(t.Context(), walk[:2], []runtime.Row{{At: 1}})
			if err != nil || !slices.Equal(top[0].IDs, ids) || !slices.Equal(top[0].Logits, logits) {
				t.Errorf("alone %v (%v), in company %v", top, err, held)
			}
		})
	}
}

// TestClosedModel: sessions of a closed model do nothing any more.
func TestClosedModel(t *testing.T) {
	m := stepModel(t, runtime.Options{Threads: 1})
	s := newSession(t, m)
	if err := s.Extend(t.Context(), walk[:5]); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	_, forked := s.Fork()
	for what, err := range map[string]error{"rewind": s.Rewind(t.Context(), 2), "fork": forked, "snapshot": s.Snapshot(), "extend": s.Extend(t.Context(), walk[:1])} {
		if !errors.Is(err, backend.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
