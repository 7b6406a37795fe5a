package cpu

import (
	"context"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// newPlan plans the conversion of a committed checkpoint.
func newPlan(t testing.TB, name, typ string, o convert.Options) *convert.Plan {
	t.Helper()
	q, err := quant.ParseRecipe(typ)
	if err != nil {
		t.Fatal(err)
	}
	o.Type = q
	ck, err := checkpoint.Open(testutil.Model(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	p, err := convert.NewPlan(context.Background(), ck, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// program converts a committed checkpoint in memory.
func program(t testing.TB, name, typ string, o convert.Options) *runtime.Program {
	t.Helper()
	return newPlan(t, name, typ, o).Program(2)
}

// uncut is the graph of a checkpoint as built, in one piece.
func uncut(t testing.TB, name string) *runtime.Program {
	t.Helper()
	plan := newPlan(t, name, "keep", convert.Options{})
	p := plan.Program(2)
	p.Segments = []ir.Segment{{Name: "model", Kind: ir.KindModel, Graph: plan.Model.Graph}}
	return p
}

// testPrograms has every op but gelu_tanh: plain and rewritten, with and
// without biases and q/k norms, float and quantised.
func testPrograms(t testing.TB) []*runtime.Program {
	return []*runtime.Program{
		uncut(t, "qwen2-f32"),
		uncut(t, "qwen3-bf16-sharded"),
		program(t, "qwen2-f32", "keep", convert.Options{}),
		program(t, "war-and-peace", "q8_0", convert.Options{}),
		program(t, "war-and-peace", "q8_0", convert.Options{Disable: []string{"propagate-layout"}}),
		program(t, "war-and-peace", "q8_0", convert.Options{Disable: []string{"fuse-quantize"}}),
	}
}

func openDevice(t testing.TB, p *runtime.Program) *device {
	t.Helper()
	d, err := Backend{}.Open(p.Weights, backend.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d.(*device)
}

func newModel(t testing.TB, p *runtime.Program, o runtime.Options) *runtime.Model {
	t.Helper()
	o.Backend = Backend{}
	m, err := runtime.New(p, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func newSession(t testing.TB, m *runtime.Model) *runtime.Session {
	t.Helper()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type irSegment = ir.Segment

// buffersOf makes the buffers of an executable.
func buffersOf(t testing.TB, d *device, e *executable, rows int) (in, out []backend.Buffer) {
	t.Helper()
	for i, id := range slices.Concat(e.g.Inputs, e.g.Outputs) {
		b, err := d.NewBuffer(e.g.Value(id).Type, rows)
		if err != nil {
			t.Fatal(err)
		}
		if i < len(e.g.Inputs) {
			in = append(in, b)
		} else {
			out = append(out, b)
		}
	}
	return in, out
}

// size is a batch of n tokens that may all be wanted.
func size(n int) backend.Size { return backend.Size{Tokens: n, Rows: n} }

// oneSpan is a batch of n tokens of st.
func oneSpan(st backend.State, n int) []backend.Span { return []backend.Span{{State: st, Rows: n}} }

// stepOne appends ids to one session and asks for rows.
func stepOne(ctx context.Context, s *runtime.Session, ids, rows []int32) error {
	var want []runtime.Row
	for _, r := range rows {
		want = append(want, runtime.Row{At: r})
	}
	_, err := s.Step(ctx, ids, want)
	return err
}

// setBuffers fills inputs for n tokens with small numbers.
func setBuffers(t testing.TB, e *executable, in []backend.Buffer, n int) {
	t.Helper()
	for i, id := range e.g.Inputs {
		v := e.g.Value(id)
		var err error
		if v.Type.Elem == ir.F32 {
			f := make([]float32, n*in[i].Cols())
			for j := range f {
				f[j] = float32(j%13-6) / 8
			}
			err = in[i].SetFloat32(f)
		} else {
			err = in[i].SetInt32(make([]int32, n))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
