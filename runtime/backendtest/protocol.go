package backendtest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/codec"
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
	{"topk", checkTopK},
	{"batches", checkBatches},
	{"company", checkCompany},
	{"stateless", checkStateless},
	{"states", checkStateErrors},
	{"failed runs", checkFailedRuns},
	{"cancelled", checkCancelled},
	{"truncate and fork", checkTruncateFork},
	{"save and load", checkSaveLoad},
	{"windows", checkWindows},
	{"recurrent states", checkRecurrent},
	{"kinds of states", checkStateKinds},
	{"v as a part of k", checkViews},
}

type protocolCase struct {
	name  string
	check func(s *suite, i int) error
}

// Sizes of the model that protocol checks run.
const (
	tinyVocab   = 11
	tinyContext = 40
	tinyCall    = 8 // tokens of a call at most
)

// tinyText is two attention layers and a convolution between them, so that a run can
// end between two states, and between two kinds of them.
const tinyText = `
graph tiny
input %0 ids i32[S]
state $kv.0 heads=2 k=16 v=16
state $conv.0 kind=recurrent base=64 row=32
state $kv.1 heads=2 k=16 v=16 window=7
weight @embd f32[11,32] = stored(embd, f32[11,32], rows, [11])
weight @norm f32[32] = stored(norm, f32[32], rows, [32])
weight @head f32[11,32] = stored(head, f32[11,32], rows, [11])
weight @taps f32[32,3] = stored(taps, f32[32,3], rows, [32])
%3 x f32[S,32] = embedding(%0, @embd)
%4 a f32[S,32] = attention(%3, %3, %3, $kv.0) {head_dim=16, heads=2, kv_heads=2, scale=0.25}
%5 h f32[S,32] = add(%3, %4)
%10 c f32[S,32] = causal_conv(%5, @taps, $conv.0)
%6 n f32[S,32] = rms_norm(%10, @norm) {dim=32, eps=1e-06}
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
	if err := s.fillWeights("tiny", g); err != nil {
		return nil, err
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

// fillWeights gives the named segment random weights for g, once.
func (s *suite) fillWeights(segment string, g *ir.Graph) error {
	if s.weights[segment] != nil {
		return nil
	}
	all := map[string][]byte{}
	for _, w := range g.Weights {
		rows, k := []int64{1}, w.Shape[0]
		if len(w.Shape) == 2 {
			rows, k = w.Rows, w.Shape[1]
		}
		var err error
		if all[w.Name], err = randomWeight(segment+" "+w.Name, w.Type, w.Form, rows, k); err != nil {
			return err
		}
	}
	s.weights[segment] = all
	return nil
}

func (m *tiny) close() {
	m.exe.Close()
	for _, b := range append(m.in, m.out...) {
		b.Close()
	}
}

func (m *tiny) state() (backend.State, error) { return m.d.NewState(m.g.States, plain, tinyContext) }

// plain keeps rows as they are.
var plain = codec.Both(codec.F32)

// tinyIDs are n ids of which no short run repeats.
func tinyIDs(n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(i * (i + 3) / 2 % tinyVocab)
	}
	return ids
}

// call appends ids to st and returns the logits of every row.
func (m *tiny) call(ctx context.Context, st backend.State, ids []int32) ([]float32, error) {
	rows := make([]int32, len(ids))
	for i := range ids {
		rows[i] = int32(i)
	}
	return m.batch(ctx, ids, backend.Span{State: st, Rows: len(ids), Want: rows})
}

// batch runs spans whose ids follow each other, and reads the logits, which
// waits for them.
func (m *tiny) batch(ctx context.Context, ids []int32, spans ...backend.Span) ([]float32, error) {
	if err := m.in[0].SetInt32(ids); err != nil {
		return nil, err
	}
	return m.raw(ctx, m.in, m.out, spans...)
}

func (m *tiny) raw(ctx context.Context, in, out []backend.Buffer, spans ...backend.Span) ([]float32, error) {
	if err := m.exe.Run(ctx, spans, in, out); err != nil {
		return nil, err
	}
	y, err := out[0].Float32(ctx)
	return slices.Clone(y), err
}

// feed runs ids in calls of at most n tokens and returns all logits.
func (m *tiny) feed(st backend.State, ids []int32, n int) ([]float32, error) {
	var all []float32
	for at := 0; at < len(ids); at += n {
		y, err := m.call(context.Background(), st, ids[at:min(at+n, len(ids))])
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
	defer st.Close()
	return m.feed(st, ids, n)
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
