package runtime_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// TestSaveLoad: a session goes on from what another has saved with the bits of that one, also
// behind a rewind to what its window does not hold; what does not fit changes nothing.
func TestSaveLoad(t *testing.T) {
	for _, c := range []struct{ model, kv string }{{"qwen3-f32-tied", "f32"}, {"mistral-window-f32", "f16"}, {"qwen3-bf16-sharded", "q8_0/f16"}} {
		t.Run(c.model, func(t *testing.T) {
			ck, err := checkpoint.Open(testutil.Model(c.model))
			if err != nil {
				t.Fatal(err)
			}
			defer ck.Close()
			plan, err := convert.NewPlan(t.Context(), ck, convert.Options{})
			if err != nil {
				t.Fatal(err)
			}
			const room = 400
			m, err := runtime.New(plan.Program(1), runtime.Options{Backend: cpu.Backend{}, Threads: 1, KVType: c.kv, Context: room})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			a, b := holding(t, m, 300), holding(t, m, 40)
			if err := b.Snapshot(); err != nil {
				t.Fatal(err)
			}
			ids, states, err := a.Save(t.Context())
			if err != nil || !slices.Equal(ids, a.IDs()) {
				t.Fatal(ids, err)
			}
			before := slices.Clone(b.IDs())
			wild, shorter := slices.Clone(ids), slices.Clone(states)
			wild[7] = int32(m.Meta().Vocab)
			for i := range shorter {
				shorter[i].Len--
			}
			for want, err := range map[string]error{
				"outside":              b.Load(t.Context(), wild, states),
				"positions of":         b.Load(t.Context(), ids[:299], states),
				"299 positions of 300": b.Load(t.Context(), ids, shorter),
				"the context is full":  b.Load(t.Context(), make([]int32, room+1), nil),
				"state":                b.Load(t.Context(), ids, states[1:]),
			} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %q", err, want)
				}
			}
			if !slices.Equal(b.IDs(), before) || b.State().Len() != len(before) {
				t.Fatal("a load that was refused has changed the session")
			}
			if err := b.Load(t.Context(), ids, states); err != nil {
				t.Fatal(err)
			}
			same := func(what string) {
				t.Helper()
				next := []int32{3, 90, 41}
				x, err := a.Prefill(t.Context(), next, nil)
				if err != nil {
					t.Fatal(err)
				}
				want, lse := slices.Clone(x.Logits), x.LSE
				y, err := b.Prefill(t.Context(), next, nil)
				if err != nil || !slices.Equal(y.Logits, want) || y.LSE != lse || !slices.Equal(a.IDs(), b.IDs()) {
					t.Errorf("%s: %v, %v, want %v", what, y.Logits, err, want)
				}
			}
			same("loaded")
			for _, n := range []int{298, 100, 5} {
				if err := errors.Join(a.Rewind(t.Context(), n), b.Rewind(t.Context(), n)); err != nil {
					t.Fatal(err)
				}
				same("rewound")
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			if _, _, err := b.Save(t.Context()); !errors.Is(err, backend.ErrClosed) {
				t.Error(err)
			}
			if err := b.Load(t.Context(), ids, states); !errors.Is(err, backend.ErrClosed) {
				t.Error(err)
			}
		})
	}
}
