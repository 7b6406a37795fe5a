package runtime_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/pkg/segment"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// streams is a model whose boundaries carry more than hidden: at embed a second
// embedding, which every layer reads, and at each layer but the last a narrow
// stream, made behind hidden in the first and in front of it in the second.
const streams = `graph model
input %0 tokens i32[S]
state $kv.0 heads=2 k=16 v=16
state $kv.1 heads=2 k=16 v=16
state $kv.2 heads=2 k=16 v=16
weight @embd f32[40,32] = tensor(embd, f32[40,32])
weight @extra f32[40,64] = tensor(extra, f32[40,64])
weight @norm.0 f32[32] = tensor(norm.0, f32[32])
weight @norm.1 f32[32] = tensor(norm.1, f32[32])
weight @norm.2 f32[32] = tensor(norm.2, f32[32])
weight @norm f32[32] = tensor(norm, f32[32])
weight @q.0 q8_0[32,32] = quantize(tensor(q.0, f32[32,32]), q8_0)
weight @q.1 q8_0[32,32] = quantize(tensor(q.1, f32[32,32]), q8_0)
weight @q.2 q8_0[32,32] = quantize(tensor(q.2, f32[32,32]), q8_0)
weight @wide.0 q8_0[32,64] = quantize(tensor(wide.0, f32[32,64]), q8_0)
weight @wide.1 q8_0[32,64] = quantize(tensor(wide.1, f32[32,64]), q8_0)
weight @wide.2 q8_0[32,64] = quantize(tensor(wide.2, f32[32,64]), q8_0)
weight @head f32[40,32] = tensor(head, f32[40,32])
%1 embd f32[S,32] = embedding(%0, @embd)
%2 extra f32[S,64] = embedding(%0, @extra)
%3 hidden.embed f32[S,32], %4 extra.embed f32[S,64] = boundary(%1, %2) {name="embed"}
%10 n.0 f32[S,32] = rms_norm(%3, @norm.0) {dim=32, eps=1e-05}
%11 q.0 f32[S,32] = matmul(%10, @q.0)
%12 attn.0 f32[S,32] = attention(%11, %11, %11, $kv.0) {head_dim=16, heads=2, kv_heads=2, scale=0.25}
%13 res.0 f32[S,32] = add(%3, %12)
%14 wide.0 f32[S,32] = matmul(%4, @wide.0)
%15 h.0 f32[S,32] = add(%13, %14)
%16 s.0 f32[S,64] = silu(%4)
%17 layer.0 f32[S,32], %18 stream.0 f32[S,64] = boundary(%15, %16) {name="layer.0"}
%20 n.1 f32[S,32] = rms_norm(%17, @norm.1) {dim=32, eps=1e-05}
%21 q.1 f32[S,32] = matmul(%20, @q.1)
%22 attn.1 f32[S,32] = attention(%21, %21, %21, $kv.1) {head_dim=16, heads=2, kv_heads=2, scale=0.25}
%23 res.1 f32[S,32] = add(%17, %22)
%24 s.1 f32[S,64] = mul(%18, %4)
%25 wide.1 f32[S,32] = matmul(%24, @wide.1)
%26 h.1 f32[S,32] = add(%23, %25)
%27 layer.1 f32[S,32], %28 stream.1 f32[S,64] = boundary(%26, %24) {name="layer.1"}
%30 n.2 f32[S,32] = rms_norm(%27, @norm.2) {dim=32, eps=1e-05}
%31 q.2 f32[S,32] = matmul(%30, @q.2)
%32 attn.2 f32[S,32] = attention(%31, %31, %31, $kv.2) {head_dim=16, heads=2, kv_heads=2, scale=0.25}
%33 res.2 f32[S,32] = add(%27, %32)
%34 wide.2 f32[S,32] = matmul(%28, @wide.2)
%35 first.2 f32[S,32] = matmul(%4, @wide.2)
%38 both.2 f32[S,32] = add(%34, %35)
%36 h.2 f32[S,32] = add(%33, %38)
%37 layer.2 f32[S,32] = boundary(%36) {name="layer.2"}
%40 last f32[S,32] = rms_norm(%37, @norm) {dim=32, eps=1e-05}
%41 rows f32[R,32] = select_rows(%40)
%42 mm f32[R,40] = matmul(%41, @head)
%43 logits f32[R,40] = boundary(%42) {name="logits"}
%44 tail f32[R,40] = silu(%43)
output %43
output %44
`

// leaves are random tensors for the leaves of g, around 0.
type leaves map[string]tensor.Tensor

func (l leaves) Tensor(name string) (tensor.Tensor, error) {
	t, ok := l[name]
	if !ok {
		return t, fmt.Errorf("%q: %w", name, tensor.ErrNotFound)
	}
	return t, nil
}

func leavesOf(t *testing.T, g *ir.Graph) leaves {
	t.Helper()
	l, r := leaves{}, rand.New(rand.NewPCG(5, 8))
	for _, w := range g.Weights {
		w.Walk(func(e *ir.Expr) {
			if e.Kind != ir.ExprTensor {
				return
			}
			n, err := e.Shape.Elements()
			if err != nil {
				t.Fatal(err)
			}
			data := make([]byte, 4*n)
			for i := range n {
				binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(float32(r.NormFloat64())))
			}
			l[e.Name] = tensor.Tensor{Info: tensor.Info{Name: e.Name, Type: e.Type, Shape: e.Shape, Bytes: 4 * n}, Data: data}
		})
	}
	return l
}

// A model whose boundaries carry several values runs with the same bits in one
// piece and cut, wherever, and a re-cut is wired as the direct cut.
func TestBoundariesOfSeveralValues(t *testing.T) {
	g, err := ir.Parse(streams)
	if err != nil {
		t.Fatal(err)
	}
	if err := ir.Verify(g); err != nil {
		t.Fatal(err)
	}
	src := leavesOf(t, g)
	direct := func(cuts ...string) []ir.Segment {
		t.Helper()
		fused, _, err := passes.Run(t.Context(), g, passes.Options{Target: target.CPU, Cuts: cuts})
		if err != nil {
			t.Fatal(err)
		}
		segs, err := segment.Cut(fused)
		if err != nil {
			t.Fatalf("%v: %v", cuts, err)
		}
		return segs
	}
	want := logitsOf(t, direct(), src)
	if len(want) != 40*len(steps) || slices.Max(want) == slices.Min(want) {
		t.Fatalf("logits %v", want)
	}
	cuts := [][]string{
		{"embed", "layer.2", "logits"},
		{"embed", "layer.0", "layer.2", "logits"},
		{"embed", "layer.0", "layer.1", "layer.2", "logits"},
		{"embed", "layer.1", "layer.2", "logits"},
		{"embed", "layer.2", "logits"},
		{"embed", "layer.1", "layer.2", "logits"},
	}
	segs := direct(cuts[0]...)
	for _, c := range cuts {
		segs, _, err = segment.Recut(t.Context(), segs, passes.Options{Target: target.CPU, Cuts: c})
		if err != nil {
			t.Fatalf("%v: %v", c, err)
		}
		first := direct(c...)
		for i, s := range first {
			r := segs[i]
			if a, b := wiring(s.Graph), wiring(r.Graph); a != b || s.Name != r.Name {
				t.Errorf("%v: %s is %s, after a re-cut %s %s", c, s.Name, a, r.Name, b)
			}
		}
		for what, segs := range map[string][]ir.Segment{"cut": first, "cut again": segs} {
			if got := logitsOf(t, segs, src); !slices.Equal(got, want) {
				t.Errorf("%s at %v: other logits than in one piece", what, c)
			}
		}
	}
	// What crosses, by name and in order; the second embedding goes to all.
	segs = direct("embed", "layer.0", "layer.1", "layer.2", "logits")
	for i, want := range [][2]string{
		{"tokens", "hidden.embed extra.embed"},
		{"hidden.embed extra.embed", "layer.0 stream.0"},
		{"layer.0 stream.0 extra.embed", "layer.1 stream.1"},
		{"layer.1 stream.1 extra.embed", "layer.2"},
	} {
		s := segs[i]
		if in, out := valueNames(s.Graph, s.Graph.Inputs), valueNames(s.Graph, s.Graph.Outputs); in != want[0] || out != want[1] {
			t.Errorf("%s takes %s and makes %s, want %v", s.Name, in, out, want)
		}
	}
}

var steps = []int32{5, 20, 17, 3, 39, 4, 8, 25, 0, 1, 2}

func wiring(g *ir.Graph) string {
	return valueNames(g, g.Inputs) + " -> " + valueNames(g, g.Outputs)
}

func valueNames(g *ir.Graph, ids []ir.ValueID) string {
	var all []string
	for _, v := range ids {
		all = append(all, g.Value(v).Name)
	}
	return strings.Join(all, " ")
}

// logitsOf runs steps in calls of at most 6 tokens.
func logitsOf(t *testing.T, segs []ir.Segment, src leaves) []float32 {
	t.Helper()
	p := &runtime.Program{Segments: segs, Weights: weights.NewMemory(src, 1)}
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	m, err := runtime.New(p, runtime.Options{Backend: cpu.Backend{}, Threads: 2, MaxChunk: 6, PartialBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var got []float32
	if err := s.Logits(t.Context(), steps, func(_ int, l []float32) error { got = append(got, l...); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}
