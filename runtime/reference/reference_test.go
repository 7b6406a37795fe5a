package reference

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

// randomTensors is a source that has every f32 tensor a graph asks for.
type randomTensors map[string]tensor.Tensor

func (r randomTensors) Tensor(name string) (tensor.Tensor, error) {
	t, ok := r[name]
	if !ok {
		return t, fmt.Errorf("%q: %w", name, tensor.ErrNotFound)
	}
	return t, nil
}

// weightsOf makes random tensors for the leaves of g: around 1 for vectors,
// around 0 for matrices. Values given in set are used instead.
func weightsOf(t *testing.T, g *ir.Graph, set map[string][]float32) *weights.Memory {
	t.Helper()
	src, r := randomTensors{}, rand.New(rand.NewPCG(3, 2)) // no sum of these weights falls on a rounding boundary of quantize_act
	for _, w := range g.Weights {
		w.Walk(func(e *ir.Expr) {
			if e.Kind != ir.ExprTensor {
				return
			}
			n, err := e.Shape.Elements()
			if err != nil || e.Type != tensor.F32 {
				t.Fatalf("tensor %s is %s: this test makes f32 only", e.Name, e.Type)
			}
			data := make([]byte, 4*n)
			for i := range n {
				v := float32(r.NormFloat64() / math.Sqrt(float64(e.Shape.Last())))
				if len(e.Shape) == 1 {
					v = 1 + float32(r.NormFloat64())/4
				}
				if given := set[e.Name]; given != nil {
					v = given[i]
				}
				binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
			}
			src[e.Name] = tensor.Tensor{Info: tensor.Info{Name: e.Name, Type: e.Type, Shape: e.Shape, Bytes: 4 * n}, Data: data}
		})
	}
	return weights.NewMemory(src, 1)
}

// call is one Run: values of inputs by name, the wanted rows, and where the
// state is rewound to before it.
type call struct {
	ints   map[string][]int32
	floats map[string][]float32
	want   []int32
	rewind int // 1 + the length; 0: not at all
}

// span is the batch of c: as many tokens as its inputs have rows.
func (c *call) span(g *ir.Graph, st backend.State, in []backend.Buffer) []backend.Span {
	s := backend.Span{Want: c.want, Rows: 1}
	if len(g.States) > 0 {
		s.State = st
	}
	for i, id := range g.Inputs {
		if g.Value(id).Type.Shape[0] == ir.S {
			s.Rows = in[i].Rows()
		}
	}
	return []backend.Span{s}
}

// runGraph executes g on b and returns everything it made, by name, calls joined.
func runGraph(t *testing.T, b backend.Backend, g *ir.Graph, w backend.Weights, calls ...call) (map[string][]float32, map[string][]int32, error) {
	t.Helper()
	seen, ints := map[string][]float32{}, map[string][]int32{}
	dev, err := b.Open(w, backend.Options{Threads: 1, Trace: func(v *ir.Value, _ int, data []float32) {
		seen[v.Name] = append(seen[v.Name], data...)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	ex, err := dev.Compile("model", g, backend.Size{Tokens: 16, Rows: 16})
	if err != nil {
		return nil, nil, err
	}
	st, err := dev.NewState(g.States, codec.Pair{K: codec.F32, V: codec.F32}, 32)
	if err != nil {
		t.Fatal(err)
	}
	buffers := func(ids []ir.ValueID) []backend.Buffer {
		var all []backend.Buffer
		for _, id := range ids {
			buf, err := dev.NewBuffer(g.Value(id).Type, 16)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, buf)
		}
		return all
	}
	in, out := buffers(g.Inputs), buffers(g.Outputs)
	for _, c := range calls {
		for i, id := range g.Inputs {
			name := g.Value(id).Name
			if v, ok := c.ints[name]; ok {
				err = in[i].SetInt32(v)
			} else {
				err = in[i].SetFloat32(c.floats[name])
			}
			if err != nil {
				t.Fatalf("input %s: %v", name, err)
			}
		}
		if c.rewind > 0 {
			if err := st.Truncate(c.rewind - 1); err != nil {
				return seen, ints, err
			}
		}
		if err := ex.Run(t.Context(), c.span(g, st, in), in, out); err != nil {
			return seen, ints, err
		}
		for i, id := range g.Outputs {
			if v, err := out[i].Int32(t.Context()); err == nil {
				ints[g.Value(id).Name] = append(ints[g.Value(id).Name], v...)
			}
		}
	}
	return seen, ints, nil
}

func parse(t *testing.T, text string) *ir.Graph {
	t.Helper()
	g, err := ir.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := ir.Verify(g); err != nil {
		t.Fatal(err)
	}
	return g
}

// Formulas against values worked out by hand.
func TestMeaning(t *testing.T) {
	for _, c := range []struct {
		name, graph string
		set         map[string][]float32
		in          call
		value       string
		want        []float64
	}{
		{name: "rms_norm of two heads", graph: `input %0 x f32[S,4]
weight @w f32[2] = tensor(w, f32[2])
%1 y f32[S,4] = rms_norm(%0, @w) {dim=2, eps=0.5}
output %1`, set: map[string][]float32{"w": {1, 2}}, in: call{floats: map[string][]float32{"x": {3, 4, 1, 0}}},
			value: "y", want: []float64{3 / math.Sqrt(13), 8 / math.Sqrt(13), 1, 0}},
		{name: "matmul", graph: `input %0 x f32[S,2]
weight @w f32[3,2] = tensor(w, f32[3,2])
%1 y f32[S,3] = matmul(%0, @w)
output %1`, set: map[string][]float32{"w": {1, 2, 3, 4, 5, 6}}, in: call{floats: map[string][]float32{"x": {1, -1, 2, 0}}},
			value: "y", want: []float64{-1, -1, -1, 2, 6, 10}},
		{name: "silu and mul", graph: `input %0 x f32[S,2]
%1 s f32[S,2] = silu(%0)
%2 y f32[S,2] = mul(%1, %0)
output %2`, in: call{floats: map[string][]float32{"x": {0, 2}}}, value: "y", want: []float64{0, 4 / (1 + math.Exp(-2))}},
		{name: "gelu_tanh", graph: `input %0 x f32[S,2]
%1 y f32[S,2] = gelu_tanh(%0)
output %1`, in: call{floats: map[string][]float32{"x": {1, -1}}}, value: "y", want: []float64{0.8411919906082768, -0.15880800939172324}},
		{name: "rope turns pairs (i, i+1) of two channels by position", graph: `input %0 x f32[S,3]
weight @f f32[1] = tensor(f, f32[1])
%2 y f32[S,3] = rope(%0, @f) {head_dim=3, rotary_dim=2}
output %2`, set: map[string][]float32{"f": {1}}, in: call{floats: map[string][]float32{"x": {1, 0, 7, 9, 9, 9, 0, 1, 8}}},
			value: "y", want: []float64{1, 0, 7, 9*math.Cos(1) - 9*math.Sin(1), 9*math.Cos(1) + 9*math.Sin(1), 9, -math.Sin(2), math.Cos(2), 8}},
		{name: "attention is causal, over one window", graph: `input %0 q f32[S,1]
input %1 v f32[S,1]
state $kv heads=1 k=1 v=1
%3 y f32[S,1] = attention(%0, %0, %1, $kv) {head_dim=1, heads=1, kv_heads=1, scale=1.0, window=2}
output %3`, in: call{floats: map[string][]float32{"q": {0, 1, 2}, "v": {10, 20, 30}}},
			value: "y", want: []float64{10, (10 + 20*math.E) / (1 + math.E), (20*math.Exp(2) + 30*math.Exp(4)) / (math.Exp(2) + math.Exp(4))}},
		{name: "select_rows", graph: `input %0 x f32[S,1]
%2 y f32[R,1] = select_rows(%0)
output %2`, in: call{floats: map[string][]float32{"x": {5, 6, 7}}, want: []int32{2, 0}}, value: "y", want: []float64{7, 5}},
		{name: "topk after adjustments", graph: topkGraph, in: topkCall([]float32{4, -1, 2, 2}, []int32{0, 0}, []int32{0, 1}, []float32{2, 2}, []float32{0, 1}),
			value: "logits", want: []float64{2, 2, 2}},
		{name: "adjustments are a row's", graph: topkGraph, in: topkCall([]float32{4, -1, 2, 2, 4, -1, 2, 2}, []int32{1}, []int32{0}, []float32{8}, []float32{0}),
			value: "logits", want: []float64{4, 2, 2, 2, 2, 0.5}},
		{name: "log-sum-exp at a temperature", graph: topkGraph, in: topkCall([]float32{1, 1, 1, 1, 3, 0, 0, 0}, nil, nil, nil, nil),
			value: "lse_temp", want: []float64{1 + math.Log(4), math.Log(math.Exp(1.5) + 3)}},
		{name: "a mask", graph: topkGraph, in: masked(topkCall([]float32{4, 3, 2, 1, 4, 3, 2, 1}, nil, nil, nil, nil), []int32{1}, []int32{6}),
			value: "lse", want: []float64{math.Log(math.Exp(4) + math.Exp(3) + math.Exp(2) + math.E), math.Log(math.Exp(3) + math.Exp(2))}},
	} {
		g := parse(t, "graph g\n"+c.graph+"\n")
		got, _, err := runGraph(t, Backend{}, g, weightsOf(t, g, c.set), c.in)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if len(got[c.value]) != len(c.want) {
			t.Errorf("%s: %d values, want %d", c.name, len(got[c.value]), len(c.want))
			continue
		}
		for i, w := range c.want {
			if math.Abs(float64(got[c.value][i])-w) > 1e-6*(1+math.Abs(w)) {
				t.Errorf("%s: value %d is %v, want %v", c.name, i, got[c.value][i], w)
			}
		}
	}
}

// topkGraph is topk alone.
const topkGraph = `input %0 l f32[S,4]
input %1 adj_row i32[A]
input %2 i i32[A]
input %3 s f32[A]
input %4 b f32[A]
input %5 inv f32[S]
input %6 mask_row i32[M]
input %7 mask i32[M,1]
%8 ids i32[S,3], %9 logits f32[S,3], %10 lse f32[S,1], %11 lse_temp f32[S,1] = topk(%0, %1, %2, %3, %4, %5, %6, %7) {k=3}
output %8
output %9
output %10
output %11`

// topkCall has no masks, and inverse temperatures 1, 0.5, 0.5, ...
func topkCall(l []float32, row, ids []int32, scale, bias []float32) call {
	inv := []float32{1}
	for len(inv) < len(l)/4 {
		inv = append(inv, 0.5)
	}
	return call{floats: map[string][]float32{"l": l, "s": scale, "b": bias, "inv": inv},
		ints: map[string][]int32{"adj_row": row, "i": ids, "mask_row": nil, "mask": nil}}
}

func masked(c call, rows, bits []int32) call {
	c.ints["mask_row"], c.ints["mask"] = rows, bits
	return c
}

// Ties go to the lower id, NaN stands last.
func TestTopKOrder(t *testing.T) {
	g := parse(t, "graph g\n"+topkGraph+"\n")
	nan := float32(math.NaN())
	in := topkCall([]float32{1, nan, 3, 3}, nil, nil, nil, nil)
	for _, b := range []backend.Backend{Backend{}, cpu.Backend{}} {
		_, ids, err := runGraph(t, b, g, weightsOf(t, g, nil), in)
		if err != nil || fmt.Sprint(ids["ids"]) != "[2 3 0]" {
			t.Errorf("%s: %v, %v", b.Name(), ids, err)
		}
	}
}

// everyOp is the graph of pkg/ir's tests with every op, over f32 sources only.
func everyOp(t *testing.T) *ir.Graph {
	t.Helper()
	data, err := os.ReadFile("../../pkg/ir/testdata/ops.ir")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(
		"tensor(embed, bf16[40,32])", "cast(tensor(embed, f32[40,32]), bf16)",
		"cast(tensor(norm, bf16[32]), f32)", "tensor(norm, f32[32])",
		`stored("decoder-0 o", q8_0[32,32], p16, [32])`, "pack(quantize(tensor(o, f32[32,32]), q8_0), p16)",
		"tensor(up, f16[64,32])", "cast(tensor(up, f32[64,32]), f16)",
	).Replace(string(data))
	return parse(t, text)
}

// The cpu backend means what the reference means: every op of the table, fused
// and expanded, in two calls of one session.
func TestCPUMeansTheSame(t *testing.T) {
	g := everyOp(t)
	w := weightsOf(t, g, nil)
	calls := []call{}
	for _, c := range []struct{ tokens, rows []int32 }{{[]int32{3, 39, 0, 7, 7, 12, 1}, []int32{6, 0}}, {[]int32{5, 8}, []int32{1}}} {
		inv := []float32{0.75, 1}[:len(c.rows)]
		calls = append(calls, call{want: c.rows,
			ints: map[string][]int32{"tokens": c.tokens, "adj_row": {0, 0}, "adj_ids": {1, 30},
				"mask_row": {int32(len(c.rows) - 1)}, "mask": {0x7ffffff7}},
			floats: map[string][]float32{"adj_scale": {1.5, 2}, "adj_bias": {0, -0.25}, "inv_temp": inv},
		})
	}
	want, wantIDs, err := runGraph(t, Backend{}, g, w, calls...)
	if err != nil {
		t.Fatal(err)
	}
	got, gotIDs, err := runGraph(t, cpu.Backend{}, g, w, calls...)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(wantIDs) != fmt.Sprint(gotIDs) {
		t.Errorf("ids %v, want %v", gotIDs, wantIDs)
	}
	compared := 0
	for name, a := range want {
		b := got[name]
		if b == nil {
			continue // inner values of expansions
		}
		compared++
		if len(a) != len(b) {
			t.Errorf("%s: %d values, want %d", name, len(b), len(a))
			continue
		}
		var num, den float64
		for i := range a {
			num += (float64(a[i]) - float64(b[i])) * (float64(a[i]) - float64(b[i]))
			den += float64(a[i]) * float64(a[i])
		}
		// A value beside a rounding boundary may fall to the other side: one step
		// of 1/127 in one of hundreds of elements.
		if num > 1e-5*den {
			t.Errorf("%s: NMSE %.3g", name, num/den)
		}
	}
	if compared < 25 {
		t.Errorf("%d values compared", compared)
	}
	// The definition of every fused op is what it computes.
	c := g.Clone()
	if err := ir.Expand(c, nil); err != nil {
		t.Fatal(err)
	}
	expanded, _, err := runGraph(t, Backend{}, c, w, calls...)
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range want {
		for i := range a {
			if math.Float32bits(a[i]) != math.Float32bits(expanded[name][i]) {
				t.Errorf("%s differs when expanded beforehand", name)
				break
			}
		}
	}
}

// s256e32 rounds here as the kernels do, up to their float32.
func TestRoundingIsTheKernels(t *testing.T) {
	g := parse(t, `graph g
input %0 x f32[S,320]
weight @w q8_0[16,320] = quantize(tensor(w, f32[16,320]), q8_0)
%1 q i8[S,320]:s256e32 = quantize_act(%0) {scheme="s256e32"}
%2 y f32[S,16] = matmul(%1, @w)
output %2
`)
	r := rand.New(rand.NewPCG(5, 6))
	x := make([]float32, 8*320)
	for i := range x {
		x[i] = float32(r.NormFloat64() * math.Exp2(float64(r.IntN(24)-18)*float64(i/32%2)))
	}
	clear(x[320:576])              // a slab of zeros
	clear(x[640:672])              // a block of zeros
	x[960] = 1e30                  // a spike
	x[1280] = float32(math.Inf(1)) // Inf in one slab
	x[1600] = float32(math.NaN())  // NaN in one slab
	x[1920], x[1921] = 1e-40, 0    // a subnormal beside ordinary values
	for i := 2240; i < 2240+256; i++ {
		x[i] *= 0x1p-110 // a slab too small to keep
	}
	in := call{floats: map[string][]float32{"x": x}}
	want, _, err := runGraph(t, Backend{}, g, weightsOf(t, g, nil), in)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := runGraph(t, cpu.Backend{}, g, weightsOf(t, g, nil), in)
	if err != nil {
		t.Fatal(err)
	}
	off := 0
	for i, a := range want["q"] {
		b := got["q"][i]
		switch {
		case math.IsNaN(float64(a)) != math.IsNaN(float64(b)):
			t.Fatalf("channel %d of row %d: %v, want %v", i%320, i/320, b, a)
		case math.IsNaN(float64(a)):
		case math.Abs(float64(a-b)) > 1e-6*math.Abs(float64(a)):
			off++
		}
	}
	if off > 2 {
		t.Errorf("%d of %d values round to another step", off, len(x))
	}
	exact, _, err := runGraph(t, Backend{ExactActivations: true}, g, weightsOf(t, g, nil), in)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range exact["q"] {
		if math.Float32bits(v) != math.Float32bits(x[i]) {
			t.Fatalf("ExactActivations rounds %v to %v", x[i], v)
		}
	}
}

// States: what a rewind forgets is forgotten; forks are independent; the end is
// an error, and leaves the state.
func TestState(t *testing.T) {
	g := parse(t, `graph g
input %0 q f32[S,2]
state $kv heads=1 k=2 v=2
%2 y f32[S,2] = attention(%0, %0, %0, $kv) {head_dim=2, heads=1, kv_heads=1, scale=1.0}
output %2
`)
	at := func(rewind int, rows ...float32) call {
		return call{floats: map[string][]float32{"q": rows}, rewind: rewind}
	}
	w := weightsOf(t, g, nil)
	a, _, err := runGraph(t, Backend{}, g, w, at(0, 1, 2, 3, 4), at(0, 5, 6))
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := runGraph(t, Backend{}, g, w, at(0, 1, 2, 9, 9, 8, 8), at(2, 3, 4), at(0, 5, 6))
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(a["y"][4:]) != fmt.Sprint(b["y"][8:]) {
		t.Errorf("rewinding changes what follows: %v, want %v", b["y"][8:], a["y"][4:])
	}
	eight := make([]float32, 16)
	if _, _, err := runGraph(t, Backend{}, g, w, at(0, eight...), at(0, eight...), at(0, eight...), at(0, eight...), at(0, 1, 2)); err == nil || !strings.Contains(err.Error(), "beyond") {
		t.Errorf("beyond the room of the state: %v", err)
	}
	s := &state{max: 4, names: []string{"kv"}, layers: map[string]*layer{"kv": {heads: 1, kdim: 1, vdim: 1, k: []float64{1, 2}, v: []float64{3, 4}}}}
	f, err := s.Fork()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1); err != nil || f.Len() != 1 || s.Len() != 2 || f.Truncate(2) == nil || s.Memory().Own != 32 {
		t.Errorf("a fork is not independent: %d and %d positions", f.Len(), s.Len())
	}
}

// Bad ids and rows end the call with an error that names them.
func TestRunErrors(t *testing.T) {
	g := everyOp(t)
	w := weightsOf(t, g, nil)
	good := func() call {
		return call{want: []int32{0}, ints: map[string][]int32{"tokens": {1}, "adj_row": {}, "adj_ids": {}, "mask_row": {}, "mask": {}},
			floats: map[string][]float32{"adj_scale": {}, "adj_bias": {}, "inv_temp": {1}}}
	}
	for want, edit := range map[string]func(c call){
		"token id 40":        func(c call) { c.ints["tokens"][0] = 40 },
		"token id -1":        func(c call) { c.ints["tokens"][0] = -1 },
		"wanted row 3":       func(c call) { c.want[0] = 3 },
		"temperature 0":      func(c call) { c.floats["inv_temp"][0] = 0 },
		"masked row 1":       func(c call) { c.ints["mask_row"], c.ints["mask"] = []int32{1}, []int32{1} },
		"adjusted row 2":     func(c call) { adjust(c, 2, 3, 1) },
		"adjusted id 99":     func(c call) { adjust(c, 0, 99, 1) },
		"scale -1 (want > 0": func(c call) { adjust(c, 0, 3, -1) },
	} {
		c := good()
		edit(c)
		for _, b := range []backend.Backend{Backend{}, cpu.Backend{}} {
			if _, _, err := runGraph(t, b, g, w, c); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", b.Name(), err, want)
			}
		}
	}
}

func adjust(c call, row, id int32, scale float32) {
	c.ints["adj_row"], c.ints["adj_ids"], c.floats["adj_scale"], c.floats["adj_bias"] = []int32{row}, []int32{id}, []float32{scale}, []float32{0}
}
