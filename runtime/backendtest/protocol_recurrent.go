package backendtest

import (
	"context"
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/runtime/backend"
)

const (
	recurrentHead  = 32  // channels of a head
	recurrentRows  = 645 // positions: ten chunks of 64 and a few
	recurrentChunk = 64
)

// recurrentCalls are around the chunk.
var recurrentCalls = []int{1, 7, 63, 64, 65, 513}

// recurrentText is three convolutions, one of more taps than a chunk has positions,
// and between them an attention whose state keeps everything and one whose state
// keeps a window.
const recurrentText = `
graph recurrent
input %0 ids i32[S]
state $conv.0 kind=recurrent base=96 row=96
state $kv.0 heads=3 k=32 v=32
state $conv.1 kind=recurrent base=384 row=96
state $kv.1 heads=3 k=32 v=32 window=33
state $conv.2 kind=recurrent base=6624 row=96
weight @embd f32[11,96] = stored(embd, f32[11,96], rows, [11])
weight @taps.0 f32[96,2] = stored(taps.0, f32[96,2], rows, [96])
weight @taps.1 f16[96,5] = stored(taps.1, f16[96,5], rows, [96])
weight @taps.2 f32[96,70] = stored(taps.2, f32[96,70], rows, [96])
%1 x.0 f32[S,96] = embedding(%0, @embd)
%2 c.0 f32[S,96] = causal_conv(%1, @taps.0, $conv.0)
%3 a.0 f32[S,96] = attention(%2, %2, %2, $kv.0) {head_dim=32, heads=3, kv_heads=3, scale=0.5, window=20}
%4 x.1 f32[S,96] = add(%2, %3)
%5 c.1 f32[S,96] = causal_conv(%4, @taps.1, $conv.1)
%6 g.1 f32[S,96] = silu(%5)
%7 a.1 f32[S,96] = attention(%6, %4, %6, $kv.1) {head_dim=32, heads=3, kv_heads=3, scale=0.5, window=33}
%8 x.2 f32[S,96] = add(%7, %4)
%9 c.2 f32[S,96] = causal_conv(%8, @taps.2, $conv.2)
%10 y f32[R,96] = select_rows(%9)
output %10
`

// checkRecurrent: a recurrent state, beside caches that keep all and a window,
// says in calls of any size what it says in one, also after going back, from a
// snapshot, forked into different tokens, loaded, and behind runs that failed.
func checkRecurrent(s *suite, i int) error {
	for ci, call := range recurrentCalls {
		// In quick runs the first variant takes half of them, each other one.
		if quick := ci == i%len(recurrentCalls) || i == 0 && ci%2 == 1; !s.long && !quick {
			continue
		}
		kv := s.codecsFor(recurrentHead, ci+i)
		if err := s.recurrent(i, call, kv); err != nil {
			return fmt.Errorf("calls of %d, cache %s: %w", call, kv, err)
		}
	}
	return nil
}

func (s *suite) recurrent(i, call int, kv codec.Pair) error {
	w, err := s.longRun(i, "recurrent", recurrentText, kv, randomIDs("recurrent", recurrentRows), recurrentRows)
	if err != nil {
		return err
	}
	defer w.close()
	one, want, err := w.whole(false)
	if err != nil {
		return err
	}
	defer one.Close()
	w.want, w.call = want, call
	st, err := w.state()
	if err != nil {
		return err
	}
	defer st.Close()
	if err := w.snapshots(st); err != nil {
		return err
	}
	if err := first(wantMemory("a recurrent state", st), w.forked(st), w.forked(one)); err != nil {
		return err
	}
	for _, back := range []int{1, backend.Rewind, backend.Rewind + 1, 5 * recurrentChunk, 3} {
		n := st.Len() - back
		if err := w.back(st, n); err != nil {
			return fmt.Errorf("back to %d: %w", n, err)
		}
		if err := first(w.forked(st), w.saved(st), w.goesOn("rewound", st)); err != nil {
			return fmt.Errorf("back to %d: %w", n, err)
		}
	}
	for _, n := range []int{0, 1, 40, 63, 64, 65, 128, 191} {
		if err := w.at(n, w.divergent, w.failing); err != nil {
			return fmt.Errorf("at %d: %w", n, err)
		}
	}
	return nil
}

// snapshots fills st up and compares every row; forks that were made on the way go
// on from where they were made, one of them when its parent is closed.
func (w *longRun) snapshots(st backend.State) error {
	var all []backend.State
	defer func() {
		for _, f := range all {
			f.Close()
		}
	}()
	var got []float32
	for _, n := range []int{100, 192, 261, len(w.ids)} {
		y, err := w.upTo(st, n, true)
		if err != nil {
			return err
		}
		got = append(got, y...)
		f, err := st.Fork()
		if err != nil {
			return err
		}
		all = append(all, f)
	}
	if err := same(fmt.Sprintf("calls of %d", w.call), got, w.want); err != nil {
		return err
	}
	for _, f := range all {
		n := f.Len()
		g, err := f.Fork()
		if err != nil {
			return err
		}
		if err := first(f.Close(), w.goesOn(fmt.Sprintf("a snapshot of %d", n), g), g.Close()); err != nil {
			return err
		}
	}
	all = nil
	return wantLen("the parent of snapshots", st, len(w.ids))
}

// at checks states of n positions.
func (w *longRun) at(n int, checks ...func(st backend.State) error) error {
	for _, check := range checks {
		st, err := w.state()
		if err != nil {
			return err
		}
		if _, err = w.upTo(st, n, true); err == nil {
			err = check(st)
		}
		if err := first(err, st.Close()); err != nil {
			return err
		}
	}
	return nil
}

// wantRows are all of n rows.
func wantRows(n int) []int32 {
	all := make([]int32, n)
	for i := range all {
		all[i] = int32(i)
	}
	return all
}

// divergent lets st and a child go different ways in one batch, st over the end of
// a chunk; the child's rows are those of a state that went that way alone.
func (w *longRun) divergent(st backend.State) error {
	n := st.Len()
	other := slices.Clone(w.ids[n : n+6])
	other[0] = (other[0] + 1) % tinyVocab
	three := func(st backend.State, ids []int32) ([]float32, error) {
		return w.batch(context.Background(), ids, backend.Span{State: st, Rows: 3, Want: wantRows(3)})
	}
	lone, err := st.Fork()
	if err != nil {
		return err
	}
	defer lone.Close()
	if err := lone.Truncate(max(0, n-5)); err != nil {
		return err
	}
	if _, err := w.upTo(lone, n, false); err != nil {
		return err
	}
	want, err := three(lone, other[:3])
	if err != nil {
		return err
	}
	further, err := three(lone, other[3:])
	if err != nil {
		return err
	}
	child, err := st.Fork()
	if err != nil {
		return err
	}
	defer child.Close()
	const rows = 70
	y, err := w.batch(context.Background(), slices.Concat(other[:3], w.ids[n:n+rows]),
		backend.Span{State: child, Rows: 3, Want: wantRows(3)}, backend.Span{State: st, Rows: rows, Want: wantRows(rows)})
	if err != nil {
		return err
	}
	behind, err := three(child, other[3:])
	if err != nil {
		return err
	}
	return first(
		same("a child behind its parent", behind, further),
		same("a child beside its parent", y[:3*w.width], want),
		same("a parent beside its child", y[3*w.width:], w.want[n*w.width:(n+rows)*w.width]),
		w.goesOn("a parent behind its child", st),
	)
}

// failing lets runs fail that would move the base on.
func (w *longRun) failing(st backend.State) error {
	n := st.Len()
	const rows = 140
	bad := slices.Clone(w.ids[n : n+rows])
	bad[rows-1] = tinyVocab
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	span := backend.Span{State: st, Rows: rows, Want: wantRows(rows)}
	_, unknown := w.batch(context.Background(), bad, span)
	_, cancelled := w.batch(ctx, w.ids[n:n+rows], span)
	if err := first(wantError("an unknown id", unknown), wantError("a cancelled run", cancelled)); err != nil {
		return err
	}
	w.d.Wait(context.Background()) // forgets the errors
	f, err := st.Fork()
	if err != nil {
		return err
	}
	defer f.Close()
	// What succeeded is taken back as far as it went.
	if err := first(wantLen("after runs that failed", st, n), w.goesOn("a fork behind runs that failed", f)); err != nil {
		return err
	}
	if _, err := w.batch(context.Background(), w.ids[n:n+rows], span); err != nil {
		return err
	}
	return first(st.Truncate(n), w.goesOn("a run that was taken back", st))
}
