package backendtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tessera-llm/tessera/runtime/backend"
)

var infinity = float32(math.Inf(1))

// checkBatches: what a batch must not be.
func checkBatches(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	st, err := m.state()
	if err != nil {
		return err
	}
	ctx := context.Background()
	if _, err := m.feed(st, 0, tinyIDs(5), tinyCall); err != nil {
		return err
	}
	other, err := st.Fork()
	if err != nil {
		return err
	}
	closed, err := m.state()
	if err != nil {
		return err
	}
	if err := first(closed.Close(), closed.Close()); err != nil {
		return err
	}
	try := func(ids int, batch ...backend.Span) error {
		_, err := m.raw(ctx, tinyIDs(ids), batch...)
		return err
	}
	return first(
		wantError("an empty batch", try(1)),
		wantError("a span without a state", try(1, backend.Span{Rows: 1})),
		wantError("a span of no tokens", try(1, backend.Span{State: st, Rows: 1}, backend.Span{State: other})),
		wantError("a span of negative length", try(1, backend.Span{State: st, Rows: 2}, backend.Span{State: other, Rows: -1})),
		wantError("a state twice", try(3, backend.Span{State: st, Rows: 1}, backend.Span{State: other, Rows: 1}, backend.Span{State: st, Rows: 1}), "twice"),
		wantError("a closed state", try(2, backend.Span{State: st, Rows: 1}, backend.Span{State: closed, Rows: 1}), "closed"),
		wantError("more ids than tokens", try(3, backend.Span{State: st, Rows: 1}, backend.Span{State: other, Rows: 1})),
		wantError("more tokens than the segment was compiled for", try(tinyCall, backend.Span{State: st, Rows: tinyCall}, backend.Span{State: other, Rows: 1})),
		wantError("a wanted row of the next span", try(2, backend.Span{State: st, Rows: 1, Want: []int32{1}}, backend.Span{State: other, Rows: 1})),
		wantLen("after batches that could not begin", st, 5),
		wantLen("after batches that could not begin", other, 5),
	)
}

// checkStates: full contexts, states that lack something, cache types.
func checkStates(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	st, err := m.state()
	if err != nil {
		return err
	}
	ids := tinyIDs(tinyContext)
	whole, err := m.feed(st, 0, ids, tinyCall)
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
	if st.Bytes() <= 0 {
		return fmt.Errorf("a state of %d positions takes %d bytes", st.Len(), st.Bytes())
	}
	_, full := m.call(context.Background(), st, tinyContext, tinyIDs(1))
	if err := first(wantError("a call beyond the context", full), st.Truncate(tinyContext-2)); err != nil {
		return err
	}
	_, partly := m.call(context.Background(), st, tinyContext-2, tinyIDs(3))
	if err := first(wantError("a call partly beyond the context", partly), wantLen("after it", st, tinyContext-2)); err != nil {
		return err
	}
	y, err := m.feed(st, tinyContext-2, ids[tinyContext-2:], 2)
	if err != nil {
		return err
	}
	if err := same("after calls beyond the context", y, whole[(tinyContext-2)*tinyVocab:]); err != nil {
		return err
	}
	half, err := m.d.NewState(m.g.States[:1], "f32", tinyContext)
	if err != nil {
		return err
	}
	_, lacking := m.call(context.Background(), half, 0, tinyIDs(2))
	_, unknown := m.d.NewState(m.g.States, "f33", tinyContext)
	_, none := m.d.NewState(m.g.States, "f32", 0)
	return first(
		wantError("a state that lacks one", lacking, "kv.1"),
		wantLen("after it", half, 0),
		wantError("an unknown cache type", unknown, "f33"),
		wantError("a state of no positions", none),
	)
}

// checkFailedRuns: a run that cannot be carried out leaves the state at its
// old length, and what it may have written is not seen.
func checkFailedRuns(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	ids := tinyIDs(14)
	want, err := m.fresh(ids, 7)
	if err != nil {
		return err
	}
	st, err := m.state()
	if err != nil {
		return err
	}
	if _, err := m.feed(st, 0, ids[:7], 7); err != nil {
		return err
	}
	_, badID := m.call(context.Background(), st, 7, []int32{1, 2, tinyVocab})
	_, badRow := m.raw(context.Background(), []int32{1, 2}, backend.Span{State: st, Rows: 2, Want: []int32{2}})
	if err := first(wantError("an unknown id", badID), wantError("an unknown row", badRow), wantLen("after failed runs", st, 7)); err != nil {
		return err
	}
	y, err := m.feed(st, 7, ids[7:], 7)
	if err != nil {
		return err
	}
	return same("after failed runs", y, want[7*tinyVocab:])
}

// checkCancelled: a context that ends before or during a run.
func checkCancelled(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	ids := tinyIDs(14)
	want, err := m.fresh(ids, 7)
	if err != nil {
		return err
	}
	st, err := m.state()
	if err != nil {
		return err
	}
	if _, err := m.feed(st, 0, ids[:7], 7); err != nil {
		return err
	}
	const tries = 25
	for try := range tries {
		ctx, cancel := context.WithCancel(context.Background())
		if try == 0 {
			cancel()
		}
		timer := time.AfterFunc(time.Duration(try)*4*time.Microsecond, cancel)
		y, err := m.call(ctx, st, 7, ids[7:])
		timer.Stop()
		cancel()
		switch {
		case err == nil && try == 0:
			return fmt.Errorf("a cancelled run is no error")
		case err == nil:
			err = first(same("a run that was not cancelled in time", y, want[7*tinyVocab:]), wantLen("after it", st, 14), st.Truncate(7))
		case errors.Is(err, context.Canceled):
			err = wantLen("after a cancelled run", st, 7)
		}
		if err != nil {
			return err
		}
	}
	y, err := m.feed(st, 7, ids[7:], 7)
	if err != nil {
		return err
	}
	return same("after cancelled runs", y, want[7*tinyVocab:])
}

// checkTruncateFork: a state that went elsewhere and came back, and two that
// went different ways from one.
func checkTruncateFork(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	ids, other := tinyIDs(24), []int32{9, 9, 8, 1, 0, 3, 10, 2}
	want, err := m.fresh(ids, 8)
	if err != nil {
		return err
	}
	st, err := m.state()
	if err != nil {
		return err
	}
	if _, err := m.feed(st, 0, ids[:13], 8); err != nil {
		return err
	}
	if err := first(wantError("a rewind to the future", st.Truncate(14)), wantError("a rewind below 0", st.Truncate(-1)), wantLen("after them", st, 13)); err != nil {
		return err
	}
	fork, err := st.Fork()
	if err != nil {
		return err
	}
	for at, x := range other { // in turn, so that what they share shows
		if _, err := m.call(context.Background(), fork, 13+at, []int32{x}); err != nil {
			return err
		}
		y, err := m.call(context.Background(), st, 13+at, ids[13+at:14+at])
		if err != nil {
			return err
		}
		if err := same("beside a fork", y, want[(13+at)*tinyVocab:(14+at)*tinyVocab]); err != nil {
			return err
		}
	}
	for _, back := range []int{13, 11, 5, 0} {
		if err := fork.Truncate(back); err != nil {
			return err
		}
		y, err := m.feed(fork, back, ids[back:], 8)
		if err != nil {
			return err
		}
		if err := same(fmt.Sprintf("rewound to %d", back), y, want[back*tinyVocab:]); err != nil {
			return err
		}
	}
	// A call behind a rewind forgets what was there.
	y, err := m.feed(fork, 10, ids[10:12], 8)
	if err != nil {
		return err
	}
	return first(same("a call behind a rewind", y, want[10*tinyVocab:12*tinyVocab]), wantLen("after it", fork, 12), wantLen("the other", st, 21))
}

// checkSaveLoad is for backends that save states.
func checkSaveLoad(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	ids := tinyIDs(20)
	want, err := m.fresh(ids, 8)
	if err != nil {
		return err
	}
	st, err := m.state()
	if err != nil {
		return err
	}
	if _, err := m.feed(st, 0, ids[:12], 8); err != nil {
		return err
	}
	saved, err := st.Save(context.Background())
	if err != nil {
		return err
	}
	l, err := m.state()
	if err != nil {
		return err
	}
	if err := l.Load(saved); err != nil {
		return err
	}
	y, err := m.feed(l, 12, ids[12:], 8)
	if err != nil {
		return err
	}
	if err := first(same("a loaded state", y, want[12*tinyVocab:]), wantLen("a loaded state", l, 20)); err != nil {
		return err
	}
	for what, spoil := range map[string]func(d []backend.StateData) []backend.StateData{
		"a state is missing":         func(d []backend.StateData) []backend.StateData { return d[1:] },
		"a state of another name":    func(d []backend.StateData) []backend.StateData { d[0].Name = "kv.9"; return d },
		"a state of another type":    func(d []backend.StateData) []backend.StateData { d[0].KV = "f33"; return d },
		"a state of another length":  func(d []backend.StateData) []backend.StateData { d[0].Len--; return d },
		"a state of negative length": func(d []backend.StateData) []backend.StateData { d[0].Len, d[1].Len = -1, -1; return d },
		"a state that is too long": func(d []backend.StateData) []backend.StateData {
			d[0].Len, d[1].Len = tinyContext+1, tinyContext+1
			return d
		},
		"a state that ends early": func(d []backend.StateData) []backend.StateData { d[1].Data = d[1].Data[1:]; return d },
	} {
		fresh, err := m.state()
		if err != nil {
			return err
		}
		if err := wantError(what, fresh.Load(spoil(append([]backend.StateData(nil), saved...)))); err != nil {
			return err
		}
	}
	return nil
}
