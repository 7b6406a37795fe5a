package runtime_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/pkg/segment"
	"github.com/tessera-llm/tessera/pkg/statefile"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/backendtest"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// hybrid is a model of two convolution layers, the second with gates, and between
// them an attention over everything.
const hybrid = `graph model
input %0 tokens i32[S]
input %3 adj_row i32[A]
input %4 adj_ids i32[A]
input %5 adj_scale f32[A]
input %6 adj_bias f32[A]
input %7 inv_temp f32[R]
input %8 mask_row i32[M]
input %9 mask i32[M,2]
state $conv.0 kind=recurrent base=96 row=32
state $kv.1 heads=2 k=16 v=16
state $conv.2 kind=recurrent base=256 row=64
weight @embd f32[40,32] = tensor(embd, f32[40,32])
weight @norm.0 f32[32] = tensor(norm.0, f32[32])
weight @norm.1 f32[32] = tensor(norm.1, f32[32])
weight @norm.2 f32[32] = tensor(norm.2, f32[32])
weight @norm f32[32] = tensor(norm, f32[32])
weight @in.0 q8_0[32,32] = quantize(tensor(in.0, f32[32,32]), q8_0)
weight @taps.0 f32[32,4] = tensor(taps.0, f32[32,4])
weight @bias.0 f32[32] = tensor(bias.0, f32[32])
weight @out.0 q8_0[32,32] = quantize(tensor(out.0, f32[32,32]), q8_0)
weight @q.1 q8_0[32,32] = quantize(tensor(q.1, f32[32,32]), q8_0)
weight @k.1 q8_0[32,32] = quantize(tensor(k.1, f32[32,32]), q8_0)
weight @in.2 q8_0[64,32] = quantize(tensor(in.2, f32[64,32]), q8_0)
weight @gate.2 q8_0[64,32] = quantize(tensor(gate.2, f32[64,32]), q8_0)
weight @taps.2 f16[64,5] = cast(tensor(taps.2, f32[64,5]), f16)
weight @out.2 q8_0[32,64] = quantize(tensor(out.2, f32[32,64]), q8_0)
weight @head f32[40,32] = tensor(head, f32[40,32])
%1 embd f32[S,32] = embedding(%0, @embd)
%2 hidden.embed f32[S,32] = boundary(%1) {name="embed"}
%10 n.0 f32[S,32] = rms_norm(%2, @norm.0) {dim=32, eps=1e-05}
%11 in.0 f32[S,32] = matmul(%10, @in.0)
%12 conv.0 f32[S,32] = causal_conv(%11, @taps.0, $conv.0)
%13 biased.0 f32[S,32] = add_bias(%12, @bias.0)
%14 act.0 f32[S,32] = silu(%13)
%15 out.0 f32[S,32] = matmul(%14, @out.0)
%16 h.0 f32[S,32] = add(%2, %15)
%17 layer.0 f32[S,32] = boundary(%16) {name="layer.0"}
%20 n.1 f32[S,32] = rms_norm(%17, @norm.1) {dim=32, eps=1e-05}
%21 q.1 f32[S,32] = matmul(%20, @q.1)
%22 k.1 f32[S,32] = matmul(%20, @k.1)
%23 attn.1 f32[S,32] = attention(%21, %22, %21, $kv.1) {head_dim=16, heads=2, kv_heads=2, scale=0.25}
%24 h.1 f32[S,32] = add(%17, %23)
%25 layer.1 f32[S,32] = boundary(%24) {name="layer.1"}
%30 n.2 f32[S,32] = rms_norm(%25, @norm.2) {dim=32, eps=1e-05}
%31 in.2 f32[S,64] = matmul(%30, @in.2)
%32 gate.2 f32[S,64] = matmul(%30, @gate.2)
%33 conv.2 f32[S,64] = causal_conv(%31, @taps.2, $conv.2)
%34 act.2 f32[S,64] = silu(%32)
%35 mul.2 f32[S,64] = mul(%34, %33)
%36 out.2 f32[S,32] = matmul(%35, @out.2)
%37 h.2 f32[S,32] = add(%25, %36)
%38 layer.2 f32[S,32] = boundary(%37) {name="layer.2"}
%40 last f32[S,32] = rms_norm(%38, @norm) {dim=32, eps=1e-05}
%41 rows f32[R,32] = select_rows(%40)
%42 logits.mm f32[R,40] = matmul(%41, @head)
%43 logits f32[R,40] = boundary(%42) {name="logits"}
%50 topk.ids i32[R,8], %51 topk.logits f32[R,8], %52 topk.lse f32[R,1], %53 topk.lse_temp f32[R,1] = topk(%43, %3, %4, %5, %6, %7, %8, %9) {k=8}
output %43
output %50
output %51
output %52
output %53
`

const (
	hybridVocab = 40
	hybridLen   = 645
)

// hybridModel is what the tests of it share.
type hybridModel struct {
	segments func(cuts ...string) []ir.Segment
	src      leaves
	ids      []int32
	want     []float32 // logits of every id, from one call of an uncut graph
	convs    int       // rows that convolutions have computed
}

// newHybrid parses, fuses and runs the model; window is what its attention sees and
// keeps, 0 everything.
func newHybrid(t *testing.T, window string) *hybridModel {
	t.Helper()
	text := hybrid
	if window != "" {
		text = strings.Replace(text, "heads=2 k=16 v=16", "heads=2 k=16 v=16 window="+window, 1)
		text = strings.Replace(text, "scale=0.25}", "scale=0.25, window="+window+"}", 1)
	}
	g, err := ir.Parse(text)
	if err == nil {
		err = ir.Verify(g)
	}
	if err != nil {
		t.Fatal(err)
	}
	h := &hybridModel{src: leavesOf(t, g), segments: func(cuts ...string) []ir.Segment {
		t.Helper()
		fused, _, err := passes.Run(t.Context(), g, passes.Options{Target: target.CPU, Cuts: cuts})
		if err != nil {
			t.Fatal(err)
		}
		segs, err := segment.Cut(fused)
		if err != nil {
			t.Fatal(err)
		}
		return segs
	}}
	for i := range hybridLen {
		h.ids = append(h.ids, int32(i*i*7+3*i+i/64)%hybridVocab)
	}
	m := h.model(t, &runtime.Program{Segments: h.segments(), Weights: weights.NewMemory(h.src, 1)}, hybridLen)
	s := newSession(t, m)
	h.want = h.append(t, s, h.ids)
	if !slices.ContainsFunc(h.want, func(x float32) bool { return x != h.want[0] && x == x }) {
		t.Fatal("the model says nothing")
	}
	return h
}

func (h *hybridModel) model(t *testing.T, p *runtime.Program, chunk int) *runtime.Model {
	t.Helper()
	m, err := runtime.New(p, runtime.Options{Backend: cpu.Backend{}, Threads: 2, MaxChunk: chunk, Context: hybridLen + 80,
		Timing: func(n backend.NodeTime) {
			if n.Node.Op == ir.OpCausalConv {
				h.convs += n.Rows
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// append returns the logits of ids behind s.
func (h *hybridModel) append(t *testing.T, s *runtime.Session, ids []int32) []float32 {
	t.Helper()
	var got []float32
	if err := s.Logits(t.Context(), ids, func(_ int, l []float32) error { got = append(got, l...); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

// goesOn checks n more tokens of s.
func (h *hybridModel) goesOn(t *testing.T, what string, s *runtime.Session, n int) {
	t.Helper()
	at := s.Len()
	n = min(n, hybridLen-at)
	if got := h.append(t, s, h.ids[at:at+n]); !bitsEqual(got, h.want[at*hybridVocab:(at+n)*hybridVocab]) {
		t.Errorf("%s, at %d: other logits than in one call", what, at)
	}
}

// bundle writes segments as a bundle and opens it.
func (h *hybridModel) bundle(t *testing.T, segs []ir.Segment) *runtime.Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hybrid.tess")
	w, err := format.Create(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	mem := weights.NewMemory(h.src, 1)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]string{}
	for _, s := range segs {
		if len(s.Graph.Weights) == 0 {
			continue
		}
		files[s.Name] = s.Name + ".bin"
		check(w.StartWeights(files[s.Name]))
		for _, x := range s.Graph.Weights {
			data, err := mem.Bytes(s.Name, x)
			check(err)
			e := format.WeightEntry{Name: x.Name, Bytes: int64(len(data)), Type: x.Type.String(), Form: x.Form.String(), Shape: x.Shape, Rows: x.Rows}
			check(w.Weight(e, func(dst io.Writer) error { _, err := dst.Write(data); return err }))
		}
	}
	for _, s := range segs {
		check(w.Segment(target.CPU.Name, s, files[s.Name]))
	}
	check(w.Commit(format.Manifest{Features: format.Features, Source: format.Source{Kind: "hf", Type: "keep"},
		Meta: format.Meta{Name: "hybrid", Arch: "hybrid", Layers: 3, Hidden: 32, Vocab: hybridVocab, ContextLength: 1024, KVType: "f16", BOS: -1}}))
	p, err := runtime.OpenProgram(path, "")
	check(err)
	return p
}

// TestRecurrentModel: a model with convolutions goes through passes, cuts and a
// bundle, and says in calls of any size, with any past, what it says in one call.
func TestRecurrentModel(t *testing.T) {
	for _, window := range []string{"", "48"} {
		h := newHybrid(t, window)
		segs := h.segments("embed", "layer.0", "layer.1", "layer.2", "logits")
		if len(segs) != 6 {
			t.Fatalf("%d segments", len(segs))
		}
		for _, call := range []int{1, 7, 63, 64, 65, 513} {
			s := newSession(t, h.model(t, h.bundle(t, segs), call))
			h.goesOn(t, "from a bundle", s, hybridLen)
		}
	}
}

// TestRecurrentRewind: going back by up to 64 tokens computes nothing, further
// back what lies behind a base that is kept, or a snapshot; the bits are a fresh session's.
func TestRecurrentRewind(t *testing.T) {
	const layers = 2
	h := newHybrid(t, "")
	s := newSession(t, h.model(t, h.bundle(t, h.segments("embed", "layer.0", "layer.1", "layer.2", "logits")), 100))
	h.goesOn(t, "filled", s, hybridLen)
	for _, c := range []struct{ back, most int }{{1, 0}, {64, 0}, {65, 63}, {5 * 64, 63}, {3, 0}, {300, 63}, {200, 63}} {
		n := s.Len() - c.back
		h.convs = 0
		if err := s.Rewind(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		if h.convs > layers*c.most || s.Len() != n || s.State().Len() != n {
			t.Errorf("back by %d to %d: %d ids, %d positions, %d rows computed again", c.back, n, s.Len(), s.State().Len(), h.convs)
		}
		h.goesOn(t, "rewound", s, c.back/2+1)
	}

	// What a window has dropped only a snapshot holds; from 250 on everything is there,
	// and the nearest base is that of 64.
	h = newHybrid(t, "48")
	s = newSession(t, h.model(t, h.bundle(t, h.segments("embed", "layer.2", "logits")), 100))
	h.goesOn(t, "filled", s, 300)
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
	h.goesOn(t, "behind a snapshot", s, hybridLen)
	for _, c := range []struct{ n, rows int }{{310, 10}, {300, 0}, {250, 0}, {100, 36}} {
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if had := s.Len(); c.rows > 0 {
			if err := s.Rewind(cancelled, c.n); !errors.Is(err, context.Canceled) || s.Len() != had {
				t.Errorf("a cancelled rewind to %d: %v, %d ids of %d", c.n, err, s.Len(), had)
			}
		}
		h.convs = 0
		if err := s.Rewind(t.Context(), c.n); err != nil {
			t.Fatal(err)
		}
		if h.convs != layers*c.rows {
			t.Errorf("back to %d: %d rows computed again, want %d", c.n, h.convs, layers*c.rows)
		}
		f, err := s.Fork()
		if err != nil {
			t.Fatal(err)
		}
		h.goesOn(t, "rewound behind a snapshot", f, 90)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRecurrentCompany: sessions of different lengths, a parent and a child of one
// fork with different tokens among them, in one step; a step that fails late leaves
// all of them.
func TestRecurrentCompany(t *testing.T) {
	h := newHybrid(t, "")
	p := h.bundle(t, h.segments("embed", "layer.0", "layer.1", "layer.2", "logits"))
	for _, n := range []int{0, 1, 40, 63, 64, 65, 127, 200} {
		m := h.model(t, h.bundle(t, h.segments("embed", "layer.1", "layer.2", "logits")), hybridLen)
		parent, other, lone := newSession(t, m), newSession(t, m), newSession(t, m)
		h.goesOn(t, "parent", parent, n)
		h.goesOn(t, "other", other, 30)
		child, err := parent.Fork()
		if err != nil {
			t.Fatal(err)
		}
		turn := slices.Concat(h.ids[:n], []int32{(h.ids[n] + 1) % hybridVocab, 5, 6})
		want := h.append(t, lone, turn)[n*hybridVocab:]
		further := h.append(t, lone, []int32{7, 8, 9, 10})
		var said [3][]float32
		batch := []runtime.Append{{Session: child, IDs: turn[n:]}, {Session: parent, IDs: h.ids[n : n+70]}, {Session: other, IDs: h.ids[30:131]}}
		for i := range batch {
			for at := range batch[i].IDs {
				batch[i].Rows = append(batch[i].Rows, runtime.Row{At: int32(at)})
			}
			batch[i].NoTop = true
			batch[i].Logits = func(_ int, l []float32, _ int) error { said[i] = append(said[i], l...); return nil }
		}
		out, err := m.Step(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range [][]float32{want, h.want[n*hybridVocab : (n+70)*hybridVocab], h.want[30*hybridVocab : 131*hybridVocab]} {
			if out[i].Err != nil || !bitsEqual(said[i], want) {
				t.Errorf("forked at %d: session %d says something else in company (%v)", n, i, out[i].Err)
			}
		}
		if !bitsEqual(h.append(t, child, []int32{7, 8, 9, 10}), further) {
			t.Errorf("forked at %d: the child has seen its parent's tokens", n)
		}
		h.goesOn(t, "a parent behind its child", parent, 10)
	}

	// Every run of a step may be the one that fails, late.
	for failAt := 1; failAt <= 12; failAt++ {
		m, err := runtime.New(&runtime.Program{Segments: p.Segments, Weights: p.Weights}, runtime.Options{
			Backend: backendtest.Late{Inner: cpu.Backend{}, FailAt: failAt}, Threads: 1, MaxChunk: 150, Context: hybridLen})
		if err != nil {
			t.Fatal(err)
		}
		s := newSession(t, m)
		failures := 0
		for s.Len() < 300 {
			had, rows := s.Len(), []float32(nil)
			err := s.Logits(t.Context(), h.ids[had:had+150], func(_ int, l []float32) error { rows = append(rows, l...); return nil })
			if err == nil {
				if !bitsEqual(rows, h.want[had*hybridVocab:(had+150)*hybridVocab]) {
					t.Errorf("run %d fails: other logits at %d", failAt, had)
				}
				continue
			}
			if failures++; failures > 1 || !errors.Is(err, backendtest.ErrLate) || s.Len() != had || s.State().Len() != had {
				t.Fatalf("run %d fails: %v, %d ids, %d positions of %d", failAt, err, s.Len(), s.State().Len(), had)
			}
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRecurrentSaved: a state that was saved goes on in another session, through a
// file too; a file that is damaged changes nothing.
func TestRecurrentSaved(t *testing.T) {
	h := newHybrid(t, "48")
	m := h.model(t, h.bundle(t, h.segments("embed", "layer.2", "logits")), 100)
	for _, n := range []int{1, 63, 64, 65, 200} {
		s, l := newSession(t, m), newSession(t, m)
		h.goesOn(t, "saved", s, n)
		path := filepath.Join(t.TempDir(), "state")
		if err := statefile.Write(path, "", save(t, s)); err != nil {
			t.Fatal(err)
		}
		f, err := statefile.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		h.goesOn(t, "the ids of the loaded", l, n)
		if err := l.State().Load(f.States); err != nil {
			t.Fatal(err)
		}
		h.goesOn(t, "loaded", l, 80)
		if err := l.Rewind(t.Context(), n/2); err != nil {
			t.Fatal(err)
		}
		h.goesOn(t, "loaded and rewound", l, 80)
	}
	damage(t, m, 50)
	damage(t, m, 130)
}
