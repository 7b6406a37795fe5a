package cpu

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
)

const testWindow = 20

// windowed is a model of three layers with a window and one without.
func windowed(t testing.TB) *runtime.Model {
	t.Helper()
	text := strings.Builder{}
	text.WriteString(`graph windowed
input %0 tokens i32[S]
`)
	for n := range 4 {
		fmt.Fprintf(&text, "state $kv.%d heads=1 k=16 v=16%s\n", n, []string{"", fmt.Sprintf(" window=%d", testWindow)}[min(1, n)])
	}
	text.WriteString(`weight @embd f32[96,32] = stored(embd, f32[96,32], rows, [96])
weight @norm f32[32] = stored(norm, f32[32], rows, [32])
weight @proj f32[16,32] = stored(proj, f32[16,32], rows, [16])
weight @head f32[96,32] = stored(head, f32[96,32], rows, [96])
%1 x.0 f32[S,32] = embedding(%0, @embd)
`)
	id := 1
	for n := range 4 {
		window := ""
		if n > 0 {
			window = fmt.Sprintf(", window=%d", testWindow)
		}
		fmt.Fprintf(&text, "%%%d n.%d f32[S,32] = rms_norm(%%%d, @norm) {dim=32, eps=1e-06}\n", id+1, n, id)
		fmt.Fprintf(&text, "%%%d k.%d f32[S,16] = matmul(%%%d, @proj)\n", id+2, n, id+1)
		fmt.Fprintf(&text, "%%%d a.%d f32[S,32] = attention(%%%d, %%%d, %%%d, $kv.%d) {head_dim=16, heads=2, kv_heads=1, scale=0.25%s}\n", id+3, n, id+1, id+2, id+2, n, window)
		fmt.Fprintf(&text, "%%%d x.%d f32[S,32] = add(%%%d, %%%d)\n", id+4, n+1, id, id+3)
		id += 4
	}
	fmt.Fprintf(&text, "%%%d o f32[R,32] = select_rows(%%%d)\n%%%d logits f32[R,96] = matmul(%%%d, @head)\noutput %%%d\n", id+1, id, id+2, id+1, id+2)
	g, err := ir.Parse(text.String())
	if err != nil {
		t.Fatal(err)
	}
	return newModel(t, &runtime.Program{Segments: []ir.Segment{{Name: "model", Kind: ir.KindModel, Graph: g}}, Weights: scattered{zeros{}}},
		runtime.Options{Threads: 2, MaxChunk: 64, Context: 2048, KVType: "f16/f32"})
}

// scattered are weights that look random.
type scattered struct{ zeros }

func (scattered) Bytes(_ string, w *ir.Weight) ([]byte, error) {
	n := int64(1)
	for _, d := range w.Shape {
		n *= d
	}
	data, x := make([]byte, 0, 4*n), uint32(len(w.Name))
	for range n {
		x = x*1664525 + 1013904223
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(int32(x)>>8)/(1<<23)))
	}
	return data, nil
}

// TestRewindWindows: a session that went on, was rewound to any length and goes
// on otherwise has the bits of one that never went further; so has a fork at an
// old length, and one that was saved and loaded.
func TestRewindWindows(t *testing.T) {
	ctx := context.Background()
	m := windowed(t)
	const n = 700
	tokens, other := ids(n), ids(n + 40)[n:]
	fresh := func(keep int) [][]float32 {
		s := newSession(t, m)
		defer s.Close()
		if err := s.Extend(ctx, tokens[:keep]); err != nil {
			t.Fatal(err)
		}
		return logitsOf(t, s, other)
	}
	recomputed := 0
	for _, snapshot := range []int{0, 300, n - 3*testWindow} {
		for _, keep := range []int{n, n - 1, n - testWindow, n - testWindow - 1, n - 5*testWindow, 0, 1, 256, 257} {
			s := newSession(t, m)
			if err := s.Extend(ctx, tokens[:snapshot]); err != nil {
				t.Fatal(err)
			}
			if snapshot > 0 {
				if err := s.Snapshot(); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Extend(ctx, tokens[snapshot:]); err != nil {
				t.Fatal(err)
			}
			what := fmt.Sprintf("snapshot at %d, back to %d", snapshot, keep)
			f, err := s.Fork()
			if err != nil {
				t.Fatal(err)
			}
			if e := f.State().Truncate(keep); e != nil {
				recomputed++
			}
			want := fresh(keep)
			if err := f.Rewind(ctx, keep); err != nil {
				t.Fatal(err)
			}
			sameBits(t, what+", a fork", logitsOf(t, f, other), want)
			if err := s.Rewind(ctx, keep); err != nil || s.Len() != keep || s.State().Len() != keep {
				t.Fatalf("%s: %v, %d ids, %d positions", what, err, s.Len(), s.State().Len())
			}
			data, err := s.State().Save(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for i, d := range data {
				if visible := max(0, keep-testWindow+1); i > 0 && d.From != visible || i == 0 && d.From != 0 {
					t.Errorf("%s: state %s is saved from %d on", what, d.Name, d.From)
				}
			}
			sameBits(t, what, logitsOf(t, s, other), want)
			l := newSession(t, m)
			if err := l.Extend(ctx, tokens[:keep]); err != nil { // the ids; the state is replaced
				t.Fatal(err)
			}
			if err := l.State().Load(data); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			sameBits(t, what+", loaded", logitsOf(t, l, other), want)
			if err := l.Rewind(ctx, keep/2); err != nil {
				t.Fatal(err)
			}
			sameBits(t, what+", loaded and rewound", logitsOf(t, l, other), fresh(keep/2))
			for _, s := range []*runtime.Session{s, f, l} {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if recomputed == 0 {
		t.Error("nothing had to be computed again")
	}
}

// TestRewindCancelled: a rewind that computes again and is cancelled leaves the
// session as it was.
func TestRewindCancelled(t *testing.T) {
	m := windowed(t)
	s := newSession(t, m)
	if err := s.Extend(context.Background(), ids(700)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Rewind(ctx, 600-5*testWindow); err == nil {
		t.Fatal("a cancelled rewind went through")
	}
	if s.Len() != 700 || s.State().Len() != 700 {
		t.Fatalf("%d ids, %d positions", s.Len(), s.State().Len())
	}
	whole := newSession(t, m)
	if err := whole.Extend(context.Background(), ids(700)); err != nil {
		t.Fatal(err)
	}
	sameBits(t, "behind a cancelled rewind", logitsOf(t, s, ids(9)), logitsOf(t, whole, ids(9)))
}

// TestClosedStates: what sessions held is back in the device's pool.
func TestClosedStates(t *testing.T) {
	m := windowed(t)
	var all []*runtime.Session
	s := newSession(t, m)
	if err := s.Extend(context.Background(), ids(300)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for range 1000 {
		f, err := s.Fork()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	t.Logf("1,000 forks of 300 tokens: %v each", time.Since(begin)/1000)
	own := backend.Memory{}
	for _, f := range all {
		x := f.State().Memory()
		own.Own, own.Fair = own.Own+x.Own, own.Fair+x.Fair
	}
	if own.Own != 0 || own.Fair > s.State().Memory().Shared {
		t.Errorf("1,000 forks say they take %+v", own)
	}
	for _, f := range slices.Concat(all[1:], []*runtime.Session{s}) {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if x := all[0].State().Memory(); x.Shared != 0 || x.Own != x.Fair || x.Own == 0 {
		t.Errorf("the last owner says it takes %+v", x)
	}
}
