package verify

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// bundle converts a committed checkpoint.
func bundle(t *testing.T, name, typ string, parts int) *format.Bundle {
	t.Helper()
	c, err := checkpoint.Open(testutil.Model(name))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ty, err := quant.ParseRecipe(typ)
	if err != nil {
		t.Fatal(err)
	}
	p, err := convert.NewPlan(context.Background(), c, convert.Options{Type: ty, DecoderParts: parts, NoTokenizer: true})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "b.tess")
	if err := p.Write(context.Background(), path, convert.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	b, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// A bundle is what its fused ops are defined to be, bit by bit.
func TestBundle(t *testing.T) {
	for _, c := range []struct {
		name, typ string
		parts     int
	}{{"qwen3-f32-tied", "q8_0", 1}, {"mistral-window-f32", "q4_0", 3}, {"llama-bias-bf16", "q8_0", 2}} {
		b := bundle(t, c.name, c.typ, c.parts)
		o := Options{Calls: Calls(someIDs(int64(b.Manifest.Meta.Vocab)), []int{24}), Threads: 1, Engine: Engine{Backend: cpu.Backend{}}}
		res, err := Bundle(context.Background(), b, o)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, r := range res {
			if !r.OK || r.Diff.Elements == 0 {
				t.Errorf("%s: %s: %d of %d logits differ", c.name, r.Name, r.Diff.Bits, r.Diff.Elements)
			}
		}
	}
}
