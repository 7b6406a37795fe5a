package verify

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/pkg/segment"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

func TestCompare(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		what   string
		a, b   []float32
		bits   int
		maxAbs float64
		nmse   float64
	}{
		{"equal", []float32{1, 2}, []float32{1, 2}, 0, 0, 0},
		{"equal NaN", []float32{nan, 2}, []float32{nan, 2}, 0, 0, 0},
		{"signed zero", []float32{0, 3}, []float32{float32(math.Copysign(0, -1)), 3}, 1, 0, 0},
		{"half", []float32{3, 4}, []float32{3, 5}, 1, 1, 1.0 / 25},
		{"from nothing", []float32{0, 0}, []float32{1, 0}, 1, 1, math.Inf(1)},
		{"NaN on one side", []float32{1, 2}, []float32{nan, 5}, 2, math.NaN(), math.NaN()},
		{"Inf on one side", []float32{1}, []float32{inf}, 1, math.Inf(1), math.Inf(1)},
	} {
		d := compare(c.what, c.a, c.b)
		same := func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) || math.Abs(x-y) < 1e-12 }
		if d.Bits != c.bits || !same(d.MaxAbs, c.maxAbs) || !same(d.NMSE, c.nmse) || d.Elements != len(c.a) {
			t.Errorf("%s: %+v", c.what, d)
		}
		if text, err := json.Marshal(d); err != nil || !strings.Contains(string(text), `"nmse":`) {
			t.Errorf("%s: JSON %s, %v", c.what, text, err)
		}
	}
}

func TestDifferences(t *testing.T) {
	a, b := newTrace(), newTrace()
	a.add("x", 2, []float32{1, 2})
	a.add("x", 2, []float32{3, 4}) // a second call
	a.add("gone", 1, []float32{1})
	a.add("y", 2, []float32{1, 2})
	b.add("new", 1, []float32{1})
	b.add("x", 2, []float32{1, 2, 3, 5})
	b.add("y", 1, []float32{1, 2})
	all, reshaped := differences(a, b)
	if len(all) != 1 || all[0].Name != "x" || all[0].Bits != 1 || reshaped != "y" {
		t.Errorf("%+v, reshaped %q", all, reshaped)
	}
	if w := worst([]Difference{{Name: "a", Bits: 1, MaxAbs: 5}, {Name: "b"}, {Name: "c", Bits: 1, MaxAbs: math.NaN()}, {Name: "d", Bits: 1, MaxAbs: 7}}); w.Name != "c" {
		t.Errorf("worst is %s", w.Name)
	}
	if worst(nil) != nil {
		t.Error("nothing has a worst")
	}
}

// Threads, chunks, cuts, a poisoned cache and company change no bit; another model does.
func TestVariants(t *testing.T) {
	s, other := load(t, "mistral-window-f32", "q8_0", 1), load(t, "mistral-window-f32", "q4_0", 1)
	program := func(s *subject, parts int) func() (*runtime.Program, error) {
		return func() (*runtime.Program, error) {
			o := s.options().Passes
			var err error
			if o.Cuts, err = passes.CutNames(3, parts); err != nil {
				return nil, err
			}
			g, _, err := passes.Run(context.Background(), s.graph, o)
			if err != nil {
				return nil, err
			}
			segs, err := segment.Cut(g)
			return &runtime.Program{Segments: segs, Weights: s.weights, Meta: runtime.Meta{KVType: "f16"}}, err
		}
	}
	ids := Calls(someIDs(256), []int{70})[0]
	list := []Variant{
		{Name: "one call", Threads: 1, Chunk: 70, Program: program(s, 1)},
		{Name: "chunks of 7, 3 parts", Threads: 2, Chunk: 7, Program: program(s, 3)},
		{Name: "token by token, NaN beyond", Threads: 1, Chunk: 1, Poison: true, Program: program(s, 2)},
		{Name: "chunks of 64", Threads: 3, Chunk: 64, Program: program(s, 1)},
		{Name: "in company of 3 others", Threads: 2, Chunk: 7, Company: 3, Program: program(s, 2)},
		{Name: "in company of 1 other, token by token", Threads: 1, Chunk: 1, Company: 1, Program: program(s, 1)},
		{Name: "another type", Threads: 1, Chunk: 70, Program: program(other, 1)},
	}
	for i := range list {
		list[i].Backend = cpu.Backend{}
	}
	res, err := Variants(context.Background(), ids, Bits, list)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range res {
		if r.OK != (i < 6) || r.Diff.Elements != 70*256 {
			t.Errorf("%s: ok %v, %+v", r.Name, r.OK, r.Diff)
		}
	}
}

// What structure alone shows.
func TestSameStructure(t *testing.T) {
	s := load(t, "qwen3-f32-tied", "q8_0", 1)
	quantize, err := passes.PassNamed("quantize-activations")
	if err != nil {
		t.Fatal(err)
	}
	before, _, err := passes.Run(context.Background(), s.graph, passes.Options{Target: s.options().Passes.Target, Cuts: s.cuts, StopAfter: "share-embedding"})
	if err != nil {
		t.Fatal(err)
	}
	after, _, err := passes.Apply(quantize, before, s.options().Passes)
	if err != nil {
		t.Fatal(err)
	}
	if err := sameStructure(quantize, before, after); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want string
		bug  func(g *ir.Graph)
	}{
		{"weight", func(g *ir.Graph) { g.Weights[3].Expr = ir.ConstExpr(make([]float32, 64)) }},
		{"eps=1.0", func(g *ir.Graph) { nodeOf(g, "rms_norm", 0).Set(ir.FloatAttr("eps", 1)) }},
		{`became ""`, func(g *ir.Graph) { g.Nodes = g.Nodes[:len(g.Nodes)-1] }},
		{"boundary layer.0 at layer.zero", func(g *ir.Graph) { g.ValueByName("layer.0").Name = "layer.zero" }},
		{"output topk.ids", func(g *ir.Graph) { g.Outputs = g.Outputs[1:] }},
	} {
		g := after.Clone()
		c.bug(g)
		if err := sameStructure(quantize, before, g); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.want, err)
		}
	}
}
