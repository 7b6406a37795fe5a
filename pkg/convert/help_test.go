package convert_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// checkpoints lists the committed random checkpoints: every folder with the
// logits of transformers.
func checkpoints(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(testutil.Model(filepath.Join("*", "expected.safetensors")))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d committed checkpoints (%v)", len(files), err)
	}
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(filepath.Dir(f)))
	}
	return names
}

// ggufOf is the GGUF file of a committed checkpoint, "" when it has none.
func ggufOf(name string) string {
	path := filepath.Join(testutil.Model(name), name+".gguf")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// expected is what transformers computed.
type expected struct {
	Prompts []struct {
		IDs    []int32 `json:"ids"`
		Greedy []int32 `json:"greedy"`
	} `json:"prompts"`
}

func readExpected(t *testing.T, name string) expected {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testutil.Model(name), "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var e expected
	if err := json.Unmarshal(text, &e); err != nil || len(e.Prompts) != 2 {
		t.Fatalf("%s: expected.json: %d prompts (%v)", name, len(e.Prompts), err)
	}
	return e
}

func typed(t *testing.T, s string) quant.Recipe {
	t.Helper()
	q, err := quant.ParseRecipe(s)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// plan opens the checkpoint at path until the test ends.
func plan(t *testing.T, path string, o convert.Options) *convert.Plan {
	t.Helper()
	ck, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	p, err := convert.NewPlan(context.Background(), ck, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// write converts the checkpoint at path into a new folder.
func write(t *testing.T, path string, o convert.Options) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.tess")
	if err := plan(t, path, o).Write(context.Background(), out, convert.WriteOptions{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	return out
}

// load runs a bundle on the cpu until the test ends.
func load(t *testing.T, p *runtime.Program, o runtime.Options) *runtime.Model {
	t.Helper()
	o.Backend = cpu.Backend{}
	m, err := runtime.New(p, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func openProgram(t *testing.T, bundle string) *runtime.Program {
	t.Helper()
	p, err := runtime.OpenProgram(bundle, "")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// logits are the teacher-forced logits of ids in a new session.
func logits(t *testing.T, m *runtime.Model, ids []int32) [][]float32 {
	t.Helper()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]float32
	err = s.Logits(context.Background(), ids, func(_ int, row []float32) error {
		rows = append(rows, append([]float32(nil), row...))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// weightFiles maps each weight file of a bundle to its digest.
func weightFiles(t *testing.T, bundle string) map[string]string {
	t.Helper()
	b, err := format.Open(bundle)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Check(nil); err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, f := range b.Manifest.Files {
		if filepath.Ext(f.Name) == ".bin" && f.Name != format.TokenizerFile {
			sums[f.Name] = f.SHA256
		}
	}
	return sums
}

// contents reads every file of a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(data)
	}
	return all
}
