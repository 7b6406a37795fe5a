package cpu

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// ids are n token ids of a vocabulary of at least 96.
func ids(n int) []int32 {
	all := make([]int32, n)
	for i := range all {
		all[i] = int32(i*i*5+3*i) % 96
	}
	return all
}

// logitsOf appends tokens and returns their logits.
func logitsOf(t testing.TB, s *runtime.Session, tokens []int32) [][]float32 {
	t.Helper()
	var rows [][]float32
	if err := s.Logits(context.Background(), tokens, func(_ int, row []float32) error {
		rows = append(rows, slices.Clone(row))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return rows
}

func sameBits(t testing.TB, what string, a, b [][]float32) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%s: %d rows and %d", what, len(a), len(b))
	}
	for i := range a {
		for j := range a[i] {
			if math.Float32bits(a[i][j]) != math.Float32bits(b[i][j]) {
				t.Fatalf("%s: row %d, logit %d: %v and %v", what, i, j, a[i][j], b[i][j])
			}
		}
	}
}

// TestStepAllocates: decoding allocates nothing, also across a chunk of the
// cache but for the chunk itself.
func TestStepAllocates(t *testing.T) {
	for _, threads := range []int{1, 2} {
		m := newModel(t, program(t, "war-and-peace", "q8_0", convert.Options{}), runtime.Options{Threads: threads, MaxChunk: 8, Context: 1024})
		s := newSession(t, m)
		ctx := context.Background()
		for i := range 260 { // past the first chunk of the cache and every first use
			if err := stepOne(ctx, s, ids(96)[i%96:i%96+1], []int32{0}); err != nil {
				t.Fatal(err)
			}
		}
		one, row := []int32{7}, []runtime.Row{{}}
		if n := testing.AllocsPerRun(100, func() {
			if _, err := s.Step(ctx, one, row); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%d threads: %v allocations per token", threads, n)
		}
	}
}

// TestErrorsLeaveTheSession: a call that fails says why and changes nothing.
func TestErrorsLeaveTheSession(t *testing.T) {
	ctx := context.Background()
	for _, p := range []*runtime.Program{program(t, "llama-f32", "keep", convert.Options{DecoderParts: 2}), uncut(t, "llama-f32")} {
		m := newModel(t, p, runtime.Options{Threads: 2, MaxChunk: 8, Context: 20})
		s := newSession(t, m)
		if err := stepOne(ctx, s, ids(5), []int32{4}); err != nil {
			t.Fatal(err)
		}
		many := ids(40)
		for _, c := range []struct {
			what, want   string
			tokens, rows []int32
		}{
			{"id beyond the vocabulary", "token id 1000000", []int32{1, 1000000}, []int32{0}},
			{"negative id", "token id -1", []int32{-1}, []int32{0}},
			{"row beyond the call", "row 2", []int32{1, 2}, []int32{2}},
			{"negative row", "row -1", []int32{1, 2}, []int32{-1}},
			{"no tokens", "no tokens", nil, []int32{0}},
			{"more tokens than a call holds", "9", ids(9), []int32{0}},
			{"more tokens than the context", "context is full", many[:16], []int32{0}},
		} {
			err := stepOne(ctx, s, c.tokens, c.rows)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.what, err, c.want)
			}
			if s.Len() != 5 || s.State().Len() != 5 {
				t.Fatalf("%s: the session has %d ids, the state %d positions, want 5", c.what, s.Len(), s.State().Len())
			}
		}
		var full *runtime.ContextError
		if err := stepOne(ctx, s, many[:16], []int32{0}); !errors.As(err, &full) {
			t.Errorf("a full context is %T", err)
		}
		if len(p.Segments) == 1 {
			continue // has no logits to look at
		}
		got := logitsOf(t, s, ids(5))
		whole := newSession(t, m)
		sameBits(t, "after errors", got, logitsOf(t, whole, slices.Concat(ids(5), ids(5)))[5:])
	}
}

// TestCancelledSession: a call that is cancelled anywhere leaves a session that
// goes on as if it had not been made.
func TestCancelledSession(t *testing.T) {
	for _, threads := range []int{1, 2} {
		m := newModel(t, program(t, "war-and-peace", "q8_0", convert.Options{DecoderParts: 2}), runtime.Options{Threads: threads, MaxChunk: 64, Context: 300})
		whole := logitsOf(t, newSession(t, m), slices.Concat(ids(20), ids(60)))
		s := newSession(t, m)
		logitsOf(t, s, ids(20))
		cancelled := 0
		for i := range 30 {
			ctx, cancel := context.WithCancel(context.Background())
			if i == 0 {
				cancel()
			}
			time.AfterFunc(time.Duration(i)*100*time.Microsecond, cancel)
			err := stepOne(ctx, s, ids(60), []int32{59})
			cancel()
			if err == nil {
				if err := s.Rewind(context.Background(), 20); err != nil {
					t.Fatal(err)
				}
				continue
			}
			cancelled++
			if !errors.Is(err, context.Canceled) || s.Len() != 20 || s.State().Len() != 20 {
				t.Fatalf("%v, %d ids, %d positions", err, s.Len(), s.State().Len())
			}
		}
		if cancelled == 0 {
			t.Error("nothing was cancelled")
		}
		sameBits(t, "after cancelled calls", logitsOf(t, s, ids(60)), whole[20:])
	}
}

// TestRewindForkSave: a rewound, a forked and a loaded session give the bits of
// one that never went elsewhere, in every cache type.
func TestRewindForkSave(t *testing.T) {
	for _, kv := range []string{"f32", "f16", "q8_0"} {
		m := newModel(t, program(t, "war-and-peace", "q8_0", convert.Options{}), runtime.Options{Threads: 2, MaxChunk: 64, KVType: kv})
		whole := logitsOf(t, newSession(t, m), ids(90))
		s := newSession(t, m)
		logitsOf(t, s, ids(40))
		f, err := s.Fork()
		if err != nil {
			t.Fatal(err)
		}
		logitsOf(t, s, []int32{1, 2, 3, 4, 5})
		saved, err := f.State().Save(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Rewind(context.Background(), 40); err != nil {
			t.Fatal(err)
		}
		sameBits(t, kv+", rewound", logitsOf(t, s, ids(90)[40:]), whole[40:])
		sameBits(t, kv+", forked", logitsOf(t, f, ids(90)[40:]), whole[40:])
		if err := s.Rewind(context.Background(), 90+1); err == nil {
			t.Error("rewound into the future")
		}
		if err := s.Rewind(context.Background(), -1); err == nil {
			t.Error("rewound to -1")
		}
		l := newSession(t, m)
		logitsOf(t, l, ids(90)[:40]) // the ids; the state is replaced
		if err := l.State().Load(saved); err != nil {
			t.Fatal(err)
		}
		sameBits(t, kv+", loaded", logitsOf(t, l, ids(90)[40:]), whole[40:])
		for i, bad := range []string{"", "kv.9", saved[0].Name} {
			wrong := slices.Clone(saved)
			switch i {
			case 0:
				wrong = wrong[1:]
			case 1:
				wrong[0].Name = bad
			case 2:
				wrong[0].Data = wrong[0].Data[1:]
			}
			if err := l.State().Load(wrong); err == nil {
				t.Errorf("%s: a wrong state was loaded", kv)
			}
		}
	}
}

// TestPoison: the cache behind the last position is never read. Filled with
// NaN, it changes nothing.
func TestPoison(t *testing.T) {
	for _, kv := range []string{"f32", "f16", "q8_0"} {
		m := newModel(t, program(t, "war-and-peace", "q8_0", convert.Options{}), runtime.Options{Threads: 2, MaxChunk: 32, KVType: kv})
		whole := logitsOf(t, newSession(t, m), ids(60))
		s := newSession(t, m)
		logitsOf(t, s, ids(50))
		if err := s.Rewind(context.Background(), 20); err != nil {
			t.Fatal(err)
		}
		s.State().(*state).Poison()
		for i := 20; i < 60; i++ {
			sameBits(t, fmt.Sprintf("%s, position %d", kv, i), logitsOf(t, s, ids(60)[i:i+1]), whole[i:i+1])
			s.State().(*state).Poison()
		}
	}
}

// TestPositions: a call goes on where the state ends, within its room.
func TestPositions(t *testing.T) {
	p := program(t, "llama-f32", "keep", convert.Options{})
	d := openDevice(t, p)
	e, err := d.compile("decoder-0", p.Segments[1].Graph, size(8))
	if err != nil {
		t.Fatal(err)
	}
	st, err := d.NewState(e.g.States, codec.Pair{K: codec.F32, V: codec.F32}, 20)
	if err != nil {
		t.Fatal(err)
	}
	in, out := buffersOf(t, d, e, 8)
	for _, c := range []struct {
		rows int
		want string // of the error
		len  int
	}{{3, "", 3}, {1, "", 4}, {8, "", 12}, {7, "", 19}, {2, "beyond", 19}, {1, "", 20}, {1, "beyond", 20}} {
		setBuffers(t, e, in, c.rows)
		err := e.Run(t.Context(), oneSpan(st, c.rows), in, out)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || st.Len() != c.len {
			t.Errorf("%d rows: %v and length %d, want %q and %d", c.rows, err, st.Len(), c.want, c.len)
		}
	}
	if err := st.Truncate(5); err != nil {
		t.Fatal(err)
	}
	f, err := st.Fork()
	if err != nil {
		t.Fatal(err)
	}
	for what, batch := range map[string][]backend.Span{
		"the span has none": {{Rows: 1}},
		"empty batch":       {},
		"twice":             {{State: st, Rows: 1}, {State: f, Rows: 1}, {State: st, Rows: 1}},
		"span of 0 tokens":  {{State: st}, {State: f, Rows: 1}},
		"wanted row 1":      {{State: st, Rows: 1, Want: []int32{1}}},
		"wanted row -1":     {{State: st, Rows: 1, Want: []int32{-1}}},
		"in the batch":      {{State: st, Rows: 2}},
	} {
		setBuffers(t, e, in, 1)
		if err := e.Run(t.Context(), batch, in, out); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want %q", err, what)
		}
		if st.Len() != 5 || f.Len() != 5 {
			t.Errorf("%s: the states hold %d and %d positions", what, st.Len(), f.Len())
		}
	}
	ids, err := d.NewBuffer(ir.Type{Elem: ir.I32, Shape: ir.Shape{ir.S}}, 8)
	if err != nil {
		t.Fatal(err)
	}
	if err := ids.SetInt32([]int32{1}); err != nil {
		t.Fatal(err)
	}
	if err := e.Run(t.Context(), oneSpan(st, 1), []backend.Buffer{ids}, out); err == nil {
		t.Error("buffers of other values are accepted")
	}
	if err := e.Run(t.Context(), oneSpan(st, 1), nil, out); err == nil {
		t.Error("a run without inputs is accepted")
	}
}

// TestVisited: attention looks at each visible position once per KV head, and
// at nothing else, whatever the chunks.
func TestVisited(t *testing.T) {
	for _, c := range []struct {
		name   string
		window int64
	}{{"llama-f32", 0}, {"mistral-window-f32", 16}} {
		p := program(t, c.name, "keep", convert.Options{})
		for _, chunk := range []int{1, 7, 64} {
			d := openDevice(t, p)
			i := slices.IndexFunc(p.Segments, func(s irSegment) bool { return s.Name == "decoder-0" })
			e, err := d.compile("decoder-0", p.Segments[i].Graph, size(chunk))
			if err != nil {
				t.Fatal(err)
			}
			st, err := d.NewState(e.g.States, codec.Pair{K: codec.F32, V: codec.F32}, 100)
			if err != nil {
				t.Fatal(err)
			}
			in, out := buffersOf(t, d, e, chunk)
			var got, want int64
			for at := 0; at < 50; at += chunk {
				n := min(chunk, 50-at)
				for i := range n {
					seen := int64(at + i + 1)
					if c.window > 0 {
						seen = min(seen, c.window)
					}
					want += seen * e.g.States[0].Heads
				}
				setBuffers(t, e, in, n)
				if err := e.Run(t.Context(), oneSpan(st, n), in, out); err != nil {
					t.Fatal(err)
				}
				for _, s := range e.steps {
					if s.node.Base() == "attention" {
						got += s.tasks[1].(*kernel.AttentionGroup).Visited()
						break
					}
				}
			}
			if got != want {
				t.Errorf("%s, chunks of %d: %d positions visited, want %d", c.name, chunk, got, want)
			}
		}
	}
}

// TestTruncatedWhileMapped: a weight file that shrinks under a running model is
// an error that names it, in every segment, and no crash; so it is while
// compiling.
func TestTruncatedWhileMapped(t *testing.T) {
	bundle := filepath.Join(t.TempDir(), "m.tess")
	plan := newPlan(t, "llama-f32", "q8_0", convert.Options{})
	for _, file := range []string{"embed.bin", "decoder-0.bin", "logit.bin"} {
		for _, late := range []bool{true, false} {
			if err := plan.Write(context.Background(), bundle, convert.WriteOptions{Force: true}); err != nil {
				t.Fatal(err)
			}
			p, err := runtime.OpenProgram(bundle, "")
			if err != nil {
				t.Fatal(err)
			}
			open := func() (*runtime.Model, error) {
				return runtime.New(p, runtime.Options{Backend: Backend{}, Threads: 2})
			}
			var m *runtime.Model
			if late {
				if m, err = open(); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Truncate(filepath.Join(bundle, file), 0); err != nil {
				t.Skip(err)
			}
			if !late {
				m, err = open()
			}
			if err == nil {
				s := newSession(t, m)
				err = stepOne(t.Context(), s, []int32{1, 2, 3}, []int32{2})
				if s.Len() != 0 || s.State().Len() != 0 {
					t.Errorf("%s: the failed call left %d positions", file, s.State().Len())
				}
			}
			if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "truncated") {
				t.Errorf("%s: %v, want an error that names it", file, err)
			}
			if m != nil {
				m.Close()
			} else {
				p.Close()
			}
		}
	}
}
