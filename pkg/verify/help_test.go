package verify

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// subject is a model to verify: its plain graph and its weights.
type subject struct {
	name    string
	graph   *ir.Graph
	weights *weights.Memory
	calls   [][]int32
	cuts    []string
	cache   string
}

// load builds a committed checkpoint (or the GGUF beside it, when name says
// name/name.gguf) in a weight type; "" keeps the types. Calls have the given
// sizes.
func load(t testing.TB, name, typ string, sizes ...int) *subject {
	t.Helper()
	c, err := checkpoint.Open(testutil.Model(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	o := model.Options{Requantise: true}
	if typ != "" {
		if o.Type, err = quant.ParseRecipe(typ); err != nil {
			t.Fatal(err)
		}
	}
	m, err := model.Build(c, o)
	if err != nil {
		t.Fatal(err)
	}
	parts := min(2, len(m.Config.Layers))
	cuts, err := passes.CutNames(len(m.Config.Layers), parts)
	if err != nil {
		t.Fatal(err)
	}
	return &subject{name: name + " " + typ, graph: m.Graph, weights: weights.NewMemory(c.Source(), 1), calls: Calls(someIDs(m.Config.Vocab), sizes), cuts: cuts, cache: m.Cache.String()}
}

// someIDs is a fixed walk through the vocabulary.
func someIDs(vocab int64) []int32 {
	ids := make([]int32, 256)
	x := uint32(1)
	for i := range ids {
		x = x*1664525 + 1013904223
		ids[i] = int32(uint64(x) * uint64(vocab) >> 32)
	}
	return ids
}

func (s *subject) options() Options {
	return Options{Passes: passes.Options{Target: target.CPU, Cuts: s.cuts}, Calls: s.calls, Threads: 1, KVType: s.cache, Engine: Engine{Backend: cpu.Backend{}}}
}

// checkpoints lists the committed ones.
func checkpoints(t testing.TB) []string {
	t.Helper()
	dirs, err := os.ReadDir(testutil.Model(""))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range dirs {
		if d.IsDir() {
			names = append(names, d.Name())
		}
	}
	return names
}

// gguf is the GGUF committed beside a checkpoint, "" if there is none.
func gguf(name string) string {
	path := filepath.Join(name, name+".gguf")
	if _, err := os.Stat(testutil.Model(path)); err != nil {
		return ""
	}
	return path
}
