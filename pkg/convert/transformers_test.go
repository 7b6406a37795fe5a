package convert_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/safetensors"
	"github.com/tessera-llm/tessera/runtime"
)

// budget is the largest difference to transformers' float32 logits, in units
// of the largest logit. Both compute in float32 on the same weights.
const budget = 1e-4

// TestTransformers: every committed checkpoint, HF and GGUF, as a bundle: the
// logits of both prompts at all positions, and the 64 greedy tokens behind
// each with the default cache.
func TestTransformers(t *testing.T) {
	for _, name := range checkpoints(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := readExpected(t, name)
			paths := []string{testutil.Model(name)}
			if g := ggufOf(name); g != "" {
				paths = append(paths, g)
			}
			for _, path := range paths {
				bundle := write(t, path, convert.Options{})
				exact := load(t, openProgram(t, bundle), runtime.Options{KVType: "f32", Threads: 1})
				usual := load(t, openProgram(t, bundle), runtime.Options{Threads: 1})
				for i, p := range want.Prompts {
					diff, top := compare(t, name, fmt.Sprintf("logits.%d", i), logits(t, exact, p.IDs))
					if !(diff <= budget*top) {
						t.Errorf("%s, prompt %d: max |diff| %g, max |logit| %g", filepath.Base(path), i, diff, top)
					}
					if got := greedy(t, usual, p.IDs, len(p.Greedy)); len(p.Greedy) != 64 || !slices.Equal(got, p.Greedy) {
						t.Errorf("%s, prompt %d: greedy tokens %v, want %v", filepath.Base(path), i, got, p.Greedy)
					}
				}
			}
		})
	}
}

// TestInMemory: a plan executed without a bundle runs the same bits.
func TestInMemory(t *testing.T) {
	for _, typ := range []string{"keep", "q8_0"} {
		p := plan(t, testutil.Model("llama3-bf16-tied"), convert.Options{Type: typed(t, typ)})
		bundle := filepath.Join(t.TempDir(), "out.tess")
		if err := p.Write(context.Background(), bundle, convert.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		ids := readExpected(t, "llama3-bf16-tied").Prompts[0].IDs
		a := logits(t, load(t, p.Program(2), runtime.Options{Threads: 2}), ids)
		b := logits(t, load(t, openProgram(t, bundle), runtime.Options{Threads: 1}), ids)
		same(t, typ, a, b)
	}
}

// compare returns the largest difference to a tensor of expected.safetensors
// and the largest magnitude in it.
func compare(t *testing.T, name, tensor string, rows [][]float32) (diff, top float64) {
	t.Helper()
	f, err := safetensors.Open(filepath.Join(testutil.Model(name), "expected.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, err := f.Tensor(tensor)
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Shape) != 2 || int(x.Shape[0]) != len(rows) || int(x.Shape[1]) != len(rows[0]) {
		t.Fatalf("%s is %v, got %d rows of %d", tensor, x.Shape, len(rows), len(rows[0]))
	}
	v := len(rows[0])
	for i, row := range rows {
		for j, got := range row {
			want := float64(math.Float32frombits(binary.LittleEndian.Uint32(x.Data[4*(i*v+j):])))
			if d := math.Abs(float64(got) - want); !(d <= diff) {
				diff = d
			}
			top = max(top, math.Abs(want))
		}
	}
	return diff, top
}

func greedy(t *testing.T, m *runtime.Model, prompt []int32, n int) []int32 {
	t.Helper()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var ids []int32
	for tok, err := range s.Generate(context.Background(), prompt, runtime.GenerateOptions{MaxTokens: n, IgnoreEOS: true}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, tok.ID)
	}
	return ids
}

// same fails unless both have the same bits.
func same(t *testing.T, what string, a, b [][]float32) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%s: %d rows and %d rows", what, len(a), len(b))
	}
	for i := range a {
		for j := range a[i] {
			if math.Float32bits(a[i][j]) != math.Float32bits(b[i][j]) {
				t.Fatalf("%s: row %d, logit %d: %v and %v", what, i, j, a[i][j], b[i][j])
			}
		}
	}
}
