package verify

import (
	"context"
	"flag"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

var full = flag.Bool("full", false, "prove every committed checkpoint in every weight type (minutes)")

// types are the weight types and mixtures to which checkpoints are brought.
var types = []string{"", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "iq4_nl", "q4_k_m", "q5_k_m", "q6_k"}

// prove runs a subject through all passes and against the reference; any
// difference is an error.
func prove(t *testing.T, s *subject, o Options) *Result {
	t.Helper()
	res, err := Passes(context.Background(), s.graph, s.weights, o)
	if err != nil {
		t.Errorf("%s: %v", s.name, err)
		return nil
	}
	for _, p := range res.Passes {
		if !p.OK || p.Exact && (p.Differ > 0 || p.Compared < 10) {
			t.Errorf("%s: pass %s: compared %d, differ %d: %s", s.name, p.Pass, p.Compared, p.Differ, p.Why)
		}
	}
	for _, r := range res.Reference {
		if !r.OK {
			t.Errorf("%s: reference, %s: NMSE %.3g, allowed %.3g", s.name, r.What, r.Diff.NMSE, r.Bound)
		}
	}
	if !res.OK && !t.Failed() {
		t.Errorf("%s: not OK without a reason", s.name)
	}
	if res.After.Kernels != 0 || res.Before.Kernels == 0 {
		t.Errorf("%s: relayout kernels %d → %d", s.name, res.Before.Kernels, res.After.Kernels)
	}
	return res
}

// Every exact pass differs by 0 on every family, HF and GGUF, in float and
// quantised types; K is not a multiple of 256 nor N of 48; the rest is within
// its budget.
func TestProof(t *testing.T) {
	n := 0
	for i, name := range checkpoints(t) {
		if name == "war-and-peace" {
			continue
		}
		sizes := []int{1, 4, 5}
		if name == "llama3-f32-sharded" || name == "qwen3-f32-tied" {
			sizes = []int{1, 4, 64, 65}
		}
		list := []string{"", types[1+i%(len(types)-1)]}
		if *full {
			list, sizes = types, []int{1, 4, 64, 65}
		}
		for _, typ := range list {
			s := load(t, name, typ, sizes...)
			o := s.options()
			o.Reference = true
			prove(t, s, o)
			n++
		}
		if g := gguf(name); g != "" && (*full || i%4 == 0) {
			s := load(t, g, "q8_0", 1, 4)
			prove(t, s, s.options())
		}
	}
	if n < 20 {
		t.Errorf("%d models proven", n)
	}
}

// The trained model has matrices of 256 and 768 channels, so K-quants apply.
func TestProofKQuants(t *testing.T) {
	sizes := []int{1, 5}
	if *full {
		sizes = []int{1, 4, 64, 65}
	}
	s := load(t, "war-and-peace", "q4_k_m", sizes...)
	o := s.options()
	if !*full {
		o.Only = []string{"quantize-activations", "group-projections", "pack-weights"}
	}
	res := prove(t, s, o)
	found := false
	for _, p := range res.Passes {
		for _, c := range p.Matched {
			found = found || c.What == "q+k | v (v is q6_k)"
		}
	}
	if !found {
		t.Error("no layer of q4_k_m has v in q6_k")
	}
}

// Threads, cache types and a graph without cuts change no verdict.
func TestProofVariations(t *testing.T) {
	for _, c := range []struct {
		what string
		set  func(*Options)
	}{
		{"3 threads", func(o *Options) { o.Threads = 3 }},
		{"q8_0 cache", func(o *Options) { o.KVType = "q8_0" }},
		{"f32 cache", func(o *Options) { o.KVType = "f32" }},
		{"uncut", func(o *Options) { o.Passes.Cuts = nil }},
	} {
		s := load(t, "qwen3-f32-tied", "q8_0", 1, 4, 9)
		s.name += ", " + c.what
		o := s.options()
		o.Reference = true
		c.set(&o)
		prove(t, s, o)
	}
}

// Without any one pass the others still keep every bit.
func TestProofWithoutEachPass(t *testing.T) {
	for _, p := range passes.Table() {
		if p.Always {
			continue
		}
		s := load(t, "qwen3-f32-tied", "q8_0", 1, 5)
		s.name += ", without " + p.Name
		o := s.options()
		o.Passes.Disable = []string{p.Name}
		res, err := Passes(context.Background(), s.graph, s.weights, o)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		for _, r := range res.Passes {
			if !r.OK {
				t.Errorf("%s: %s: %s", s.name, r.Pass, r.Why)
			}
		}
	}
}

// With nodes shuffled before and between passes no bit changes, and the logits
// are those of the run without shuffling.
func TestShuffledNodesKeepBits(t *testing.T) {
	for _, typ := range []string{"", "q8_0"} {
		s := load(t, "llama3-f32-sharded", typ, 1, 6)
		want := logitsOf(t, s, s.graph, s.options())
		for seed := range uint64(2) {
			r := rand.New(rand.NewPCG(seed, 3))
			o := s.options()
			o.Passes.Mutate = func(_ *passes.Pass, g *ir.Graph) { shuffle(g, r) }
			g := s.graph.Clone()
			shuffle(g, r)
			res, err := Passes(context.Background(), g, s.weights, o)
			if err != nil || !res.OK {
				t.Fatalf("%s, seed %d: %v, %+v", s.name, seed, err, res)
			}
			if got := logitsOf(t, s, g, o); compare("", want, got).Bits > 0 {
				t.Errorf("%s, seed %d: logits differ", s.name, seed)
			}
		}
	}
}

// logitsOf runs the passes on g and the result on the cpu.
func logitsOf(t *testing.T, s *subject, g *ir.Graph, o Options) []float32 {
	t.Helper()
	out, _, err := passes.Run(context.Background(), g, o.Passes)
	if err != nil {
		t.Fatal(err)
	}
	w := &walk{ctx: context.Background(), o: o, weights: s.weights}
	tr, err := w.execute(cpu.Backend{}, out)
	if err != nil {
		t.Fatal(err)
	}
	return tr.vals[logitsName].data
}

// shuffle reorders nodes at random, keeping the order executable.
func shuffle(g *ir.Graph, r *rand.Rand) {
	made := map[ir.ValueID]bool{}
	for _, v := range g.Inputs {
		made[v] = true
	}
	left := slices.Clone(g.Nodes)
	g.Nodes = g.Nodes[:0:0]
	for len(left) > 0 {
		r.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
		i := slices.IndexFunc(left, func(n *ir.Node) bool {
			return !slices.ContainsFunc(n.In, func(v ir.ValueID) bool { return !made[v] })
		})
		for _, v := range left[i].Out {
			made[v] = true
		}
		g.Nodes = append(g.Nodes, left[i])
		left = slices.Delete(left, i, i+1)
	}
}

func TestOnly(t *testing.T) {
	s := load(t, "llama3-f32-sharded", "q8_0", 1, 4)
	o := s.options()
	o.Only = []string{"fuse-rope", "fuse-residual-norm", "pack-weights"}
	var seen []string
	o.Progress = func(what string) { seen = append(seen, what) }
	res, err := Passes(context.Background(), s.graph, s.weights, o)
	if err != nil || !res.OK || len(res.Passes) != 3 || !slices.Equal(seen, o.Only) {
		t.Errorf("%v, %+v, ran %v", err, res, seen)
	}
	o.Only = []string{"fuse-ropes"}
	if _, err := Passes(context.Background(), s.graph, s.weights, o); err == nil {
		t.Error("an unknown pass is accepted")
	}
	o.Only, o.Passes.Target = nil, (*target.Target)(nil)
	if _, err := Passes(context.Background(), s.graph, s.weights, o); err == nil {
		t.Error("no target is accepted")
	}
}
