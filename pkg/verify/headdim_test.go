package verify

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/synth"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// TestProofHeadDims: heads that begin inside a group of 4 channels or a vector
// of 16 pass through every layout, in every tier, as in the graph without
// layouts and as the reference has it.
func TestProofHeadDims(t *testing.T) {
	for _, dim := range []int64{6, 10, 14, 18} {
		config, err := synth.Config("tiny-llama", map[string]any{
			"hidden_size": 64, "intermediate_size": 96, "vocab_size": 320, "num_attention_heads": 16, "num_key_value_heads": 4, "head_dim": dim})
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "model")
		if _, err := synth.WriteHF(context.Background(), dir, synth.Options{Config: config, Seed: uint64(dim)}); err != nil {
			t.Fatal(err)
		}
		ck, err := checkpoint.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ck.Close() })
		cuts, err := passes.CutNames(2, 1)
		if err != nil {
			t.Fatal(err)
		}
		for i, typ := range []quant.Recipe{quant.F32, quant.Q8_0} {
			m, err := model.Build(ck, model.Options{Type: typ})
			if err != nil {
				t.Fatal(err)
			}
			s := &subject{graph: m.Graph, weights: weights.NewMemory(ck.Source(), 1), calls: Calls(someIDs(320), []int{5, 1, 2}), cuts: cuts}
			tiers := kernel.Available()
			for n, tier := range tiers {
				if testing.Short() && n != (int(dim)/2+i)%len(tiers) {
					continue
				}
				t.Setenv(kernel.TierEnv, tier.String())
				s.name = fmt.Sprintf("head dim %d, %s, %s", dim, typ, tier)
				o := s.options()
				o.KVType, o.Reference = "f32", n == len(tiers)-1
				if typ == quant.Q8_0 && n%2 == 0 { // attention writes f32 in c4
					o.Passes.Disable = []string{"fuse-quantize"}
				}
				o.Only = []string{"choose-cuts", "group-projections", "fuse-quantize", "assign-layout", "propagate-layout"}
				prove(t, s, o)
			}
		}
	}
}
