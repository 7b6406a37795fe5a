//go:build fakerows

package convert_test

import (
	"context"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/format"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

var walk = []int32{5, 200, 17, 3, 90, 41, 8, 25, 0, 1, 2}

// logitsOn runs a bundle on the backend's own graphs.
func logitsOn(t *testing.T, b backend.Backend, bundle string) [][]float32 {
	t.Helper()
	m, err := runtime.Open(bundle, runtime.Options{Backend: b, Threads: 2, MaxChunk: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	return logits(t, m, walk)
}

// TestTwoTargets: a bundle with graphs for cpu and for rows stores every weight
// once, as cpu wants it; both targets run and give the same bits, re-cut too,
// and as the programs in memory do.
func TestTwoTargets(t *testing.T) {
	both := []*target.Target{target.CPU, target.Rows}
	for _, c := range []struct{ model, typ string }{
		{"qwen3-f32-tied", "keep"}, {"qwen3-f32-tied", "q8_0"}, {"qwen3-f32-tied", "fake_lut"}, {"qwen2-f32", "q4_0"}, {"llama-f32", "q4_k_m"}, {"war-and-peace", "q8_0"}, {"qwen3-bf16-sharded", "keep"},
	} {
		path := testutil.Model(c.model)
		one := write(t, path, convert.Options{Type: typed(t, c.typ)})
		two := write(t, path, convert.Options{Type: typed(t, c.typ), Targets: both})
		if !maps.Equal(weightFiles(t, one), weightFiles(t, two)) {
			t.Errorf("%s %s: the weight files of a bundle for two targets are not those of one for cpu", c.model, c.typ)
		}
		want := logitsOn(t, cpu.Backend{}, one)
		recut := filepath.Join(t.TempDir(), "recut.tess")
		if _, err := convert.Recut(context.Background(), two, recut, 2, false); err != nil {
			t.Fatalf("%s %s: %v", c.model, c.typ, err)
		}
		for _, bundle := range []string{two, recut} {
			for _, b := range []backend.Backend{cpu.Backend{}, cpu.RowsBackend{}} {
				if got := logitsOn(t, b, bundle); !slices.EqualFunc(got, want, slices.Equal) {
					t.Errorf("%s %s on %s (%s): logits differ from those of a bundle for cpu", c.model, c.typ, b.Name(), filepath.Base(bundle))
				}
			}
		}
		p := plan(t, path, convert.Options{Type: typed(t, c.typ), Targets: both})
		prog, err := p.ProgramFor("rows", 1)
		if err != nil {
			t.Fatal(err)
		}
		m, err := runtime.New(prog, runtime.Options{Backend: cpu.RowsBackend{}, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		if got := logits(t, m, walk); !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s %s on rows in memory: logits differ", c.model, c.typ)
		}
		m.Close()
	}
}

// distance is the largest difference.
func distance(a, b [][]float32) (far float64) {
	for i, row := range a {
		for j, v := range row {
			far = max(far, math.Abs(float64(v-b[i][j])))
		}
	}
	return far
}

// TestFakeRowsType: a type that has rows in pkg/tensor, pkg/quant and pkg/pack only is
// converted to and runs, with the same bits, on every tier of this machine.
func TestFakeRowsType(t *testing.T) {
	path := testutil.Model("llama-f32")
	bundle := write(t, path, convert.Options{Type: quant.FakeLUT})
	b, err := format.Open(bundle)
	if err != nil {
		t.Fatal(err)
	}
	packed := 0
	for _, w := range b.Manifest.Weights {
		if w.Type == tensor.FakeLUT.String() && w.Form == "p16" {
			packed++
		}
	}
	b.Close()
	if packed < 8 {
		t.Errorf("%d weights are %s in form p16", packed, tensor.FakeLUT)
	}
	var want [][]float32
	for _, tier := range kernel.Available() {
		t.Setenv(kernel.TierEnv, tier.String())
		got := logitsOn(t, cpu.Backend{}, bundle)
		if want == nil {
			want = got
		}
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s: logits differ from those of the generic tier", tier)
		}
	}
	t.Setenv(kernel.TierEnv, "")
	floats := logitsOn(t, cpu.Backend{}, write(t, path, convert.Options{}))
	near := distance(floats, logitsOn(t, cpu.Backend{}, write(t, path, convert.Options{Type: quant.Q4_0})))
	if far := distance(floats, want); far == 0 || far > 2*near {
		t.Errorf("the logits are %v from those of the floats, those of q4_0 %v", far, near)
	}
}

// TestTargetMissing: a backend finds its graphs or says which there are.
func TestTargetMissing(t *testing.T) {
	one := write(t, testutil.Model("llama-f32"), convert.Options{})
	_, err := runtime.Open(one, runtime.Options{Backend: cpu.RowsBackend{}})
	if err == nil || !strings.Contains(err.Error(), `graphs for cpu, not for "rows"`) {
		t.Errorf("a bundle without graphs for rows: %v", err)
	}
	if _, err := format.OpenSegment(one, "rows", "embed"); err == nil {
		t.Error("a segment without graphs for rows opens")
	}
	if p := plan(t, testutil.Model("llama-f32"), convert.Options{}); p.For("rows") != nil {
		t.Error("the plan has graphs nobody asked for")
	}
}

// TestRowsFirst: the first target decides how weights are stored.
func TestRowsFirst(t *testing.T) {
	two := write(t, testutil.Model("qwen2-f32"), convert.Options{Type: typed(t, "q8_0"), Targets: []*target.Target{target.Rows, target.CPU}})
	b, err := format.Open(two)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range b.Manifest.Weights {
		if w.Form != "rows" {
			t.Errorf("%s is stored as %s", w.Name, w.Form)
		}
	}
	b.Close()
	if got := logitsOn(t, cpu.Backend{}, two); !slices.EqualFunc(got, logitsOn(t, cpu.RowsBackend{}, two), slices.Equal) {
		t.Error("logits differ")
	}
}
