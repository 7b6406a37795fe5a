//go:build fakerows

package convert_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/verify"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// TestFakeRowsCodec: a codec that is one row of pkg/codec, and rotates, keeps K
// and V of whole models, alone and beside another one: the same bits in one call,
// token by token, of a fork and in company, in every tier, and every pass is proven
// on it. It is as far from an f32 cache as its row says, measured by f16.
func TestFakeRowsCodec(t *testing.T) {
	for _, c := range []struct {
		model, typ string
		n          int
		kv         []string
	}{
		{"llama-f32", "keep", 270, []string{"h4", "h4/f16", "f16/h4"}}, // into the second chunk of a cache
		{"mistral-window-f32", "keep", 70, []string{"h4", "h4/f16"}},
		{"war-and-peace", "q8_0", 70, []string{"h4", "h4/f16"}},
	} {
		ids := make([]int32, c.n)
		for i := range ids {
			ids[i] = int32((i*i + 37*i) % 250)
		}
		path, o := testutil.Model(c.model), convert.Options{Type: typed(t, c.typ)}
		bundle := write(t, path, o)
		with := func(kv string, threads int) *runtime.Model {
			return load(t, openProgram(t, bundle), runtime.Options{KVType: kv, Threads: threads})
		}
		floats := logits(t, with("f32", 2), ids)
		near := distance(floats, logits(t, with("f16", 2), ids))
		for _, kv := range c.kv {
			what := fmt.Sprintf("%s %s %s", c.model, c.typ, kv)
			var want [][]float32
			for _, tier := range kernel.Available() {
				t.Setenv(kernel.TierEnv, tier.String())
				for _, threads := range []int{1, 2} {
					m := with(kv, threads)
					if want == nil {
						want = logits(t, m, ids)
					}
					sameWays(t, fmt.Sprintf("%s, %s, %d threads", what, tier, threads), m, ids, want)
				}
			}
			t.Setenv(kernel.TierEnv, "")
			// 2^-16 of the power is lost instead of 2^-22: 8 times the distance of f16.
			if far := distance(floats, want); far == 0 || far > 32*near {
				t.Errorf("%s: the logits are %v from those of an f32 cache, those of f16 %v", what, far, near)
			}
			proven(t, what, plan(t, path, o), ids[:70], kv, c.typ == "keep")
		}
	}
}

// sameWays compares the logits of ids in one call, token by token and of a fork
// whose parent goes on otherwise.
func sameWays(t *testing.T, what string, m *runtime.Model, ids []int32, want [][]float32) {
	t.Helper()
	if got := logits(t, m, ids); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%s: one call differs", what)
	}
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var fork *runtime.Session
	at := len(ids) - 9
	for i, id := range ids {
		if i == at {
			if fork, err = s.Fork(); err != nil {
				t.Fatal(err)
			}
		}
		compareRows(t, what+", token by token", s, []int32{id}, want[i:i+1])
	}
	compareRows(t, what+", of a fork", fork, ids[at:], want[at:])
}

// compareRows appends ids to s and compares their logits.
func compareRows(t *testing.T, what string, s *runtime.Session, ids []int32, want [][]float32) {
	t.Helper()
	err := s.Logits(context.Background(), ids, func(i int, row []float32) error {
		if !slices.Equal(row, want[i]) {
			t.Errorf("%s: logits differ behind %d ids", what, s.Len()+i)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// proven runs verify with the cache type kv: passes, the reference where it is
// small enough, and the program in ways that must not matter.
func proven(t *testing.T, what string, p *convert.Plan, ids []int32, kv string, reference bool) {
	t.Helper()
	res, err := verify.Passes(context.Background(), p.Model.Graph, weights.NewMemory(p.Checkpoint.Source(), 1), verify.Options{
		Engine: verify.Engine{Backend: cpu.Backend{}}, Passes: p.PassOptions(), Calls: verify.Calls(ids, []int{1, 4, 65}), Threads: 2, KVType: kv, Reference: reference})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res.Passes {
		if !r.OK {
			t.Errorf("%s: %s: %s", what, r.Pass, r.Why)
		}
	}
	for _, r := range res.Reference {
		if !r.OK {
			t.Errorf("%s: %s against the reference: %+v", what, r.What, r.Diff)
		}
	}
	program := func() (*runtime.Program, error) { return p.Program(1), nil }
	variants, err := verify.Variants(context.Background(), ids, verify.Bits, []verify.Variant{
		{Name: "one call", Threads: 1, Chunk: len(ids), KVType: kv, Program: program, Backend: cpu.Backend{}},
		{Name: "poisoned", Threads: 2, Chunk: 16, KVType: kv, Poison: true, Program: program, Backend: cpu.Backend{}},
		{Name: "in company", Threads: 2, Chunk: 7, KVType: kv, Company: 5, Program: program, Backend: cpu.Backend{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range variants {
		if !v.OK {
			t.Errorf("%s, %s: %d logits differ", what, v.Name, v.Diff.Bits)
		}
	}
}
