package synth_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/model"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/synth"
	"github.com/tessera-llm/tessera/pkg/weights"
)

var tiny = []string{"tiny-llama", "tiny-llama-tied", "tiny-mistral", "tiny-qwen2", "tiny-qwen3"}

func open(t *testing.T, path string, o model.Options) (*checkpoint.Checkpoint, *model.Model) {
	t.Helper()
	c, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	m, err := model.Build(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return c, m
}

// sameWeights compares the weights of two models byte by byte.
func sameWeights(t *testing.T, ac *checkpoint.Checkpoint, a *model.Model, bc *checkpoint.Checkpoint, b *model.Model) {
	t.Helper()
	if len(a.Graph.Weights) != len(b.Graph.Weights) {
		t.Fatalf("%d and %d weights", len(a.Graph.Weights), len(b.Graph.Weights))
	}
	for i, aw := range a.Graph.Weights {
		bw := b.Graph.Weights[i]
		x, err := weights.Bytes(aw.Expr, ac.Source(), 2)
		if err != nil {
			t.Fatal(err)
		}
		y, err := weights.Bytes(bw.Expr, bc.Source(), 2)
		if err != nil {
			t.Fatal(err)
		}
		if aw.Name != bw.Name || aw.Type != bw.Type || !slices.Equal(x, y) {
			t.Errorf("weights %s %s and %s %s differ", aw.Name, aw.Type, bw.Name, bw.Type)
		}
	}
}

// TestContainersAgree: one seed is one model. The folder converted to a type
// has the bytes of the GGUF written in that type.
func TestContainersAgree(t *testing.T) {
	for _, name := range tiny {
		for _, recipe := range []quant.Recipe{quant.Keep, quant.F32, quant.Q8_0, quant.Q4_K_M} {
			t.Run(name+"-"+recipe.String(), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "hf")
				if _, err := synth.WriteHF(context.Background(), dir, synth.Options{Model: name, Seed: 7, MaxShard: 1 << 20, Workers: 2}); err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(t.TempDir(), "x.gguf")
				if _, err := synth.WriteGGUF(context.Background(), file, synth.Options{Model: name, Seed: 7, Type: recipe}); err != nil {
					t.Fatal(err)
				}
				ac, a := open(t, dir, model.Options{Type: recipe})
				bc, b := open(t, file, model.Options{})
				sameWeights(t, ac, a, bc, b)
			})
		}
	}
}

func digest(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// TestGolden: the bytes depend on shape, type and seed only, on any machine.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		model   string
		recipe  quant.Recipe
		seed    uint64
		workers int
		want    string
	}{
		{"tiny-llama", quant.F16, 0, 1, "a930927b26b5aad0e6a4a54788c07b4c2865654c6983f92bf074c04f2ee9a4fd"},
		{"tiny-llama", quant.Q4_K_M, 1, 3, "d5b07c733973e39cb19bac0734ffd48e9b8d86939b9dd94312f5abaaf1e0b379"},
		{"tiny-qwen2", quant.Q4_0, 1, 2, "48d0b64088f70b254fefa9e45f0a9dbc4dde8bbe7d93c14a707223e30665e4b8"},
	} {
		path := filepath.Join(t.TempDir(), "x.gguf")
		if _, err := synth.WriteGGUF(context.Background(), path, synth.Options{Model: c.model, Type: c.recipe, Seed: c.seed, Workers: c.workers}); err != nil {
			t.Fatal(err)
		}
		if got := digest(t, path); got != c.want {
			t.Errorf("%s %s seed %d: digest %s, want %s", c.model, c.recipe, c.seed, got, c.want)
		}
	}
}

func TestSplit(t *testing.T) {
	dir := t.TempDir()
	files, err := synth.WriteGGUF(context.Background(), filepath.Join(dir, "m.gguf"), synth.Options{Model: "tiny-llama", Type: quant.Q8_0, MaxShard: 1 << 20})
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}
	one := filepath.Join(dir, "one.gguf")
	if _, err := synth.WriteGGUF(context.Background(), one, synth.Options{Model: "tiny-llama", Type: quant.Q8_0}); err != nil {
		t.Fatal(err)
	}
	ac, a := open(t, files[0], model.Options{})
	bc, b := open(t, one, model.Options{})
	sameWeights(t, ac, a, bc, b)
}

// TestFailures: what cannot be written leaves nothing behind.
func TestFailures(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := os.WriteFile(filepath.Join(dir, "old.gguf"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for what, f := range map[string]func() ([]string, error){
		"unknown model": func() ([]string, error) {
			return synth.WriteGGUF(context.Background(), filepath.Join(dir, "a.gguf"), synth.Options{Model: "llama-1t"})
		},
		"wrong name": func() ([]string, error) {
			return synth.WriteGGUF(context.Background(), filepath.Join(dir, "a.bin"), synth.Options{Model: "tiny-llama"})
		},
		"existing file": func() ([]string, error) {
			return synth.WriteGGUF(context.Background(), filepath.Join(dir, "old.gguf"), synth.Options{Model: "tiny-llama"})
		},
		"existing folder": func() ([]string, error) {
			return synth.WriteHF(context.Background(), dir, synth.Options{Model: "tiny-llama"})
		},
		"blocks in a folder": func() ([]string, error) {
			return synth.WriteHF(context.Background(), filepath.Join(dir, "x"), synth.Options{Model: "tiny-llama", Type: quant.Q8_0})
		},
		"cancelled": func() ([]string, error) {
			return synth.WriteGGUF(ctx, filepath.Join(dir, "a.gguf"), synth.Options{Model: "tiny-llama"})
		},
		"cancelled split": func() ([]string, error) {
			return synth.WriteGGUF(ctx, filepath.Join(dir, "a.gguf"), synth.Options{Model: "tiny-llama", MaxShard: 1 << 20})
		},
	} {
		if files, err := f(); err == nil {
			t.Errorf("%s: no error, files %v", what, files)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestTable builds the shape of every model without writing it.
func TestTable(t *testing.T) {
	for _, name := range synth.Names() {
		c, err := synth.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := model.Slots(c); err != nil || synth.Describe(name) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
