package backendtest

import (
	"context"
	"fmt"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// windowSizes and windowCalls are around the units in which states are kept:
// the positions that a layer sees, and the tokens of a call.
var (
	windowSizes = []int{1, 8, 255, 256, 257, 512}
	windowCalls = []int{1, 7, 64, 513}
)

// trimmer is a state that may give up what no window sees any more.
type trimmer interface{ Trim() }

// checkWindows: three layers with a window and one without. A state that gives
// up what is behind its windows after every call says what one says that keeps
// everything, also after going back, or it refuses to go back and is built again.
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
			if err := s.window(i, window, call); err != nil {
				return fmt.Errorf("window %d, calls of %d: %w", window, call, err)
			}
		}
	}
	return nil
}

// windowText is the model of one window.
func windowText(window int) string {
	var b strings.Builder
	b.WriteString("graph windows\ninput %0 ids i32[S]\n")
	for l := range 4 {
		kept := fmt.Sprintf(" window=%d", window)
		if l == 1 {
			kept = ""
		}
		fmt.Fprintf(&b, "state $kv.%d heads=1 k=4 v=4%s\n", l, kept)
	}
	b.WriteString("weight @embd f32[11,4] = stored(embd, f32[11,4], rows, [11])\n%1 x.0 f32[S,4] = embedding(%0, @embd)\n")
	v := 1
	for l := range 4 {
		seen := fmt.Sprintf(", window=%d", window)
		if l == 1 {
			seen = ""
		}
		fmt.Fprintf(&b, "%%%d a.%d f32[S,4] = attention(%%%d, %%%d, %%%d, $kv.%d) {head_dim=4, heads=1, kv_heads=1, scale=0.5%s}\n", v+1, l, v, v, v, l, seen)
		fmt.Fprintf(&b, "%%%d x.%d f32[S,4] = add(%%%d, %%%d)\n", v+2, l+1, v, v+1)
		v += 2
	}
	fmt.Fprintf(&b, "%%%d y f32[R,4] = select_rows(%%%d)\noutput %%%d\n", v+1, v, v+1)
	return b.String()
}

// windowRun is a compiled windowText.
type windowRun struct {
	tiny
	rows int // of the context
	call int
	ids  []int32
}

func (s *suite) window(i, window, call int) error {
	const width = 4
	g, err := ir.Parse(windowText(window))
	if err != nil {
		return err
	}
	if s.weights["windows"] == nil {
		embd, err := randomWeight("windows", g.Weights[0].Type, ir.Rows, []int64{tinyVocab}, width)
		if err != nil {
			return err
		}
		s.weights["windows"] = map[string][]byte{"embd": embd}
	}
	w := &windowRun{tiny: tiny{d: s.devices[i], g: g}, rows: min(1100, max(5*window+70, 600)), call: call}
	r := seeded("windows")
	for range w.rows {
		w.ids = append(w.ids, int32(r.IntN(tinyVocab)))
	}
	if w.exe, err = w.d.Compile("windows", g, backend.Size{Tokens: 513, Rows: 513}); err != nil {
		return err
	}
	if w.in, err = buffers(w.d, g, g.Inputs, 513); err != nil {
		return err
	}
	if w.out, err = buffers(w.d, g, g.Outputs, 513); err != nil {
		return err
	}
	defer w.close()
	all, err := w.d.NewState(g.States, plain, w.rows)
	if err != nil {
		return err
	}
	defer all.Close()
	want, err := w.upTo(all, w.rows, false)
	if err != nil {
		return err
	}
	some, err := w.d.NewState(g.States, plain, w.rows)
	if err != nil {
		return err
	}
	defer func() { some.Close() }()
	got, err := w.upTo(some, w.rows, true)
	if err != nil {
		return err
	}
	if err := same("giving up what is behind the windows", got, want); err != nil {
		return err
	}
	for _, back := range []int{1, window, window + 1, 5 * window} {
		held := some.Len()
		n := max(0, held-back)
		if err := some.Truncate(n); err != nil {
			// It was as it was, and is built again.
			if err := wantLen("after a rewind that was refused", some, held); err != nil {
				return err
			}
			fresh, err := w.d.NewState(g.States, plain, w.rows)
			if err != nil {
				return err
			}
			some.Close()
			some = fresh
			if _, err := w.upTo(some, n, true); err != nil {
				return err
			}
		}
		fork, err := some.Fork()
		if err != nil {
			return err
		}
		for what, st := range map[string]backend.State{"rewound": some, "forked there": fork} {
			y, err := w.upTo(st, min(w.rows, n+80), what == "rewound")
			if err != nil {
				return err
			}
			if err := same(fmt.Sprintf("%s by %d", what, back), y, want[n*width:n*width+len(y)]); err != nil {
				return err
			}
		}
		fork.Close()
	}
	return nil
}

// upTo runs ids until st holds n and returns their rows.
func (w *windowRun) upTo(st backend.State, n int, trim bool) ([]float32, error) {
	var all []float32
	for st.Len() < n {
		y, err := w.append(st, min(w.call, n-st.Len()))
		if err != nil {
			return nil, err
		}
		all = append(all, y...)
		if t, ok := st.(trimmer); ok && trim {
			t.Trim()
		}
	}
	return all, nil
}

func (w *windowRun) append(st backend.State, n int) ([]float32, error) {
	want := make([]int32, n)
	for i := range want {
		want[i] = int32(i)
	}
	at := st.Len()
	return w.batch(context.Background(), w.ids[at:at+n], backend.Span{State: st, Rows: n, Want: want})
}
