package verify

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/passes"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/pkg/weights"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu"
	"github.com/tessera-llm/tessera/runtime/reference"
)

// zeros gives every weight as zero bytes of the right size.
type zeros struct{}

func (zeros) Bytes(_ string, w *ir.Weight) ([]byte, error) {
	n, err := weights.Size(w.Expr)
	if err != nil {
		return nil, err
	}
	if n > 1<<20 {
		return nil, fmt.Errorf("weight %s is too large for this test", w.Name)
	}
	return weights.Bytes(&ir.Expr{Kind: ir.ExprConst, Data: make([]float32, (n+3)/4), Type: tensor.F32, Shape: tensor.Shape{(n + 3) / 4}, Rows: []int64{(n + 3) / 4}}, nil, 1)
}

// small reports whether a graph is cheap to run.
func small(g *ir.Graph) bool {
	if len(g.Nodes) > 64 {
		return false
	}
	for _, v := range g.Values() {
		for _, d := range v.Type.Shape {
			if d > 1<<12 {
				return false
			}
		}
	}
	for _, n := range g.Nodes {
		if n.Int("heads")*n.Int("head_dim") > 1<<12 {
			return false
		}
	}
	for _, w := range g.Weights {
		if n, err := weights.Size(w.Expr); err != nil || n > 1<<20 {
			return false
		}
	}
	return true
}

// FuzzGraph: a graph that Verify accepts, as a malformed bundle may hold, is
// fused, compiled and run, or refused with an error; nothing panics.
func FuzzGraph(f *testing.F) {
	ops, err := os.ReadFile("../ir/testdata/ops.ir")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(ops))
	f.Add(`graph g
input %0 x f32[S,32]
weight @w q8_0[32,32] = concat(tensor(a, q8_0[16,32]), tensor(b, q8_0[16,32]))
%1 a f32[S,16], %2 b f32[S,16] = matmul_group(%0, @w) {members=[16,16]}
%3 c f32[S,16] = boundary(%2) {name="c"}
output %1
output %3`)
	f.Add(`graph g
input %0 x f32[3,32]
state $s heads=2 k=16 v=16
%2 y f32[3,32] = attention(%0, %0, %0, $s) {head_dim=16, heads=2, kv_heads=2, scale=0.0}
output %2`)
	f.Fuzz(func(t *testing.T, text string) {
		g, err := ir.Parse(text)
		if err != nil || ir.Verify(g) != nil || !small(g) {
			return
		}
		graphs := []*ir.Graph{g}
		if fused, _, err := passes.Run(context.Background(), g, passes.Options{Target: target.CPU, Cuts: passes.Boundaries(g)}); err == nil {
			graphs = append(graphs, fused)
		}
		for _, g := range graphs {
			for _, b := range []backend.Backend{cpu.Backend{}, reference.Backend{}} {
				runOnce(b, g)
			}
		}
	})
}

// runOnce runs a graph on two rows; errors are fine.
func runOnce(b backend.Backend, g *ir.Graph) {
	dev, err := b.Open(zeros{}, backend.Options{Threads: 1})
	if err != nil {
		return
	}
	defer dev.Close()
	ex, err := dev.Compile("model", g, backend.Size{Tokens: 2, Rows: 2})
	if err != nil {
		return
	}
	st, err := dev.NewState(g.States, codec.Pair{K: codec.F16, V: codec.F32}, 4)
	if err != nil {
		return
	}
	var in, out []backend.Buffer
	for _, id := range g.Inputs {
		v := g.Value(id)
		rows := 2
		if d := v.Type.Shape[0]; d > 0 {
			rows = int(d)
		}
		buf, err := dev.NewBuffer(v.Type, max(rows, 2))
		if err != nil {
			return
		}
		if v.Type.Elem == ir.I32 {
			data := make([]int32, rows*buf.Cols())
			if len(data) == 2 && buf.Cols() == 1 {
				data[1] = 1 // may be rising rows
			}
			err = buf.SetInt32(data)
		} else {
			ones := make([]float32, rows*buf.Cols()) // may be scales
			for i := range ones {
				ones[i] = 1
			}
			err = buf.SetFloat32(ones)
		}
		if err != nil {
			return
		}
		in = append(in, buf)
	}
	for _, id := range g.Outputs {
		rows := 2
		if d := g.Value(id).Type.Shape[0]; d > 0 {
			rows = int(d)
		}
		buf, err := dev.NewBuffer(g.Value(id).Type, max(rows, 2))
		if err != nil {
			return
		}
		out = append(out, buf)
	}
	_ = ex.Run(context.Background(), []backend.Span{{State: st, Rows: 2, Want: []int32{1, 0}}}, in, out)
}

// Graphs like testdata/ops.ir with numbers, operands and types exchanged at
// random: those that Verify accepts run or are refused, and nothing panics.
func TestAlmostRightGraphs(t *testing.T) {
	data, err := os.ReadFile("../ir/testdata/ops.ir")
	if err != nil {
		t.Fatal(err)
	}
	n := 4000
	if *full {
		n = 400_000
	}
	number := regexp.MustCompile(`%?\d+`)
	lines := strings.Split(string(data), "\n")
	r := rand.New(rand.NewPCG(11, 12))
	accepted := 0
	for range n {
		c := slices.Clone(lines)
		for range 1 + r.IntN(3) {
			i := r.IntN(len(c))
			at := number.FindAllStringIndex(c[i], -1)
			if len(at) == 0 {
				continue
			}
			p := at[r.IntN(len(at))]
			c[i] = c[i][:p[0]] + other(r, c[i][p[0]:p[1]]) + c[i][p[1]:]
		}
		g, err := ir.Parse(strings.Join(c, "\n"))
		if err != nil || ir.Verify(g) != nil || !small(g) {
			continue
		}
		accepted++
		graphs := []*ir.Graph{g}
		if fused, _, err := passes.Run(context.Background(), g, passes.Options{Target: target.CPU, Cuts: passes.Boundaries(g)}); err == nil {
			graphs = append(graphs, fused)
		}
		for _, g := range graphs {
			runOnce(cpu.Backend{}, g)
			runOnce(reference.Backend{}, g)
		}
	}
	if accepted < n/50 {
		t.Errorf("%d of %d graphs are accepted: nothing is tested", accepted, n)
	}
}

// other is another number or another value.
func other(r *rand.Rand, s string) string {
	if s[0] == '%' {
		return "%" + strconv.Itoa(r.IntN(35))
	}
	return []string{"0", "1", "2", "3", "4", "8", "15", "16", "17", "31", "32", "33", "48", "64", "96", "1024", "9223372036854775807"}[r.IntN(17)]
}
