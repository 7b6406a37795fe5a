package backendtest

import (
	"fmt"
	"strings"

	"github.com/tessera-llm/tessera/pkg/codec"
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
			kv := s.codecsFor(windowWidth, wi+ci+i)
			if err := s.window(i, window, call, kv); err != nil {
				return fmt.Errorf("window %d, calls of %d, cache %s: %w", window, call, kv, err)
			}
		}
	}
	return nil
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

// windowIDs are as many ids as the context has positions: it ends where the last
// position's window has just left a chunk of 256 that those of a few positions
// before still see.
func windowIDs(window int) []int32 {
	rows := min(1100, max(5*window+70, 600))
	rows -= (rows - window - 20) % 256
	return randomIDs("windows", rows)
}

func (s *suite) window(i, window, call int, kv codec.Pair) error {
	ids := windowIDs(window)
	all, err := s.longRun(i, "windows", windowText(window, true), kv, ids, call)
	if err != nil {
		return err
	}
	defer all.close()
	everything, want, err := all.whole(false)
	if err != nil {
		return err
	}
	defer everything.Close()
	w, err := s.longRun(i, "windows", windowText(window, false), kv, ids, call)
	if err != nil {
		return err
	}
	defer w.close()
	w.want = want
	st, got, err := w.whole(true)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := first(same("giving up what is behind the windows", got, want), w.forked(st)); err != nil {
		return err
	}
	for _, back := range []int{1, backend.Rewind, window, window + 1, 5 * window} {
		n := max(0, st.Len()-back)
		if err := w.back(st, n); err != nil {
			return fmt.Errorf("back to %d: %w", n, err)
		}
		if err := first(w.forked(st), w.saved(st), w.goesOn("rewound", st)); err != nil {
			return fmt.Errorf("back to %d: %w", n, err)
		}
	}
	return nil
}
