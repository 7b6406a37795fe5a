package backendtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// longRun is a compiled graph of one input, ids, and one output, wanted rows, with
// the ids of a full context, long enough for what states give up.
type longRun struct {
	tiny
	kv    codec.Pair
	ids   []int32
	call  int       // tokens of a call at most
	width int       // channels of the output
	want  []float32 // rows of all ids, once known
}

func (s *suite) longRun(i int, segment, text string, kv codec.Pair, ids []int32, call int) (*longRun, error) {
	g, err := ir.Parse(text)
	if err == nil {
		err = ir.Verify(g)
	}
	if err == nil {
		err = s.fillWeights(segment, g)
	}
	if err != nil {
		return nil, err
	}
	w := &longRun{tiny: tiny{d: s.devices[i], g: g}, kv: kv, ids: ids, call: call, width: int(g.Value(g.Outputs[0]).Channels())}
	n := len(ids)
	if w.exe, err = w.d.Compile(segment, g, backend.Size{Tokens: n, Rows: n}); err != nil {
		return nil, err
	}
	if w.in, err = buffers(w.d, g, g.Inputs, n); err == nil {
		w.out, err = buffers(w.d, g, g.Outputs, n)
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// randomIDs are n ids that belong to a name.
func randomIDs(name string, n int) []int32 {
	r, ids := seeded(name), make([]int32, n)
	for i := range ids {
		ids[i] = int32(r.IntN(tinyVocab))
	}
	return ids
}

// codecsFor is the n-th of the budget's cache types that hold rows of so many
// channels, in a circle.
func (s *suite) codecsFor(channels, n int) codec.Pair {
	fit := []codec.Pair{}
	for _, name := range s.budget.Codecs {
		p, err := codec.ParsePair(name)
		if err == nil && p.K.Fits(channels) == nil && p.V.Fits(channels) == nil {
			fit = append(fit, p)
		}
	}
	if len(fit) == 0 {
		return plain
	}
	return fit[n%len(fit)]
}

func (w *longRun) state() (backend.State, error) { return w.d.NewState(w.g.States, w.kv, len(w.ids)) }

// whole is the rows of all ids in a new state, which is returned.
func (w *longRun) whole(trim bool) (backend.State, []float32, error) {
	st, err := w.state()
	if err != nil {
		return nil, nil, err
	}
	y, err := w.upTo(st, len(w.ids), trim)
	if err != nil {
		return nil, nil, errors.Join(err, st.Close())
	}
	return st, y, nil
}

// back rewinds st to n positions. Where it refuses, which it may not within
// backend.Rewind, it goes back to the nearest length it tells and runs the rest again.
func (w *longRun) back(st backend.State, n int) error {
	held := st.Len()
	err := st.Truncate(n)
	var gone *backend.NotHeldError
	switch {
	case err == nil:
		return wantLen("a rewound state", st, n)
	case !errors.As(err, &gone):
		return err
	case held-n <= backend.Rewind:
		return fmt.Errorf("a rewind by %d is always possible: %w", held-n, err)
	case gone.Len != n || gone.Nearest < 0 || gone.Nearest >= n || !slices.ContainsFunc(w.g.States, func(s *ir.State) bool { return s.Name == gone.State && forgets(s) }):
		return fmt.Errorf("the error names another state or length: %w", err)
	}
	// It is as it was: it can still go back a little.
	if err := first(wantLen("after a rewind that was refused", st, held), w.forked(st), st.Truncate(gone.Nearest)); err != nil {
		return err
	}
	_, err = w.upTo(st, n, true)
	return err
}

// forgets says whether a state gives up what is far behind.
func forgets(s *ir.State) bool { return s.Window > 0 || s.Kind == ir.Recurrent }

// forked checks forks of st, one of which goes back as far as is always possible,
// beside st, which stays as it is.
func (w *longRun) forked(st backend.State) error {
	n := st.Len()
	for _, back := range []int{0, backend.Rewind} {
		f, err := st.Fork()
		if err != nil {
			return err
		}
		err = f.Truncate(max(0, n-back))
		var gone *backend.NotHeldError
		switch {
		case errors.As(err, &gone) && back > 0 && n < len(w.ids):
			err = nil // st itself was rewound since it was trimmed
		case err != nil:
			err = fmt.Errorf("a fork %d back: %w", back, err)
		default:
			err = w.goesOn(fmt.Sprintf("a fork %d back", back), f)
		}
		if err := first(err, f.Close(), wantLen("the parent of a fork", st, n)); err != nil {
			return err
		}
	}
	return nil
}

// saved checks that st goes on when loaded into a new state, saves the same
// again, and is refused where positions that the next one sees are cut off.
func (w *longRun) saved(st backend.State) error {
	data, err := st.Save(context.Background())
	if err != nil {
		return err
	}
	l, err := w.state()
	if err != nil {
		return err
	}
	defer l.Close()
	for i, d := range data {
		spec, visible := w.g.States[i], 0
		switch {
		case spec.Kind == ir.Recurrent:
			visible = d.Len / recurrentChunk * recurrentChunk
		case spec.Window > 0:
			visible = max(0, d.Len-int(spec.Window)+1)
		}
		if d.From < 0 || d.From > visible {
			return fmt.Errorf("state %s is saved from position %d on, %d is visible", d.Name, d.From, visible)
		}
		if d.From == d.Len || d.From < visible {
			continue
		}
		cut := slices.Clone(data)
		if spec.Kind == ir.Recurrent {
			cut[i].Data = d.Data[:len(d.Data)-4]
		} else {
			cut[i].From++
			cut[i].Data = d.Data[len(d.Data)/(d.Len-d.From):]
		}
		if err := first(wantError("a state that lacks what is visible", l.Load(cut), d.Name), wantLen("after it", l, 0)); err != nil {
			return err
		}
	}
	if err := l.Load(data); err != nil {
		return err
	}
	again, err := l.Save(context.Background())
	if err != nil {
		return err
	}
	equal := func(a, b backend.StateData) bool {
		return a.Name == b.Name && a.KV == b.KV && a.From == b.From && a.Len == b.Len && bytes.Equal(a.Data, b.Data)
	}
	if !slices.EqualFunc(data, again, equal) {
		return fmt.Errorf("a loaded state saves other data")
	}
	return w.goesOn("loaded", l)
}

// goesOn runs up to 70 more ids and compares their rows.
func (w *longRun) goesOn(what string, st backend.State) error {
	n := st.Len()
	y, err := w.upTo(st, min(len(w.ids), n+70), true)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return same(what, y, w.want[n*w.width:n*w.width+len(y)])
}

// upTo runs ids until st holds n and returns their rows.
func (w *longRun) upTo(st backend.State, n int, trim bool) ([]float32, error) {
	var all []float32
	for st.Len() < n {
		at := st.Len()
		want := make([]int32, min(w.call, n-at))
		for i := range want {
			want[i] = int32(i)
		}
		y, err := w.batch(context.Background(), w.ids[at:at+len(want)], backend.Span{State: st, Rows: len(want), Want: want})
		if err != nil {
			return nil, err
		}
		all = append(all, y...)
		if trim {
			st.Trim()
		}
		if p, ok := st.(interface{ Poison() }); ok && trim {
			p.Poison() // what was given up, too
		}
	}
	return all, nil
}
