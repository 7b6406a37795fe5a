package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu"
	"github.com/tessera-llm/tessera/runtime/reference"
)

// namedProgram converts a committed checkpoint in memory.
func namedProgram(t *testing.T, name string, o convert.Options) *runtime.Program {
	t.Helper()
	ck, err := checkpoint.Open(testutil.Model(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	plan, err := convert.NewPlan(t.Context(), ck, o)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Program(2)
}

// TestMemoryParts holds every part of the sum to what a model that is used to the full
// has then: the sum comes from the code that allocates, so most are equal.
func TestMemoryParts(t *testing.T) {
	type use struct {
		sessions, depth, chunk int
		kv                     string
	}
	programs := map[string]*runtime.Program{
		"llama":             namedProgram(t, "llama-f32", convert.Options{Type: quant.Q8_0}),
		"qwen2 in parts":    namedProgram(t, "qwen2-f32", convert.Options{DecoderParts: 2}),
		"mistral, a window": namedProgram(t, "mistral-window-f32", convert.Options{Type: quant.F16}),
		"convolutions":      hybridProgram(t),
	}
	for name, p := range programs {
		for _, u := range []use{{1, 500, 512, "f16"}, {1, 40, 16, "f32/f16"}, {3, 400, 64, "f32"}, {5, 500, 7, "f16"}} {
			what := fmt.Sprintf("%s, %+v", name, u)
			shared := *p
			shared.Close = nil
			m, err := runtime.New(&shared, runtime.Options{Backend: cpu.Backend{}, Threads: 2, MaxChunk: u.chunk, Context: u.depth, KVType: u.kv})
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			sum, err := m.Memory(runtime.Load{Sessions: u.sessions, Rows: m.Options().MaxRows})
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			all := useInFull(t, m, u.sessions, u.depth, false)
			st := m.Stats()
			var held int64
			for _, s := range all {
				held += s.State().Memory().Own
			}
			if st.Arena+st.Stage != sum.Arena || st.Tables != sum.Tables || st.Scratch != sum.Scratch {
				t.Errorf("%s: plans %d and stage %d, tables %d, scratch %d, foretold %d, %d and %d", what, st.Arena, st.Stage, st.Tables, st.Scratch, sum.Arena, sum.Tables, sum.Scratch)
			}
			if st.Partials > sum.Partials || u.depth > 256 && 4*st.Partials < sum.Partials { // spans of one token, not of four
				t.Errorf("%s: partial results take %d, foretold %d", what, st.Partials, sum.Partials)
			}
			if held > sum.States || name != "mistral, a window" && name != "convolutions" && held != sum.States {
				t.Errorf("%s: states take %d, foretold %d", what, held, sum.States)
			}
			parts := int64(0)
			for _, x := range sum.Parts() {
				parts += x.Bytes
			}
			if parts != sum.Sum || sum.Weights <= 0 || sum.Process != runtime.ProcessBytes || sum.Logits > sum.Buffers {
				t.Errorf("%s: parts add up to %d: %+v", what, parts, sum)
			}
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestMemoryOfPlan: a conversion that is planned takes what the bundle takes, but for what
// is known to be mapped.
func TestMemoryOfPlan(t *testing.T) {
	h := newHybrid(t, "")
	planned := &runtime.Program{Segments: h.segments("embed", "layer.1", "logits"), Weights: weights.NewMemory(h.src, 1)}
	written := h.bundle(t, planned.Segments)
	defer written.Close()
	o := runtime.Options{Backend: cpu.Backend{}, Threads: 2}
	a, err := planned.Memory(o, runtime.Load{Sessions: 2, Positions: 300})
	if err != nil {
		t.Fatal(err)
	}
	b, err := written.Memory(o, runtime.Load{Sessions: 2, Positions: 300})
	if err != nil {
		t.Fatal(err)
	}
	if b.Mapped != b.Weights || a.Mapped != 0 {
		t.Errorf("mapped are %d of %d bytes of the bundle, %d of the plan", b.Mapped, b.Weights, a.Mapped)
	}
	if b.Mapped = 0; a != b {
		t.Errorf("planned %+v, written %+v", a, b)
	}
}

// TestMemoryReference: the reference interpreter says its own.
func TestMemoryReference(t *testing.T) {
	p := namedProgram(t, "llama-f32", convert.Options{Type: quant.Q8_0})
	m, err := runtime.New(p, runtime.Options{Backend: reference.Backend{}, Context: 9, MaxChunk: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	sum, err := m.Memory(runtime.Load{Sessions: 2})
	if err != nil {
		t.Fatal(err)
	}
	held, numbers := int64(0), int64(0)
	for _, s := range useInFull(t, m, 2, 9, false) {
		held += s.State().Memory().Own
	}
	for _, s := range p.Segments {
		for _, w := range s.Graph.Weights {
			n, err := w.Shape.Elements()
			if err != nil {
				t.Fatal(err)
			}
			numbers += n
		}
	}
	if held != sum.States || sum.Copies != 8*numbers || sum.Arena == 0 || sum.Scratch != 0 {
		t.Errorf("states of %d bytes, %d numbers in weights, foretold %+v", held, numbers, sum)
	}
}

// TestMaxMemory: what is beyond the bound is refused before anything is compiled, and the
// error says what fits; that fits, and one more does not.
func TestMaxMemory(t *testing.T) {
	p := namedProgram(t, "llama-f32", convert.Options{Type: quant.Q8_0})
	o := runtime.Options{Backend: cpu.Backend{}, Threads: 1, Context: 4000, MaxSessions: 3}
	all, err := p.Memory(o, runtime.Load{Sessions: 3, Rows: runtime.DefaultRows})
	if err != nil {
		t.Fatal(err)
	}
	try := func(o runtime.Options) error {
		m, err := runtime.New(p, o)
		if err != nil {
			return err
		}
		return m.Close()
	}
	o.MaxMemory = all.Sum
	if err := try(o); err != nil {
		t.Errorf("just enough: %v", err)
	}
	o.MaxMemory = all.Sum - 1
	var e *runtime.MemoryError
	if err := try(o); !errors.As(err, &e) {
		t.Fatalf("a byte too little: %v", err)
	}
	for _, want := range []string{"3 sessions of 4000 tokens would take ", "weights ", "states ", "activations ", fmt.Sprintf("a context of %d tokens fits, or a chunk of %d", e.FitPositions, e.FitChunk)} {
		if !strings.Contains(e.Error(), want) {
			t.Errorf("%q says nothing of %q", e, want)
		}
	}
	for _, c := range []struct {
		set func(o *runtime.Options, n int)
		n   int
	}{{func(o *runtime.Options, n int) { o.Context = n }, e.FitPositions}, {func(o *runtime.Options, n int) { o.MaxChunk = n }, e.FitChunk}} {
		fit := o
		if c.set(&fit, c.n); try(fit) != nil {
			t.Errorf("%d was said to fit: %v", c.n, try(fit))
		}
		if c.set(&fit, c.n+1); try(fit) == nil {
			t.Errorf("%d was said to be the most, one more fits too", c.n)
		}
	}
	o.MaxMemory = 1000
	if err := try(o); !errors.As(err, &e) || e.FitPositions != 0 || e.FitChunk != 0 || !strings.Contains(err.Error(), "smaller --type") {
		t.Errorf("1000 bytes: %v", err)
	}
	if _, err := runtime.NewSegment(p, "logit", o); !errors.As(err, &e) || e.States != 0 {
		t.Errorf("a segment in 1000 bytes: %v", err)
	}
	o.MaxMemory = -1
	if err := try(o); err == nil {
		t.Error("a negative bound")
	}
}

// TestSessionsThatFit: as many as said, not one more.
func TestSessionsThatFit(t *testing.T) {
	p := namedProgram(t, "mistral-window-f32", convert.Options{Type: quant.F16})
	o := runtime.Options{Backend: cpu.Backend{}, Threads: 1, MaxChunk: 64}
	const bound = 64 << 20
	n, m, err := p.Sessions(o, 400, bound)
	if err != nil || n < 2 || m.Sessions != n || m.Sum > bound {
		t.Fatalf("%d sessions, %v: %+v", n, err, m)
	}
	if more, err := p.Memory(o, runtime.Load{Sessions: n + 1, Positions: 400}); err != nil || more.Sum <= bound {
		t.Errorf("one more takes %d of %d bytes, %v", more.Sum, int64(bound), err)
	}
	var e *runtime.MemoryError
	if n, _, err := p.Sessions(o, 400, 1000); n != 0 || !errors.As(err, &e) {
		t.Errorf("%d sessions fit into nothing, %v", n, err)
	}
}

// TestMemoryOverflow: what cannot be counted is an error, never less than it is.
func TestMemoryOverflow(t *testing.T) {
	p := namedProgram(t, "llama-f32", convert.Options{Type: quant.Q8_0})
	for _, b := range []backend.Backend{cpu.Backend{}, reference.Backend{}} {
		o := runtime.Options{Backend: b, Threads: 1}
		for _, l := range []runtime.Load{{Sessions: math.MaxInt}, {Sessions: 1 << 40, Positions: 1 << 20}, {Sessions: 1 << 31, Positions: 1 << 30}, {Sessions: -1}, {Positions: -1}, {Positions: math.MaxInt}} {
			if m, err := p.Memory(o, l); err == nil && l.Sessions != 1<<31 {
				t.Errorf("%s: %+v takes %d bytes", b.Name(), l, m.Sum)
			} else if err == nil && m.Sum < 1<<61 {
				t.Errorf("%s: %+v takes only %d bytes", b.Name(), l, m.Sum)
			}
		}
	}
	// As many tables of the largest size as a manifest must claim.
	size := int64(4 * ir.MaxChannels * ir.MaxChannels)
	tables := math.MaxInt64/size + 1
	text := "graph model\ninput %0 tokens i32[S]\n"
	nodes, last := "", int64(0)
	for i := range tables {
		text += fmt.Sprintf("weight @w%[1]d f32[%[2]d,%[2]d] = tensor(w%[1]d, f32[%[2]d,%[2]d])\n", i, ir.MaxChannels)
		nodes += fmt.Sprintf("%%%d e%d f32[S,%d] = embedding(%%0, @w%d)\n", 100+i, i, ir.MaxChannels, i)
		if i > 0 {
			nodes += fmt.Sprintf("%%%d s%d f32[S,%d] = add(%%%d, %%%d)\n", 200+i, i, ir.MaxChannels, last, 100+i)
		}
		if last = 200 + i; i == 0 {
			last = 100
		}
	}
	g, err := ir.Parse(text + nodes + fmt.Sprintf("output %%%d\n", last))
	if err != nil {
		t.Fatal(err)
	}
	big := &runtime.Program{Segments: []ir.Segment{{Name: "model", Kind: ir.KindModel, Graph: g}}, Weights: weights.NewMemory(leaves{}, 1)}
	for _, b := range []backend.Backend{cpu.Backend{}, reference.Backend{}} {
		if m, err := big.Memory(runtime.Options{Backend: b, Threads: 1, MaxChunk: 1}, runtime.Load{}); err == nil || !strings.Contains(err.Error(), "count") {
			t.Errorf("%s: %d times %d bytes are %d, %v", b.Name(), tables, size, m.Sum, err)
		}
	}
}

// hybridProgram is the model of convolutions and an attention.
func hybridProgram(t *testing.T) *runtime.Program {
	h := newHybrid(t, "")
	p := &runtime.Program{Segments: h.segments(), Weights: weights.NewMemory(h.src, 1), Meta: runtime.Meta{Vocab: hybridVocab}}
	if !slices.ContainsFunc(p.States(), func(s *ir.State) bool { return s.Kind == ir.Recurrent }) {
		t.Fatal("no recurrent state")
	}
	return p
}

// useInFull fills sessions in every way that takes most: token by token together, for as long as
// their last pieces grow, with the largest steps, which want as many logits as they may, and
// with one that all are part of. Ids walk over the whole vocabulary. Where most of the positions
// are loaded, only the last ones are computed.
func useInFull(t *testing.T, m *runtime.Model, sessions, depth int, loaded bool) []*runtime.Session {
	t.Helper()
	o := m.Options()
	id := 0
	next := func(n int) []int32 {
		ids := make([]int32, n)
		for i := range ids {
			id = (id + 61) % m.Meta().Vocab
			ids[i] = int32(id)
		}
		return ids
	}
	step := func(batch []runtime.Append) {
		t.Helper()
		out, err := m.Step(context.Background(), batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range out {
			if x.Err != nil {
				t.Fatal(x.Err)
			}
		}
	}
	all := make([]*runtime.Session, sessions)
	for i := range all {
		all[i] = newSession(t, m)
	}
	together := func(n int) {
		t.Helper()
		var batch []runtime.Append
		for i, s := range all {
			a := runtime.Append{Session: s, IDs: next(1), Rows: []runtime.Row{{}}}
			if i == 0 && n > 1 {
				a = wanting(s, next(max(1, min(n, depth-1-s.State().Len()))), o.MaxRows-(sessions-1)) // leaves one for the end
			}
			batch = append(batch, a)
		}
		step(batch)
	}
	alone := min(150, depth/2)
	if loaded {
		alone = 4
		for i, s := range all {
			n := depth - 8
			if i == 0 {
				n = max(1, n-o.MaxChunk)
			}
			loadZeros(t, s, n)
		}
	}
	for range alone {
		together(1)
	}
	together(o.MaxChunk - (sessions - 1))
	for _, s := range all {
		for s.State().Len() < depth-1 {
			step([]runtime.Append{wanting(s, next(min(o.MaxChunk, depth-1-s.State().Len())), o.MaxRows)})
		}
	}
	if all[0].State().Len() < depth {
		together(1)
	}
	return all
}

// wanting appends ids and wants up to n rows.
func wanting(s *runtime.Session, ids []int32, n int) runtime.Append {
	a := runtime.Append{Session: s, IDs: ids}
	for i := range min(len(ids), n) {
		a.Rows = append(a.Rows, runtime.Row{At: int32(i)})
	}
	return a
}

// loadZeros makes the state of s, of caches that keep all, one of n positions of zeros.
func loadZeros(t *testing.T, s *runtime.Session, n int) {
	t.Helper()
	m := s.Model()
	kv, err := codec.ParsePair(m.Options().KVType)
	if err != nil {
		t.Fatal(err)
	}
	var all []backend.StateData
	var zeros []byte
	for _, st := range m.Program().States() {
		row := int(st.Heads) * (kv.K.Bytes(int(st.KDim)) + kv.V.Bytes(int(st.VDim)))
		zeros = slices.Grow(zeros[:0], n*row)[:n*row]
		all = append(all, backend.StateData{Name: st.Name, KV: kv.String(), Len: n, Data: zeros[:n*row]})
	}
	if err := s.State().Load(all); err != nil {
		t.Fatal(err)
	}
}
