package backendtest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// protocol is what holds whatever the op: buffers, states, contexts, errors.
// Every check is made in every variant.
var protocol = []protocolCase{
	{"close", checkClose},
	{"compile", checkCompile},
	{"buffers", checkBuffers},
	{"foreign", checkForeign},
	{"ids", checkIDs},
	{"adjustments", checkAdjustments},
	{"batches", checkBatches},
	{"states", checkStates},
	{"failed runs", checkFailedRuns},
	{"cancelled", checkCancelled},
	{"truncate and fork", checkTruncateFork},
	{"save and load", checkSaveLoad},
}

type protocolCase struct {
	name  string
	check func(s *suite, i int) error
}

// Sizes of the model that protocol checks run.
const (
	tinyVocab   = 11
	tinyHidden  = 32
	tinyHeads   = 2
	tinyContext = 40
	tinyCall    = 8 // tokens of a call at most
)

// tinyText is two attention layers, so that a run can end between two states.
const tinyText = `
graph tiny
input %0 ids i32[S]
state $kv.0 heads=2 dim=16 elem=f32
state $kv.1 heads=2 dim=16 elem=f32
weight @embd f32[11,32] = stored(embd, f32[11,32], rows, [11])
weight @norm f32[32] = stored(norm, f32[32], rows, [32])
weight @head f32[11,32] = stored(head, f32[11,32], rows, [11])
%3 x f32[S,32] = embedding(%0, @embd)
%4 a f32[S,32] = attention(%3, %3, %3, $kv.0) {head_dim=16, heads=2, kv_heads=2, scale=0.25}
%5 h f32[S,32] = add(%3, %4)
%6 n f32[S,32] = rms_norm(%5, @norm) {dim=32, eps=1e-06}
%7 b f32[S,32] = attention(%6, %5, %6, $kv.1) {head_dim=16, heads=2, kv_heads=2, scale=0.25, window=7}
%8 o f32[R,32] = select_rows(%7)
%9 logits f32[R,11] = matmul(%8, @head)
output %9
`

// tiny is a device's model of tinyText.
type tiny struct {
	d       backend.Device
	g       *ir.Graph
	exe     backend.Executable
	in, out []backend.Buffer
}

func (s *suite) tiny(i int) (*tiny, error) {
	g, err := ir.Parse(tinyText)
	if err != nil {
		return nil, err
	}
	if s.weights["tiny"] == nil {
		s.weights["tiny"] = map[string][]byte{}
		for _, w := range g.Weights {
			rows, k := []int64{1}, w.Shape[0]
			if len(w.Shape) == 2 {
				rows, k = w.Rows, w.Shape[1]
			}
			if s.weights["tiny"][w.Name], err = randomWeight("tiny "+w.Name, w.Type, w.Form, rows, k); err != nil {
				return nil, err
			}
		}
	}
	m := &tiny{d: s.devices[i], g: g}
	if m.exe, err = m.d.Compile("tiny", g, backend.Size{Tokens: tinyCall, Rows: tinyCall}); err != nil {
		return nil, err
	}
	if m.in, err = buffers(m.d, g, g.Inputs, tinyCall); err != nil {
		return nil, err
	}
	m.out, err = buffers(m.d, g, g.Outputs, tinyCall)
	return m, err
}

func (m *tiny) state() (backend.State, error) { return m.d.NewState(m.g.States, "f32", tinyContext) }

// tinyIDs are n ids of which no short run repeats.
func tinyIDs(n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(i * (i + 3) / 2 % tinyVocab)
	}
	return ids
}

// call runs ids from position start on, where st is rewound to, and returns
// the logits of every row.
func (m *tiny) call(ctx context.Context, st backend.State, start int, ids []int32) ([]float32, error) {
	if st.Len() > start {
		if err := st.Truncate(start); err != nil {
			return nil, err
		}
	}
	if err := wantLen("before a call", st, start); err != nil {
		return nil, err
	}
	rows := make([]int32, len(ids))
	for i := range ids {
		rows[i] = int32(i)
	}
	return m.raw(ctx, ids, backend.Span{State: st, Rows: len(ids), Want: rows})
}

func (m *tiny) raw(ctx context.Context, ids []int32, batch ...backend.Span) ([]float32, error) {
	if err := m.in[0].SetInt32(ids); err != nil {
		return nil, err
	}
	if err := m.exe.Run(ctx, batch, m.in, m.out); err != nil {
		return nil, err
	}
	y, err := m.out[0].Float32(ctx)
	return slices.Clone(y), err
}

// feed runs ids in calls of at most n tokens and returns all logits.
func (m *tiny) feed(st backend.State, start int, ids []int32, n int) ([]float32, error) {
	var all []float32
	for at := 0; at < len(ids); at += n {
		y, err := m.call(context.Background(), st, start+at, ids[at:min(at+n, len(ids))])
		if err != nil {
			return nil, err
		}
		all = append(all, y...)
	}
	return all, nil
}

// fresh is what a new state gives for ids in calls of n tokens.
func (m *tiny) fresh(ids []int32, n int) ([]float32, error) {
	st, err := m.state()
	if err != nil {
		return nil, err
	}
	return m.feed(st, 0, ids, n)
}

// wantError checks that err says all of words.
func wantError(what string, err error, words ...string) error {
	if err == nil {
		return fmt.Errorf("%s is no error", what)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			return fmt.Errorf("%s: the error does not name %s: %v", what, w, err)
		}
	}
	return nil
}

// same compares logits; both come from the same variant, so bits are meant.
func same(what string, got, want []float32) error {
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s: other results than a fresh state's", what)
	}
	return nil
}

func wantLen(what string, st backend.State, n int) error {
	if st.Len() != n {
		return fmt.Errorf("%s: the state holds %d positions, want %d", what, st.Len(), n)
	}
	return nil
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkClose(s *suite, i int) error {
	v := s.variants[i]
	d, err := v.Backend.Open(s.weights, backend.Options{Threads: v.Threads})
	if err != nil {
		return err
	}
	if err := d.Close(); err != nil {
		return err
	}
	if err := d.Close(); err != nil {
		return fmt.Errorf("closed twice: %w", err)
	}
	return nil
}

func checkCompile(s *suite, i int) error {
	if _, err := s.tiny(i); err != nil {
		return err
	}
	d := s.devices[i]
	compile := func(segment, text string, tokens int) error {
		g, err := ir.Parse(text)
		if err != nil {
			return err
		}
		_, err = d.Compile(segment, g, backend.Size{Tokens: tokens, Rows: tokens})
		return err
	}
	return first(
		wantError("a call of no tokens", compile("tiny", tinyText, 0)),
		wantError("a graph that breaks a rule", compile("tiny", strings.Replace(tinyText, "output %9", "output %8\noutput %8", 1), 8), "V"),
		wantError("an unknown op", compile("tiny", strings.ReplaceAll(tinyText, "rms_norm(", "rms_morn("), 8), "rms_morn"),
		wantError("a missing weight", compile("no such segment", "graph g\ninput %0 x f32[S,32]\nweight @head f32[11,32] = stored(head, f32[11,32], rows, [11])\n%1 y f32[S,11] = matmul(%0, @head)\noutput %1", 8), "head"),
	)
}

func checkBuffers(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	st, err := m.state()
	if err != nil {
		return err
	}
	ctx := context.Background()
	if _, err := m.call(ctx, st, 0, tinyIDs(3)); err != nil {
		return err
	}
	small, err := buffers(m.d, m.g, m.g.Outputs, 2)
	if err != nil {
		return err
	}
	narrow, err := m.d.NewBuffer(ir.Type{Elem: ir.F32, Shape: ir.Shape{ir.R, tinyVocab - 1}}, tinyCall)
	if err != nil {
		return err
	}
	floats, err := m.d.NewBuffer(ir.Type{Elem: ir.F32, Shape: ir.Shape{ir.S, 1}}, tinyCall)
	if err != nil {
		return err
	}
	long := make([]int32, tinyCall+1)
	_, tooMany := m.d.NewBuffer(ir.Type{Elem: ir.F32, Shape: ir.Shape{ir.S, ir.MaxChannels}}, 1<<40)
	_, i8 := m.d.NewBuffer(ir.Type{Elem: ir.I8, Shape: ir.Shape{ir.S, 32}, Scheme: ir.Schemes[0]}, 1)
	if err := m.in[0].SetInt32(tinyIDs(3)); err != nil {
		return err
	}
	batch := []backend.Span{{State: st, Rows: 3, Want: []int32{0, 1, 2}}}
	err = first(
		wantError("no input", m.exe.Run(ctx, batch, nil, m.out)),
		wantError("no output", m.exe.Run(ctx, batch, m.in, nil)),
		wantError("an output buffer with too little room", m.exe.Run(ctx, batch, m.in, small)),
		wantError("an output buffer of other channels", m.exe.Run(ctx, batch, m.in, []backend.Buffer{narrow}), "logits"),
		wantError("an input buffer of another element type", m.exe.Run(ctx, batch, []backend.Buffer{floats}, m.out), "ids"),
		wantError("more rows than room", m.in[0].SetInt32(long)),
		wantError("f32 in an i32 buffer", m.in[0].SetFloat32([]float32{1})),
		wantError("i32 in an f32 buffer", m.out[0].SetInt32([]int32{1})),
		wantError("half a row", narrow.SetFloat32(make([]float32, tinyVocab))),
		wantError("a buffer without end", tooMany),
		wantError("a buffer of a quantised activation", i8),
		wantLen("after calls that could not begin", st, 3),
	)
	if err != nil {
		return err
	}
	// The input disagrees with the batch, or shows the wrong thing.
	if _, err := m.raw(ctx, tinyIDs(2), backend.Span{State: st, Rows: 1}); err == nil {
		return fmt.Errorf("two ids for a span of one are no error")
	}
	if _, err := m.raw(ctx, nil, backend.Span{State: st}); err == nil {
		return fmt.Errorf("a call of no tokens is no error")
	}
	_, asFloats := m.in[0].Float32(ctx)
	_, asInts := m.out[0].Int32(ctx)
	closed, err := m.d.NewBuffer(ir.Type{Elem: ir.F32, Shape: ir.Shape{ir.S, 1}}, 2)
	if err != nil {
		return err
	}
	if err := first(closed.SetFloat32([]float32{1}), closed.Close(), closed.Close()); err != nil {
		return err
	}
	_, read := closed.Float32(ctx)
	return first(
		wantError("an i32 buffer read as f32", asFloats),
		wantError("an f32 buffer read as i32", asInts),
		wantError("a closed buffer that is read", read, "closed"),
		wantError("a closed buffer that is set", closed.SetFloat32([]float32{1}), "closed"),
		wantLen("after calls that could not begin", st, 3),
	)
}

// foreign stands for anything of another backend.
type foreign struct {
	backend.Buffer
	backend.State
}

func (foreign) Rows() int { return 1 }
func (foreign) Cols() int { return 1 }
func (foreign) Len() int  { return 0 }

func (foreign) Close() error { return nil }

func checkForeign(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	st, err := m.state()
	if err != nil {
		return err
	}
	if _, err := m.call(context.Background(), st, 0, tinyIDs(1)); err != nil {
		return err
	}
	batch := func(st backend.State) []backend.Span { return []backend.Span{{State: st, Rows: 1, Want: []int32{0}}} }
	return first(
		wantError("an input of another backend", m.exe.Run(context.Background(), batch(st), []backend.Buffer{foreign{}}, m.out)),
		wantError("an output of another backend", m.exe.Run(context.Background(), batch(st), m.in, []backend.Buffer{foreign{}})),
		wantError("a state of another backend", m.exe.Run(context.Background(), batch(foreign{}), m.in, m.out)),
	)
}

func checkIDs(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	st, err := m.state()
	if err != nil {
		return err
	}
	for _, bad := range []int32{-1, tinyVocab, 1 << 30} {
		_, id := m.call(context.Background(), st, 0, []int32{1, bad, 2})
		_, row := m.raw(context.Background(), []int32{1, 2}, backend.Span{State: st, Rows: 2, Want: []int32{0, bad}})
		if err := first(wantError("an unknown id", id, fmt.Sprint(bad)), wantError("an unknown row", row, fmt.Sprint(bad)), wantLen("after an unknown id", st, 0)); err != nil {
			return err
		}
	}
	return nil
}

const topKText = `
graph topk
input %0 logits f32[R,11]
input %1 adj_row i32[A]
input %2 adj_ids i32[A]
input %3 adj_scale f32[A]
input %4 adj_bias f32[A]
input %5 inv_temp f32[R]
input %6 mask_row i32[M]
input %7 mask i32[M,1]
%8 ids i32[R,3], %9 top f32[R,3], %10 lse f32[R,1], %11 lse_temp f32[R,1] = topk(%0, %1, %2, %3, %4, %5, %6, %7) {k=3}
output %8
output %9
output %10
output %11
`

// topKData are the inputs of topKText for two rows.
type topKData struct {
	adjRow, ids, maskRow, mask []int32
	scale, bias, inv           []float32
}

// checkAdjustments: what topk must refuse, and that it leaves the logits alone.
func checkAdjustments(s *suite, i int) error {
	g, err := ir.Parse(topKText)
	if err != nil {
		return err
	}
	d := s.devices[i]
	exe, err := d.Compile("topk", g, backend.Size{Tokens: tinyCall, Rows: tinyCall})
	if err != nil {
		return err
	}
	in, err := buffers(d, g, g.Inputs, tinyCall)
	if err != nil {
		return err
	}
	out, err := buffers(d, g, g.Outputs, tinyCall)
	if err != nil {
		return err
	}
	logits := random("topk", 2, 11, false)
	run := func(edit func(x *topKData)) error {
		x := topKData{adjRow: []int32{0, 1}, ids: []int32{4, 3}, scale: []float32{2, 2}, bias: []float32{1, 1}, inv: []float32{1, 0.5}, maskRow: []int32{1}, mask: []int32{7}}
		edit(&x)
		if err := first(in[0].SetFloat32(logits), in[1].SetInt32(x.adjRow), in[2].SetInt32(x.ids), in[3].SetFloat32(x.scale), in[4].SetFloat32(x.bias),
			in[5].SetFloat32(x.inv), in[6].SetInt32(x.maskRow), in[7].SetInt32(x.mask)); err != nil {
			return err
		}
		return exe.Run(context.Background(), []backend.Span{{Rows: 2, Want: []int32{0, 1}}}, in, out)
	}
	if err := run(func(*topKData) {}); err != nil {
		return err
	}
	kept, err := in[0].Float32(context.Background())
	if err != nil {
		return err
	}
	return first(
		same("topk changes the logits", kept, logits),
		wantError("an adjusted id below 0", run(func(x *topKData) { x.ids[1] = -1 }), "-1"),
		wantError("an adjusted id beyond the logits", run(func(x *topKData) { x.ids[1] = 11 }), "11"),
		wantError("a scale of 0", run(func(x *topKData) { x.scale[1] = 0 })),
		wantError("a negative scale", run(func(x *topKData) { x.scale[1] = -1 })),
		wantError("a scale without end", run(func(x *topKData) { x.scale[1] = infinity })),
		wantError("a bias that is no number", run(func(x *topKData) { x.bias[1] = infinity - infinity })),
		wantError("two ids and one scale", run(func(x *topKData) { x.scale = x.scale[1:] })),
		wantError("an adjusted row beyond the logits", run(func(x *topKData) { x.adjRow[1] = 2 })),
		wantError("adjusted rows that fall", run(func(x *topKData) { x.adjRow[0], x.adjRow[1] = 1, 0 })),
		wantError("a temperature without end", run(func(x *topKData) { x.inv[1] = 0 })),
		wantError("a temperature of 0", run(func(x *topKData) { x.inv[1] = infinity })),
		wantError("a masked row beyond the logits", run(func(x *topKData) { x.maskRow[0] = 2 })),
		wantError("a masked row twice", run(func(x *topKData) { x.maskRow, x.mask = []int32{1, 1}, []int32{1, 1} })),
		wantError("a mask without a row", run(func(x *topKData) { x.maskRow = nil })),
	)
}
