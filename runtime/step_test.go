package runtime_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// stepModel is a small model of two decoders.
func stepModel(t testing.TB, o runtime.Options) *runtime.Model {
	t.Helper()
	return modelOf(t, convert.Options{DecoderParts: 2}, o)
}

func modelOf(t testing.TB, c convert.Options, o runtime.Options) *runtime.Model {
	t.Helper()
	o.Backend = cpu.Backend{}
	m, err := runtime.New(tinyProgram(t, c), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func newSession(t testing.TB, m *runtime.Model) *runtime.Session {
	t.Helper()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// script is what one session does, step by step.
type script struct {
	ids  [][]int32
	rows [][]runtime.Row
}

// said is what the model said to a script.
type said struct {
	tops   []runtime.Top
	logits []float32
}

func (a *said) add(out runtime.Outcome) {
	for _, top := range out.Tops {
		top.IDs, top.Logits = slices.Clone(top.IDs), slices.Clone(top.Logits)
		a.tops = append(a.tops, top)
	}
}

func (a *said) see(_ int, logits []float32, _ int) error {
	a.logits = append(a.logits, logits...)
	return nil
}

func (a *said) equal(b *said) bool {
	return bitsEqual(a.logits, b.logits) && slices.EqualFunc(a.tops, b.tops, func(x, y runtime.Top) bool {
		return slices.Equal(x.IDs, y.IDs) && bitsEqual(x.Logits, y.Logits) && bitsEqual([]float32{x.LSE, x.LSETemp}, []float32{y.LSE, y.LSETemp})
	})
}

func bitsEqual(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// scripts differ in how much they append when, what they want of it, and how
// they change it.
func scripts() []script {
	all := make([]script, 6)
	for i := range all {
		for n := range 5 {
			ids := make([]int32, []int{1, 7, 1, 2, 13, 1, 3}[(n+2*i)%7])
			for j := range ids {
				ids[j] = int32(7*i+31*n+3*j) % 256
			}
			var rows []runtime.Row
			for j := (i + n) % 2; j < len(ids); j += 2 {
				r := runtime.Row{At: int32(len(ids) - 1 - j), Temperature: float32(i) / 2}
				for a := range i {
					r.Adjust.IDs = append(r.Adjust.IDs, int32(11*a+n))
					r.Adjust.Scale = append(r.Adjust.Scale, 1.5)
					r.Adjust.Bias = append(r.Adjust.Bias, float32(a)-2)
				}
				if i%2 == 1 {
					r.Allow = slices.Repeat([]uint32{0x3333_0000 >> i}, 8)
				}
				rows = append(rows, r)
			}
			all[i].ids, all[i].rows = append(all[i].ids, ids), append(all[i].rows, rows)
		}
	}
	return all
}

// TestStepCompany: sessions in one step say what each says alone, bit by bit,
// also when their rows do not fit into one block.
func TestStepCompany(t *testing.T) {
	for i, c := range []convert.Options{{DecoderParts: 2}, {}, {Type: quant.Q8_0}, {Type: quant.Q4_0, Disable: []string{"propagate-layout"}}} {
		threads := 1 + i%2
		alone := modelOf(t, c, runtime.Options{Threads: threads, MaxChunk: 64})
		together := modelOf(t, c, runtime.Options{Threads: threads, MaxChunk: 64, MaxRows: 3})
		all := scripts()
		want, got := make([]said, len(all)), make([]said, len(all))
		sessions := make([]*runtime.Session, len(all))
		for i, sc := range all {
			s := newSession(t, alone)
			for n, ids := range sc.ids {
				out, err := alone.Step(t.Context(), []runtime.Append{{Session: s, IDs: ids, Rows: sc.rows[n], Logits: want[i].see}})
				if err != nil || out[0].Err != nil {
					t.Fatal(err, out)
				}
				want[i].add(out[0])
			}
			sessions[i] = newSession(t, together)
		}
		for n := range 5 {
			var batch []runtime.Append
			for i, sc := range all {
				batch = append(batch, runtime.Append{Session: sessions[i], IDs: sc.ids[n], Rows: sc.rows[n], Logits: got[i].see})
			}
			out, err := together.Step(t.Context(), batch)
			if err != nil {
				t.Fatal(err)
			}
			for i := range out {
				if out[i].Err != nil {
					t.Fatal(out[i].Err)
				}
				got[i].add(out[i])
			}
		}
		for i := range all {
			if !got[i].equal(&want[i]) || len(got[i].tops) == 0 {
				t.Errorf("%+v, %d threads: session %d says something else in company", c, threads, i)
			}
			if !slices.Equal(sessions[i].IDs(), slices.Concat(all[i].ids...)) || sessions[i].State().Len() != sessions[i].Len() {
				t.Errorf("session %d holds %v", i, sessions[i].IDs())
			}
		}
	}
}

// TestStepErrors: what is wrong with one append ends that one; the others get
// what they would have got, and its session is as before.
func TestStepErrors(t *testing.T) {
	m := stepModel(t, runtime.Options{Threads: 2, MaxChunk: 32, Context: 40})
	prompt := []int32{5, 200, 17, 3}
	start := func(n int) *runtime.Session {
		s := newSession(t, m)
		for len(s.IDs()) < n {
			if err := s.Extend(t.Context(), prompt); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	good := func(s *runtime.Session) runtime.Append {
		return runtime.Append{Session: s, IDs: []int32{9, 8}, Rows: []runtime.Row{{At: 1}}}
	}
	out, err := m.Step(t.Context(), []runtime.Append{good(start(4))})
	if err != nil || out[0].Err != nil {
		t.Fatal(err)
	}
	var want said
	want.add(out[0])
	var full *runtime.ContextError
	for _, c := range []struct {
		what string
		want string
		a    runtime.Append
	}{
		{"a full context", "context is full", runtime.Append{Session: start(40), IDs: []int32{1}}},
		{"a bad id", "token id 256", runtime.Append{Session: start(8), IDs: []int32{1, 256}}},
		{"a negative id", "token id -1", runtime.Append{Session: start(8), IDs: []int32{-1}}},
		{"nothing to append", "no tokens", runtime.Append{Session: start(8)}},
		{"a row beyond", "row 1", runtime.Append{Session: start(8), IDs: []int32{1}, Rows: []runtime.Row{{At: 1}}}},
		{"a mask of nothing", "allows no token", runtime.Append{Session: start(8), IDs: []int32{1}, Rows: []runtime.Row{{Allow: make([]uint32, 8)}}}},
		{"a short mask", "needs 8", runtime.Append{Session: start(8), IDs: []int32{1}, Rows: []runtime.Row{{Allow: []uint32{1}}}}},
		{"a bad adjustment", "adjusted id 256", runtime.Append{Session: start(8), IDs: []int32{1}, Rows: []runtime.Row{{Adjust: runtime.Adjustments{IDs: []int32{256}, Scale: []float32{1}, Bias: []float32{0}}}}}},
		{"a scale of 0", "scale 0", runtime.Append{Session: start(8), IDs: []int32{1}, Rows: []runtime.Row{{Adjust: runtime.Adjustments{IDs: []int32{1}, Scale: []float32{0}, Bias: []float32{0}}}}}},
		{"half an adjustment", "0 scales", runtime.Append{Session: start(8), IDs: []int32{1}, Rows: []runtime.Row{{Adjust: runtime.Adjustments{IDs: []int32{1}}}}}},
		{"a negative temperature", "temperature -1", runtime.Append{Session: start(8), IDs: []int32{1}, Rows: []runtime.Row{{Temperature: -1}}}},
		{"logits nobody wants", "enough", runtime.Append{Session: start(8), IDs: []int32{1}, Rows: []runtime.Row{{}}, Logits: func(int, []float32, int) error { return errors.New("enough") }}},
		{"a bias that is infinite", "bias of +Inf", runtime.Append{Session: start(8), IDs: []int32{1}, Rows: []runtime.Row{{Adjust: runtime.Adjustments{IDs: []int32{1}, Scale: []float32{1}, Bias: []float32{float32(math.Inf(1))}}}}}},
	} {
		for _, at := range []int{0, 1} {
			before := c.a.Session.Len()
			s := start(4)
			batch := slices.Insert([]runtime.Append{good(s)}, at, c.a)
			out, err := m.Step(t.Context(), batch)
			if err != nil {
				t.Fatalf("%s: the step failed: %v", c.what, err)
			}
			if err := out[at].Err; err == nil || !strings.Contains(err.Error(), c.want) || out[at].Tops != nil {
				t.Errorf("%s: %v, want %q", c.what, err, c.want)
			}
			if at == 0 && strings.Contains(c.want, "full") && !errors.As(out[at].Err, &full) {
				t.Errorf("%s is %T", c.what, out[at].Err)
			}
			if c.a.Session.Len() != before || c.a.Session.State().Len() != before {
				t.Errorf("%s: the session has %d tokens and %d positions, had %d", c.what, c.a.Session.Len(), c.a.Session.State().Len(), before)
			}
			var got said
			if got.add(out[1-at]); out[1-at].Err != nil || !got.equal(&want) || s.Len() != 6 {
				t.Errorf("%s: the other session got %+v", c.what, out[1-at])
			}
		}
	}
}

// TestStepRefuses: what makes no sense as a step is its error, and changes no
// session.
func TestStepRefuses(t *testing.T) {
	m, other := stepModel(t, runtime.Options{Threads: 1, MaxChunk: 4}), stepModel(t, runtime.Options{Threads: 1})
	a, b, closed := newSession(t, m), newSession(t, m), newSession(t, m)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	one := func(s *runtime.Session, n int) runtime.Append {
		return runtime.Append{Session: s, IDs: make([]int32, n), Rows: []runtime.Row{{}}}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		want  string
		ctx   context.Context
		batch []runtime.Append
	}{
		{"twice", t.Context(), []runtime.Append{one(a, 1), one(b, 1), one(a, 1)}},
		{"5 tokens, at most 4", t.Context(), []runtime.Append{one(a, 2), one(b, 3)}},
		{"another model", t.Context(), []runtime.Append{one(a, 1), one(newSession(t, other), 1)}},
		{"closed", t.Context(), []runtime.Append{one(a, 1), one(closed, 1)}},
		{"no session", t.Context(), []runtime.Append{one(a, 1), {}}},
		{"canceled", cancelled, []runtime.Append{one(a, 1), one(b, 1)}},
	} {
		if _, err := m.Step(c.ctx, c.batch); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
		if a.Len() != 0 || b.Len() != 0 || a.State().Len() != 0 || b.State().Len() != 0 {
			t.Fatalf("%s: the sessions changed", c.want)
		}
	}
	if out, err := m.Step(t.Context(), nil); err != nil || len(out) != 0 {
		t.Errorf("an empty step: %v, %v", out, err)
	}
}

// TestManyAdjustments: more than a vocabulary of adjustments and masks for every
// row of a step are only memory.
func TestManyAdjustments(t *testing.T) {
	m := stepModel(t, runtime.Options{Threads: 1, MaxChunk: 16})
	s := newSession(t, m)
	var all runtime.Adjustments
	for id := range int32(256) {
		all.IDs, all.Scale, all.Bias = append(all.IDs, id), append(all.Scale, 1), append(all.Bias, -float32(id))
	}
	for n := 1; n <= 16; n++ {
		var rows []runtime.Row
		for i := range n {
			rows = append(rows, runtime.Row{At: int32(i), Adjust: all, Allow: slices.Repeat([]uint32{1 << i}, 8)})
		}
		tops, err := s.Step(t.Context(), make([]int32, n), rows)
		if err != nil {
			t.Fatal(err)
		}
		for i, top := range tops {
			if top.IDs[0]%32 != int32(i) || top.Logits[8] > -math.MaxFloat32 {
				t.Errorf("row %d of %d: %v", i, n, top.IDs[:9])
			}
		}
	}
}

// TestStepAllocates: a step of sessions that decode allocates nothing.
func TestStepAllocates(t *testing.T) {
	m := stepModel(t, runtime.Options{Threads: 2, MaxChunk: 16, Context: 1024})
	batch := make([]runtime.Append, 5)
	for i := range batch {
		s := newSession(t, m)
		for range 270 + i {
			if err := s.Extend(t.Context(), []int32{1}); err != nil {
				t.Fatal(err)
			}
		}
		batch[i] = runtime.Append{Session: s, IDs: []int32{int32(i)}, Rows: []runtime.Row{{Temperature: 0.5, Allow: slices.Repeat([]uint32{7}, 8),
			Adjust: runtime.Adjustments{IDs: []int32{1}, Scale: []float32{2}, Bias: []float32{0}}}}}
	}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := m.Step(ctx, batch); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations per step", n)
	}
}
