package backendtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

var infinity = float32(math.Inf(1))

// checkStateErrors: full contexts, states that lack something, cache types.
func checkStateErrors(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	defer m.close()
	st, err := m.state()
	if err != nil {
		return err
	}
	defer st.Close()
	ids := tinyIDs(tinyContext)
	whole, err := m.feed(st, ids, tinyCall)
	if err != nil {
		return err
	}
	singles, err := m.fresh(ids, 1)
	if err != nil {
		return err
	}
	if err := first(same("one by one", singles, whole), wantLen("full", st, tinyContext)); err != nil {
		return err
	}
	if m := st.Memory(); m.Own <= 0 || m.Shared != 0 || m.Fair != m.Own {
		return fmt.Errorf("a state of %d positions takes %+v", st.Len(), m)
	}
	if err := s.foretold(i, m, st); err != nil {
		return err
	}
	_, full := m.call(context.Background(), st, tinyIDs(1))
	if err := first(wantError("a call beyond the context", full), st.Truncate(tinyContext-2)); err != nil {
		return err
	}
	_, partly := m.call(context.Background(), st, tinyIDs(3))
	if err := first(wantError("a call partly beyond the context", partly), wantLen("after it", st, tinyContext-2)); err != nil {
		return err
	}
	y, err := m.feed(st, ids[tinyContext-2:], 2)
	if err != nil {
		return err
	}
	if err := same("after calls beyond the context", y, whole[(tinyContext-2)*tinyVocab:]); err != nil {
		return err
	}
	half, err := m.d.NewState(m.g.States[:1], plain, tinyContext)
	if err != nil {
		return err
	}
	defer half.Close()
	_, lacking := m.call(context.Background(), half, tinyIDs(2))
	_, unknown := m.d.NewState(m.g.States, codec.Pair{K: codec.F32}, tinyContext)
	_, none := m.d.NewState(m.g.States, plain, 0)
	return first(
		wantError("a state that lacks some", lacking, "conv.0"),
		wantLen("after it", half, 0),
		wantError("a state without a codec of v", unknown, "codec"),
		wantError("a state of no positions", none),
	)
}

// checkFailedRuns: a run that cannot be carried out leaves the states at their
// old lengths, and what it may have written is not seen.
func checkFailedRuns(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	defer m.close()
	ids := tinyIDs(14)
	want, err := m.fresh(ids, 7)
	if err != nil {
		return err
	}
	st, err := m.state()
	if err != nil {
		return err
	}
	defer st.Close()
	if _, err := m.feed(st, ids[:7], 7); err != nil {
		return err
	}
	other, err := st.Fork()
	if err != nil {
		return err
	}
	defer other.Close()
	_, badID := m.call(context.Background(), st, []int32{1, 2, tinyVocab})
	_, badRow := m.batch(context.Background(), []int32{1, 2}, backend.Span{State: st, Rows: 2, Want: []int32{2}})
	_, both := m.batch(context.Background(), []int32{1, 2, 3, -5}, backend.Span{State: st, Rows: 3}, backend.Span{State: other, Rows: 1})
	err = first(
		wantError("an unknown id", badID), wantError("an unknown row", badRow), wantError("an unknown id of another span", both, "-5"),
		wantLen("after failed runs", st, 7), wantLen("after failed runs", other, 7),
	)
	if err != nil {
		return err
	}
	for _, st := range []backend.State{st, other} {
		y, err := m.feed(st, ids[7:], 7)
		if err != nil {
			return err
		}
		if err := same("after failed runs", y, want[7*tinyVocab:]); err != nil {
			return err
		}
	}
	return nil
}

// checkCancelled: a context that ends before or during a run.
func checkCancelled(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	defer m.close()
	ids := tinyIDs(14)
	want, err := m.fresh(ids, 7)
	if err != nil {
		return err
	}
	st, err := m.state()
	if err != nil {
		return err
	}
	defer st.Close()
	if _, err := m.feed(st, ids[:7], 7); err != nil {
		return err
	}
	const tries = 25
	for try := range tries {
		ctx, cancel := context.WithCancel(context.Background())
		if try == 0 {
			cancel()
		}
		timer := time.AfterFunc(time.Duration(try)*4*time.Microsecond, cancel)
		y, err := m.call(ctx, st, ids[7:])
		timer.Stop()
		cancel()
		switch {
		case err == nil && try == 0:
			return fmt.Errorf("a cancelled run is no error")
		case err == nil:
			err = first(same("a run that was not cancelled in time", y, want[7*tinyVocab:]), wantLen("after it", st, 14), st.Truncate(7))
		case errors.Is(err, context.Canceled):
			// The wait for the run may have been cancelled, or the run.
			switch late := m.d.Wait(context.Background()); {
			case late == nil && st.Len() == 14:
				err = st.Truncate(7)
			case late == nil || errors.Is(late, context.Canceled):
				err = wantLen("after a cancelled run", st, 7)
			}
		}
		if err != nil {
			return err
		}
	}
	y, err := m.feed(st, ids[7:], 7)
	if err != nil {
		return err
	}
	return same("after cancelled runs", y, want[7*tinyVocab:])
}

// checkTruncateFork: a state that went elsewhere and came back, and two that
// went different ways from one, in one batch.
func checkTruncateFork(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	defer m.close()
	ids, other := tinyIDs(24), []int32{9, 9, 8, 1, 0, 3, 10, 2}
	want, err := m.fresh(ids, 8)
	if err != nil {
		return err
	}
	elsewhere, err := m.fresh(slices.Concat(ids[:13], other), 8)
	if err != nil {
		return err
	}
	st, err := m.state()
	if err != nil {
		return err
	}
	defer st.Close()
	if _, err := m.feed(st, ids[:13], 8); err != nil {
		return err
	}
	if err := first(wantError("a rewind to the future", st.Truncate(14)), wantError("a rewind below 0", st.Truncate(-1)), wantLen("after them", st, 13)); err != nil {
		return err
	}
	fork, err := st.Fork()
	if err != nil {
		return err
	}
	defer fork.Close()
	for at, x := range other { // parent and child side by side
		y, err := m.batch(context.Background(), []int32{x, ids[13+at]},
			backend.Span{State: fork, Rows: 1, Want: []int32{0}}, backend.Span{State: st, Rows: 1, Want: []int32{0}})
		if err != nil {
			return err
		}
		row := func(of []float32) []float32 { return of[(13+at)*tinyVocab : (14+at)*tinyVocab] }
		if err := first(same("a fork beside its parent", y[:tinyVocab], row(elsewhere)), same("beside a fork", y[tinyVocab:], row(want))); err != nil {
			return err
		}
	}
	for _, back := range []int{13, 11, 5, 0} {
		if err := fork.Truncate(back); err != nil {
			return err
		}
		y, err := m.feed(fork, ids[back:], 8)
		if err != nil {
			return err
		}
		if err := same(fmt.Sprintf("rewound to %d", back), y, want[back*tinyVocab:]); err != nil {
			return err
		}
	}
	return first(wantMemory("the parent", st), wantMemory("the fork", fork), wantLen("the parent", st, 21))
}

// wantMemory checks that the parts of what a state takes agree.
func wantMemory(what string, st backend.State) error {
	if m := st.Memory(); m.Own < 0 || m.Own+m.Shared <= 0 || m.Fair < m.Own || m.Fair > m.Own+m.Shared || m.Shared > 0 && m.Fair == m.Own {
		return fmt.Errorf("%s: a state of %d positions takes %+v", what, st.Len(), m)
	}
	return nil
}

const pacedText = `
graph paced
input %0 x f32[S,8]
weight @f f32[2] = stored(f, f32[2], rows, [2])
%1 y f32[S,8] = rope(%0, @f) {head_dim=4, rotary_dim=4}
output %1
`

// checkStateless: a segment without states asks the sequence's state where its
// tokens stand, extends nothing, and takes spans without one, from position 0.
func checkStateless(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	defer m.close()
	g, err := ir.Parse(pacedText)
	if err != nil {
		return err
	}
	s.weights["paced"] = map[string][]byte{"f": bytesOf([]float32{1, 0.1})}
	exe, err := m.d.Compile("paced", g, backend.Size{Tokens: 32, Rows: 1})
	if err != nil {
		return err
	}
	defer exe.Close()
	in, err := buffers(m.d, g, g.Inputs, 32)
	if err != nil {
		return err
	}
	out, err := buffers(m.d, g, g.Outputs, 32)
	if err != nil {
		return err
	}
	x, ctx := random("paced", 20, 8, false), context.Background()
	run := func(rows []float32, spans ...backend.Span) ([]float32, error) {
		if err := in[0].SetFloat32(rows); err != nil {
			return nil, err
		}
		if err := exe.Run(ctx, spans, in, out); err != nil {
			return nil, err
		}
		y, err := out[0].Float32(ctx)
		return slices.Clone(y), err
	}
	want, err := run(x, backend.Span{Rows: 20})
	if err != nil {
		return err
	}
	st, err := m.state()
	if err != nil {
		return err
	}
	defer st.Close()
	if _, err := m.feed(st, tinyIDs(13), 8); err != nil {
		return err
	}
	y, err := run(slices.Concat(x[:3*8], x[13*8:], x[:5*8]), backend.Span{Rows: 3}, backend.Span{State: st, Rows: 7}, backend.Span{Rows: 5})
	if err != nil {
		return err
	}
	return first(
		same("rows from the sequence's position", y[3*8:10*8], want[13*8:]),
		same("rows without a state", y[:3*8], want[:3*8]),
		same("rows without a state behind others", y[10*8:], want[:5*8]),
		wantLen("a segment without states extends nothing", st, 13),
	)
}
