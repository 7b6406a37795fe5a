package convert_test

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/convert"
)

// TestSameBytes: two conversions of one checkpoint are byte-identical, file by
// file, and so is one with another number of workers.
func TestSameBytes(t *testing.T) {
	for _, c := range []struct {
		name string
		o    convert.Options
	}{
		{"qwen2-bf16-tied-sharded", convert.Options{}},
		{"llama3-f32-sharded", convert.Options{Type: typed(t, "q8_0"), DecoderParts: 2}},
		{"war-and-peace", convert.Options{Type: typed(t, "q4_k_m")}},
	} {
		a := contents(t, write(t, testutil.Model(c.name), c.o))
		out := filepath.Join(t.TempDir(), "again.tess")
		if err := plan(t, testutil.Model(c.name), c.o).Write(context.Background(), out, convert.WriteOptions{Workers: 1}); err != nil {
			t.Fatal(err)
		}
		sameFiles(t, c.name, a, contents(t, out))
	}
}

// TestContainersAgree: HF and GGUF of one checkpoint give byte-identical weight
// files.
func TestContainersAgree(t *testing.T) {
	n := 0
	for _, name := range checkpoints(t) {
		g := ggufOf(name)
		if g == "" {
			continue
		}
		for _, typ := range []string{"keep", "q8_0", "q4_k_m"} {
			o := convert.Options{Type: typed(t, typ)}
			hf, gguf := weightFiles(t, write(t, testutil.Model(name), o)), weightFiles(t, write(t, g, o))
			if len(hf) < 3 || !maps.Equal(hf, gguf) {
				t.Errorf("%s, %s: weight files differ: %v and %v", name, typ, hf, gguf)
			}
			n++
		}
	}
	if n < 27 {
		t.Errorf("%d comparisons", n)
	}
}

// TestRecut: re-cutting a bundle gives the bytes of a direct conversion, any
// number of parts from any other, and keeps every file.
func TestRecut(t *testing.T) {
	for _, name := range []string{"llama-bf16-tied-sharded", "war-and-peace"} {
		o := convert.Options{Type: typed(t, "q8_0")}
		direct := map[int]map[string]string{}
		bundles := map[int]string{}
		for _, parts := range []int{1, 2} {
			o.DecoderParts = parts
			bundles[parts] = write(t, testutil.Model(name), o)
			direct[parts] = contents(t, bundles[parts])
		}
		for from, bundle := range bundles {
			for to := range bundles {
				out := filepath.Join(t.TempDir(), "out.tess")
				if _, err := convert.Recut(context.Background(), bundle, out, to, false); err != nil {
					t.Fatalf("%s: %d parts to %d: %v", name, from, to, err)
				}
				sameFiles(t, name, direct[to], contents(t, out))
			}
		}
		// In place, over itself.
		if _, err := convert.Recut(context.Background(), bundles[1], bundles[1], 2, false); err == nil || !strings.Contains(err.Error(), "--force") {
			t.Errorf("%s: re-cut over itself: %v", name, err)
		}
		if _, err := convert.Recut(context.Background(), bundles[1], bundles[1], 2, true); err != nil {
			t.Fatal(err)
		}
		sameFiles(t, name, direct[2], contents(t, bundles[1]))
	}
}

func sameFiles(t *testing.T, what string, a, b map[string]string) {
	t.Helper()
	if x, y := slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b)); !slices.Equal(x, y) {
		t.Errorf("%s: files %v and %v", what, x, y)
	}
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s: %s differs", what, name)
		}
	}
}
