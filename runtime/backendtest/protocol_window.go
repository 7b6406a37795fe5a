package backendtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// windowSizes and windowCalls are around the units in which states are kept:
// the positions that a layer sees, and the tokens of a call.
var (
	windowSizes = []int{1, 8, 255, 256, 257, 512}
	windowCalls = []int{1, 7, 64, 513}
)

// checkWindows: three layers with a window and one without. A state that gives
// up what is behind its windows after every call says what one says whose layers
// keep everything and only look back a window, also after going back, forked at
// an old length, and loaded; or it refuses to go back and is built again.
func checkWindows(s *suite, i int) error {
	for wi, window := range windowSizes {
		for ci, call := range windowCalls {
			// In quick runs each variant takes some pairs, the large ones seldom.
			every := 8
			if window > 8 {
				every = 24
			}
			if !s.long && (wi*len(windowCalls)+ci+5*i)%every != 0 {
				continue
			}
			kv := s.windowCodecs(wi + ci + i)
			if err := s.window(i, window, call, kv); err != nil {
				return fmt.Errorf("window %d, calls of %d, cache %s: %w", window, call, kv, err)
			}
		}
	}
	return nil
}

// windowCodecs is the n-th of the budget's cache types that hold rows of
// windowWidth channels, in a circle.
func (s *suite) windowCodecs(n int) codec.Pair {
	fit := []codec.Pair{}
	for _, name := range s.budget.Codecs {
		p, err := codec.ParsePair(name)
		if err == nil && p.K.Fits(windowWidth) == nil && p.V.Fits(windowWidth) == nil {
			fit = append(fit, p)
		}
	}
	if len(fit) == 0 {
		return plain
	}
	return fit[n%len(fit)]
}

const (
	windowWidth = 4 // channels of the model
	windowFull  = 1 // the layer that sees everything
)

// windowText is the model of one window: four layers, all but windowFull look
// back a window, and two that read the states of layers before them, one a part of
// a window, one all. Unless keeps, states hold no more than that.
func windowText(window int, keeps bool) string {
	var b strings.Builder
	b.WriteString("graph windows\ninput %0 ids i32[S]\n")
	for l := range 4 {
		held := fmt.Sprintf(" window=%d", window)
		if keeps || l == windowFull {
			held = ""
		}
		fmt.Fprintf(&b, "state $kv.%d heads=1 k=4 v=4%s\n", l, held)
	}
	b.WriteString("weight @embd f32[11,4] = stored(embd, f32[11,4], rows, [11])\n%1 x.0 f32[S,4] = embedding(%0, @embd)\n")
	v := 1
	for l := range 4 {
		seen := fmt.Sprintf(", window=%d", window)
		if l == windowFull {
			seen = ""
		}
		fmt.Fprintf(&b, "%%%d a.%d f32[S,4] = attention(%%%d, %%%d, %%%d, $kv.%d) {head_dim=4, heads=1, kv_heads=1, scale=0.5%s}\n", v+1, l, v, v, v, l, seen)
		fmt.Fprintf(&b, "%%%d x.%d f32[S,4] = add(%%%d, %%%d)\n", v+2, l+1, v, v+1)
		v += 2
	}
	for l, read := range []string{fmt.Sprintf("$kv.0) {head_dim=4, heads=1, kv_heads=1, scale=0.5, window=%d}", (window+1)/2),
		fmt.Sprintf("$kv.%d) {head_dim=4, heads=1, kv_heads=1, scale=0.5}", windowFull)} {
		fmt.Fprintf(&b, "%%%d a.%d f32[S,4] = attention(%%%d, %s\n", v+1, 4+l, v, read)
		fmt.Fprintf(&b, "%%%d x.%d f32[S,4] = add(%%%d, %%%d)\n", v+2, 5+l, v, v+1)
		v += 2
	}
	fmt.Fprintf(&b, "%%%d y f32[R,4] = select_rows(%%%d)\noutput %%%d\n", v+1, v, v+1)
	return b.String()
}

// windowRun is a compiled windowText.
type windowRun struct {
	tiny
	kv   codec.Pair
	ids  []int32 // of a full context
	call int
	want []float32 // rows of all ids, once known
}

func (s *suite) windowRun(i, window, call int, kv codec.Pair, keeps bool) (*windowRun, error) {
	g, err := ir.Parse(windowText(window, keeps))
	if err != nil {
		return nil, err
	}
	if err := ir.Verify(g); err != nil {
		return nil, err
	}
	if s.weights["windows"] == nil {
		embd, err := randomWeight("windows", g.Weights[0].Type, ir.Rows, []int64{tinyVocab}, windowWidth)
		if err != nil {
			return nil, err
		}
		s.weights["windows"] = map[string][]byte{"embd": embd}
	}
	w := &windowRun{tiny: tiny{d: s.devices[i], g: g}, kv: kv, call: call}
	r := seeded("windows")
	// The context ends where the last position's window has just left a chunk of
	// 256 that those of a few positions before still see.
	rows := min(1100, max(5*window+70, 600))
	rows -= (rows - window - 20) % 256
	for range rows {
		w.ids = append(w.ids, int32(r.IntN(tinyVocab)))
	}
	if w.exe, err = w.d.Compile("windows", g, backend.Size{Tokens: 513, Rows: 513}); err != nil {
		return nil, err
	}
	if w.in, err = buffers(w.d, g, g.Inputs, 513); err == nil {
		w.out, err = buffers(w.d, g, g.Outputs, 513)
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *windowRun) state() (backend.State, error) { return w.d.NewState(w.g.States, w.kv, len(w.ids)) }

// whole is the rows of all ids in a new state, which is returned.
func (w *windowRun) whole(trim bool) (backend.State, []float32, error) {
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

func (s *suite) window(i, window, call int, kv codec.Pair) error {
	all, err := s.windowRun(i, window, call, kv, true)
	if err != nil {
		return err
	}
	defer all.close()
	everything, want, err := all.whole(false)
	if err != nil {
		return err
	}
	defer everything.Close()
	w, err := s.windowRun(i, window, call, kv, false)
	if err != nil {
		return err
	}
	defer w.close()
	w.want = want
	st, got, err := w.whole(true)
	if err != nil {
		return err
	}
	defer func() { st.Close() }()
	if err := first(same("giving up what is behind the windows", got, want), w.forked(st)); err != nil {
		return err
	}
	for _, back := range []int{1, backend.Rewind, window, window + 1, 5 * window} {
		n := max(0, st.Len()-back)
		if st, err = w.back(st, n); err != nil {
			return fmt.Errorf("back to %d: %w", n, err)
		}
		if err := first(w.forked(st), w.saved(st), w.goesOn("rewound", st)); err != nil {
			return fmt.Errorf("back to %d: %w", n, err)
		}
	}
	return nil
}

// back rewinds st to n positions, or if it refuses, which it may not within
// backend.Rewind, replaces it by one that never went further.
func (w *windowRun) back(st backend.State, n int) (backend.State, error) {
	held := st.Len()
	err := st.Truncate(n)
	var gone *backend.NotHeldError
	switch {
	case err == nil:
		return st, wantLen("a rewound state", st, n)
	case !errors.As(err, &gone):
		return st, err
	case held-n <= backend.Rewind:
		return st, fmt.Errorf("a rewind by %d is always possible: %w", held-n, err)
	case gone.Len != n || !slices.ContainsFunc(w.g.States, func(s *ir.State) bool { return s.Name == gone.State && s.Window > 0 }):
		return st, fmt.Errorf("the error names another state or length: %w", err)
	}
	// It is as it was: it can still go back a little.
	if err := first(wantLen("after a rewind that was refused", st, held), w.forked(st)); err != nil {
		return st, err
	}
	fresh, err := w.state()
	if err != nil {
		return st, err
	}
	if _, err := w.upTo(fresh, n, true); err != nil {
		return st, errors.Join(err, fresh.Close())
	}
	return fresh, st.Close()
}

// forked checks forks of st, one of which goes back as far as is always possible,
// beside st, which stays as it is.
func (w *windowRun) forked(st backend.State) error {
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
		case err == nil:
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
func (w *windowRun) saved(st backend.State) error {
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
		visible := 0
		if win := int(w.g.States[i].Window); win > 0 {
			visible = max(0, d.Len-win+1)
		}
		if d.From < 0 || d.From > visible {
			return fmt.Errorf("state %s is saved from position %d on, %d is visible", d.Name, d.From, visible)
		}
		if d.From == d.Len || d.From < visible {
			continue
		}
		cut := slices.Clone(data)
		cut[i].From++
		cut[i].Data = d.Data[len(d.Data)/(d.Len-d.From):]
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
func (w *windowRun) goesOn(what string, st backend.State) error {
	n := st.Len()
	y, err := w.upTo(st, min(len(w.ids), n+70), true)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return same(what, y, w.want[n*windowWidth:n*windowWidth+len(y)])
}

// upTo runs ids until st holds n and returns their rows.
func (w *windowRun) upTo(st backend.State, n int, trim bool) ([]float32, error) {
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
