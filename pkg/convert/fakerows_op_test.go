//go:build fakerows

package convert_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/verify"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// withAct is a copy of a committed checkpoint whose config.json asks for
// another activation.
func withAct(t *testing.T, name, act string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model")
	if err := os.CopyFS(dir, os.DirFS(testutil.Model(name))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "config.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	config["hidden_act"] = act
	if text, err = json.Marshal(config); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestFakeRowsOp: a model with an op that is one row, one shape rule, one
// reference case and one kernel converts, is fused by its traits, runs from the
// bundle, and every pass is proven on it.
func TestFakeRowsOp(t *testing.T) {
	ctx := context.Background()
	path := withAct(t, "war-and-peace", "softsign")
	for _, typ := range []string{"keep", "q8_0"} {
		o := convert.Options{Type: typed(t, typ)}
		p := plan(t, path, o)
		fused := 0
		for _, s := range p.Program(1).Segments {
			for _, n := range s.Graph.Nodes {
				if n.Op == ir.OpFake {
					t.Errorf("%s: a %s is left beside its gate", typ, n.Op)
				}
				if n.Base() == ir.OpGatedAct && n.Str("act") == string(ir.OpFake) {
					fused++
				}
			}
		}
		if fused == 0 {
			t.Errorf("%s: no gated_act applies the op", typ)
		}
		res, err := verify.Passes(ctx, p.Model.Graph, weights.NewMemory(p.Checkpoint.Source(), 1), verify.Options{
			Passes: p.PassOptions(), Calls: verify.Calls(walk, []int{1, 4, 6}), Threads: 2, Reference: true, Engine: verify.Engine{Backend: cpu.Backend{}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range res.Passes {
			if !r.OK {
				t.Errorf("%s: %s: %s", typ, r.Pass, r.Why)
			}
		}
		for _, r := range res.Reference {
			if !r.OK {
				t.Errorf("%s: %s against the reference: %+v", typ, r.What, r.Diff)
			}
		}
		bundle, err := format.Open(write(t, path, o))
		if err != nil {
			t.Fatal(err)
		}
		got := logits(t, load(t, runtime.BundleProgram(bundle), runtime.Options{}), walk)
		o.Disable = []string{"fuse-gated-activation", "propagate-layout"}
		apart := logits(t, load(t, plan(t, path, o).Program(1), runtime.Options{}), walk)
		silu := logits(t, load(t, plan(t, testutil.Model("war-and-peace"), convert.Options{Type: typed(t, typ)}).Program(1), runtime.Options{}), walk)
		if len(got) != len(walk) || !slices.EqualFunc(got, apart, slices.Equal) {
			t.Errorf("%s: fused and unfused logits differ", typ)
		}
		if slices.EqualFunc(got, silu, slices.Equal) {
			t.Errorf("%s: the op computes what silu does", typ)
		}
	}
}
