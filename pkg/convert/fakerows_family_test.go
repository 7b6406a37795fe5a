//go:build fakerows

package convert_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/synth"
	"github.com/tessera-llm/tessera/pkg/verify"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// fakeConfig is a model of the family fakerows: layers 0 and 1 slide and
// rotate half of each head, each by its own angles, layer 2 does neither.
const fakeConfig = `{"model_type":"fakerows","architectures":["FakeRowsForCausalLM"],"vocab_size":1024,"hidden_size":256,"intermediate_size":512,
	"num_hidden_layers":3,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":64,"hidden_act":"silu","max_position_embeddings":512,
	"rms_norm_eps":0.00001,"rope_theta":10000,"partial_rotary_factor":0.5,"sliding_window":24,"full_interval":3,"query_scalar":6,"rope_local_theta":500,"tie_word_embeddings":true}`

// TestFakeRowsFamily: a family that is one file converts from both containers to
// the same weights, runs, and every pass is proven on it.
func TestFakeRowsFamily(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	hf, file := filepath.Join(dir, "hf"), filepath.Join(dir, "m.gguf")
	if _, err := synth.WriteHF(ctx, hf, synth.Options{Config: []byte(fakeConfig), Seed: 4}); err != nil {
		t.Fatal(err)
	}
	if _, err := synth.WriteGGUF(ctx, file, synth.Options{Config: []byte(fakeConfig), Seed: 4}); err != nil {
		t.Fatal(err)
	}
	ids := make([]int32, 70)
	for i := range ids {
		ids[i] = int32(i * 37 % 1024)
	}
	for _, typ := range []string{"keep", "q4_k_m"} {
		o := convert.Options{Type: typed(t, typ)}
		a, b := write(t, hf, o), write(t, file, o)
		sameFiles(t, typ, weightFiles(t, a), weightFiles(t, b))
		p := plan(t, hf, o)
		if l := p.Model.Config.Layers; l[0] == l[1] || l[1] == l[2] || l[1].Attn.Window != 24 || l[1].Attn.Rope != 1 || l[2].Attn.Window != 0 || l[2].Attn.Scale*6 != 1 {
			t.Fatalf("layers %v", l)
		}
		for _, parts := range []int{1, 2} {
			o.DecoderParts = parts
			p := plan(t, hf, o)
			res, err := verify.Passes(ctx, p.Model.Graph, weights.NewMemory(p.Checkpoint.Source(), 1), verify.Options{
				Engine: verify.Engine{Backend: cpu.Backend{}}, Passes: p.PassOptions(), Calls: verify.Calls(ids, []int{1, 4, 65}), Threads: 2, Reference: parts == 1})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range res.Passes {
				if !r.OK {
					t.Errorf("%s in %d parts: %s: %s", typ, parts, r.Pass, r.Why)
				}
			}
			for _, r := range res.Reference {
				if !r.OK {
					t.Errorf("%s: %s against the reference: %+v", typ, r.What, r.Diff)
				}
			}
		}
		bundle, err := format.Open(a)
		if err != nil {
			t.Fatal(err)
		}
		got := logits(t, load(t, runtime.BundleProgram(bundle), runtime.Options{}), ids)
		want := logits(t, load(t, p.Program(1), runtime.Options{}), ids)
		if len(got) == 0 || len(got) != len(want) {
			t.Fatalf("%d and %d logits", len(got), len(want))
		}
		for i := range got {
			if !slices.Equal(got[i], want[i]) {
				t.Fatalf("%s: logits of token %d differ between bundle and memory", typ, i)
			}
		}
	}
}
