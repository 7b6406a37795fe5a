package main

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParseTests(t *testing.T) {
	got, err := parseTests("pp512, tg32,pp16@d4096,tg1@d0")
	want := []test{{prompt: 512}, {gen: 32}, {prompt: 16, depth: 4096}, {gen: 1}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestGroups(t *testing.T) {
	tests, err := parseTests("pp512,tg8@d16,tg32,pp4@d16")
	if err != nil {
		t.Fatal(err)
	}
	o := &options{tests: tests, kv: []string{"f16", "q8_0"}}
	var got []string
	for _, g := range o.groups("/x/m.gguf") {
		got = append(got, g.name()+" "+g.KV+" "+lengths(g.tests, false)+" "+lengths(g.tests, true))
	}
	want := []string{"m f16 512 32", "m q8_0 512 32", "m f16 4 8", "m q8_0 4 8"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSweepPairs(t *testing.T) {
	for _, c := range []struct {
		tests []test
		want  []pair
	}{
		{[]test{{prompt: 512}, {gen: 32}}, []pair{{0, 1}}},
		{[]test{{gen: 32}}, []pair{{-1, 0}}},
		{[]test{{prompt: 512}, {gen: 1}, {prompt: 256}}, []pair{{0, 1}, {2, -1}}},
	} {
		if got := sweepPairs(c.tests); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.tests, got, c.want)
		}
	}
	p := peer{Sweep: []string{"x"}}
	for _, g := range []group{{Depth: 100, tests: []test{{prompt: 64}}}, {Depth: 1024, tests: []test{{gen: 600}}}} {
		if _, err := p.sweep(t.Context(), &g, &options{}); err == nil || !strings.Contains(err.Error(), "steps of one prompt") {
			t.Errorf("%+v: %v", g, err)
		}
	}
}

func TestParseOutputs(t *testing.T) {
	tests := []test{{prompt: 8, depth: 64}, {gen: 2, depth: 64}}
	bad := map[string]func(string) error{
		"ours": func(s string) error { _, _, err := parseTessera([]byte(s), tests); return err },
		"llama": func(s string) error {
			_, err := parseLlamaBench([]byte(s), tests)
			return err
		},
		"sweep": func(s string) error { _, _, err := parseSweep([]byte(s), 8, 2, 64); return err },
	}
	for _, c := range [][3]string{
		{"ours", `{"rows":[{"n_prompt":8,"n_depth":64,"tokens_per_second":5}]}`, "does not have"},
		{"ours", `{"rows":[{"n_prompt":8,"n_depth":64,"error":"needs more"}]}`, "needs more"},
		{"ours", `x`, "its output"},
		{"llama", `[{"n_prompt":8,"n_depth":64,"avg_ts":5}]`, "does not have"},
		{"llama", `[{"n_prompt":8,"avg_ts":5},{"n_gen":2,"avg_ts":5}]`, "does not have"},
		{"llama", `error`, "its output"},
		{"sweep", `[1] {"pp": 8, "tg": 2, "n_kv": 32, "speed_pp": 1, "speed_tg": 1}`, "does not have"},
		{"sweep", `[1] {"pp": 8, "n_kv": `, "its output"},
		{"sweep", ``, "does not have"},
	} {
		if err := bad[c[0]](c[1]); err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s %q: %v, want %q", c[0], c[1], err, c[2])
		}
	}
}

func TestBound(t *testing.T) {
	s := &shape{bytes: 1e9, layers: 1e9, queries: 1e4, cached: 1e4}
	l := limits{Dot: 2000, FMA: 400, Read: 20}
	for _, c := range []struct {
		t     test
		kv    string
		float bool
		want  float64
		what  string
	}{
		{test{prompt: 512}, "f16", false, 1000, "int8 2000 Gop/s"},
		{test{prompt: 512}, "f16", true, 200, "f32 400 Gop/s"},
		{test{prompt: 3, depth: 998}, "f16", false, 1 / (1e-3 + 4e4*1000/400e9), "int8 2000 Gop/s, f32 400"},
		{test{prompt: 3, depth: 998}, "f16", true, 1 / (5e-3 + 4e4*1000/400e9), "f32 400 Gop/s"},
		{test{gen: 8}, "f16", false, 20, "read 20.0 GB/s"},
		{test{gen: 3, depth: 998}, "f16", false, 20e9 / (1e9 + 2e4*1000), "read 20.0 GB/s"},
		{test{gen: 3, depth: 998}, "q8_0", false, 20e9 / (1e9 + 34./32*1e4*1000), "read 20.0 GB/s"},
		{test{gen: 3, depth: 998}, "iq9", false, 0, ""},
	} {
		s.float = c.float
		if got, what := s.bound(c.t, c.kv, l); math.Abs(got-c.want) > 1e-9*c.want || what != c.what {
			t.Errorf("%+v: %v by %q", c, got, what)
		}
	}
	if got, what := s.bound(test{prompt: 1}, "f16", limits{}); got != 0 || what != "" {
		t.Errorf("without limits: %v, %q", got, what)
	}
}

// TestReadShape counts what the shapes of synth say.
func TestReadShape(t *testing.T) {
	const matrices = 2 * (256*256*2 + 256*128*2 + 3*256*512)
	paths := models(t)
	got, err := readShape(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	if got.layers != matrices || got.float || got.queries != 2*256 || got.cached != 2*2*128 {
		t.Errorf("%+v", got)
	}
	// The embedding, 1024 × 256 of q8_0, is not read.
	if want := float64(matrices+1024*256) * 34 / 32; got.bytes < want || got.bytes > 1.1*want {
		t.Errorf("%v bytes, want a little more than %v", got.bytes, want)
	}
	if got, err = readShape(paths[1]); err != nil || !got.float || got.bytes < 2*(matrices+1024*256) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestMedianAndBest(t *testing.T) {
	if median(nil) != 0 || median([]float64{3, 1, 2}) != 2 || median([]float64{4, 1, 2, 3}) != 2.5 {
		t.Error("median")
	}
	got := best([]figure{{Engine: "a/x", Speed: 1}, {Engine: "b", Speed: 9}, {Engine: "a", Speed: 2, Ratio: 3}, {Engine: "c/y"}, {Engine: "c/z"}})
	want := []figure{{Engine: "a", Speed: 2, Ratio: 3}, {Engine: "c"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
