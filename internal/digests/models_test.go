package digests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/synth"
)

// seed of the synthetic checkpoints.
const seed = 20

// shape is a model of pkg/synth's table with two layers and other widths. All
// widths stand here, so that an edit of that table is not taken for a change of
// bits.
type shape struct {
	base                                                 string
	hidden, intermediate, heads, kvHeads, headDim, vocab int64
}

// synthetic lists the models that pkg/synth makes, by the name of their rows.
// Their vocabularies are small: what widths do to slabs, panels and tiles is all
// in the layers.
var synthetic = map[string]shape{
	"synth:llama-1b":   {"llama-1b", 2048, 8192, 32, 8, 64, 1024},
	"synth:qwen2-0.5b": {"qwen2-0.5b", 896, 4864, 14, 2, 64, 1024},
	// 11 slabs and a quarter, 90 blocks: the width of gpt-oss.
	"synth:hidden-2880": {"llama-3b", 2880, 2880, 64, 8, 64, 1024},
	// Heads that begin inside a group of 4 channels.
	"synth:head-6":  {"tiny-llama", 64, 96, 16, 4, 6, 320},
	"synth:head-10": {"tiny-qwen2", 64, 96, 16, 4, 10, 320},
	"synth:head-14": {"tiny-mistral", 64, 96, 16, 4, 14, 320},
	"synth:head-18": {"tiny-qwen3", 64, 96, 16, 4, 18, 320},
}

// config is the config.json of a shape.
func (s shape) config() ([]byte, error) {
	return synth.Config(s.base, map[string]any{
		"num_hidden_layers": 2, "vocab_size": s.vocab, "hidden_size": s.hidden, "intermediate_size": s.intermediate,
		"num_attention_heads": s.heads, "num_key_value_heads": s.kvHeads, "head_dim": s.headDim,
	})
}

// wide says that a model is too large for every run of the quick net.
func wide(name string) bool { return synthetic[name].hidden > 256 }

func isSynthetic(name string) bool { return synthetic[name].base != "" }

// source opens the checkpoint of a row: a folder or file of testdata/models,
// or a synthetic one, which is written in the wanted type (the bytes are those
// of the bf16 one quantised) to the folder dir, one at a time.
func source(t testing.TB, dir, name, typ string) (ck *checkpoint.Checkpoint, keep bool) {
	t.Helper()
	path := testutil.Model(filepath.FromSlash(name))
	if shape, ok := synthetic[name]; ok {
		config, err := shape.config()
		if err != nil {
			t.Fatal(err)
		}
		path = written(dir)
		q, err := quant.ParseRecipe(typ)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := synth.WriteGGUF(context.Background(), path, synth.Options{Model: shape.base, Config: config, Type: q, Seed: seed}); err != nil {
			t.Fatal(err)
		}
		keep = true
	}
	ck, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return ck, keep
}

// written is the synthetic checkpoint in dir.
func written(dir string) string { return filepath.Join(dir, "model.gguf") }

// unfused names every exact pass that can be left out: what they do must not
// show.
func unfused() []string {
	var names []string
	for _, p := range passes.Table() {
		if p.Exact && !p.Always {
			names = append(names, p.Name)
		}
	}
	return names
}

// plan converts the checkpoint of r in memory. plain leaves every exact pass
// out.
func plan(ck *checkpoint.Checkpoint, r row, keep, plain bool) (*convert.Plan, error) {
	o := convert.Options{}
	if !keep {
		q, err := quant.ParseRecipe(r.typ)
		if err != nil {
			return nil, err
		}
		o.Type = q
	}
	switch r.scheme {
	case "s256e32":
	case "f32":
		o.Disable = append(o.Disable, "quantize-activations")
	default:
		return nil, fmt.Errorf("unknown activation scheme %q", r.scheme)
	}
	if plain {
		o.Disable = append(o.Disable, unfused()...)
	}
	return convert.NewPlan(context.Background(), ck, o)
}

// checkpoints lists the rows' names of testdata/models: every folder, and every
// GGUF in one.
func checkpoints(t testing.TB) (folders, files []string) {
	t.Helper()
	entries, err := os.ReadDir(testutil.Model(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		folders = append(folders, e.Name())
		all, err := filepath.Glob(filepath.Join(testutil.Model(e.Name()), "*.gguf"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			files = append(files, e.Name()+"/"+filepath.Base(f))
		}
	}
	return folders, files
}
