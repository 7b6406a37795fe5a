package cpu

import (
	"reflect"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// TestTier: every task that has a tier gets the device's; a zero one would run
// the generic kernels, right and slow.
func TestTier(t *testing.T) {
	best, err := kernel.Best()
	if err != nil {
		t.Fatal(err)
	}
	if best == kernel.Generic {
		t.Skip("this machine has the generic tier only")
	}
	seen := map[ir.OpName]bool{}
	for _, p := range append(testPrograms(t), convolution(t)) {
		d := openDevice(t, p)
		for _, s := range p.Segments {
			e, err := d.compile(s.Name, s.Graph, size(8))
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range e.steps {
				seen[step.node.Op] = true
				for _, task := range step.tasks {
					v := reflect.ValueOf(task).Elem()
					if f := v.FieldByName("Tier"); f.IsValid() && f.Interface() != any(best) {
						t.Errorf("%s: %T has tier %v, the device %v", step.node.Op, task, f.Interface(), best)
					}
				}
			}
		}
	}
	for _, op := range ir.Ops() {
		if !seen[op.Name] && !op.Activation {
			t.Errorf("no test program has op %s", op.Name)
		}
	}
}

// convolution is a program with the op that no family has.
func convolution(t testing.TB) *runtime.Program {
	t.Helper()
	g, err := ir.Parse(`graph convolution
input %0 tokens i32[S]
state $conv.0 kind=recurrent base=96 row=32
weight @embd f32[40,32] = stored(embd, f32[40,32], rows, [40])
weight @taps f32[32,4] = stored(taps, f32[32,4], rows, [32])
%1 x f32[S,32] = embedding(%0, @embd)
%2 y f32[S,32] = causal_conv(%1, @taps, $conv.0)
output %2
`)
	if err != nil {
		t.Fatal(err)
	}
	return &runtime.Program{Segments: []ir.Segment{{Name: "model", Kind: ir.KindModel, Graph: g}}, Weights: zeros{}}
}

// TestConvolutionAllocates: decoding a recurrent state allocates nothing, over the
// ends of its chunks too.
func TestConvolutionAllocates(t *testing.T) {
	for _, threads := range []int{1, 2} {
		m := newModel(t, convolution(t), runtime.Options{Threads: threads, MaxChunk: 8, Context: 4096})
		s := newSession(t, m)
		ctx, token := t.Context(), []int32{7}
		one := func() {
			if _, err := s.Step(ctx, token, nil); err != nil {
				t.Fatal(err)
			}
		}
		for range 64 * 20 {
			one()
		}
		if n := testing.AllocsPerRun(200, one); n > 0 {
			t.Errorf("%d threads: %v allocations per token", threads, n)
		}
	}
}
