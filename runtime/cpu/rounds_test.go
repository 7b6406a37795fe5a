package cpu

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// twoLayers writes its results through c4, so that spans share tiles.
const twoLayers = `graph g
input %0 q f32[S,64]
input %1 k f32[S,32]
input %2 v f32[S,32]
state $kv.0 heads=2 k=16 v=16
state $kv.1 heads=2 k=16 v=16 window=600
%3 a f32[S,64] c4 = attention(%0, %1, %2, $kv.0) {head_dim=16, heads=4, kv_heads=2, scale=0.25}
%4 b f32[S,64] = relayout(%3) {to="plain"}
%5 c f32[S,64] = attention(%4, %2, %1, $kv.1) {head_dim=16, heads=4, kv_heads=2, scale=0.25, window=600}
output %5
`

// oneState is a state that both layers read, of one head whose v is part of k.
const oneState = `graph g
input %0 q f32[S,128]
input %1 k f32[S,32]
state $kv.0 heads=1 k=32 v=16 of=k
%3 a f32[S,64] c4 = attention(%0, %1, $kv.0) {head_dim=32, heads=4, kv_heads=1, scale=0.25}
%4 b f32[S,64] = relayout(%3) {to="plain"}
%5 c f32[S,64] = attention(%0, $kv.0) {head_dim=32, heads=4, kv_heads=1, scale=0.125, window=600}
%6 d f32[S,64] = add(%4, %5)
output %6
`

// TestPartialRounds: a batch whose partial results are more than the budget runs
// in rounds of one, two and more spans: the same bits, never more memory than the
// budget, on one device for all its executables, and nothing allocated.
func TestPartialRounds(t *testing.T) {
	for _, text := range []string{twoLayers, oneState} {
		g, err := ir.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		partialRounds(t, g)
	}
}

func partialRounds(t *testing.T, g *ir.Graph) {
	lens := []int{300, 600, 10, 1000, 520, 400}
	rows := []int{1, 2, 1, 1, 3, 4}
	// A partial result takes 32 floats; 4 heads, by queries and chunks: 8, 24, 0,
	// 16, 36 and 32 of them, and less behind a window.
	const one = 4 * 32
	var want []float32
	most := map[int]bool{}
	for _, budget := range []int64{0, one * 116, one * 84, one * 64, one * 36, one * 24, one * 16, one*8 - 1, 4} {
		for _, threads := range []int{1, 2} {
			opened, err := Backend{}.Open(scattered{}, backend.Options{Threads: threads, PartialBytes: budget})
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			d := opened.(*device)
			e, err := d.compile("g", g, size(1024))
			if err != nil {
				t.Fatal(err)
			}
			in, out := buffersOf(t, d, e, 1024)
			var batch []backend.Span
			for i, n := range lens {
				st, err := d.NewState(g.States, codec.Pair{K: codec.F16, V: codec.F16}, 2048)
				if err != nil {
					t.Fatal(err)
				}
				defer st.Close()
				setBuffers(t, e, in, n)
				if err := e.Run(context.Background(), oneSpan(st, n), in, out); err != nil {
					t.Fatal(err)
				}
				st.Trim()
				batch = append(batch, backend.Span{State: st, Rows: rows[i]})
			}
			setBuffers(t, e, in, 12)
			step := func() {
				if err := e.Run(context.Background(), batch, in, out); err != nil {
					t.Fatal(err)
				}
				for i := range batch {
					if err := batch[i].State.Truncate(lens[i]); err != nil {
						t.Fatal(err)
					}
				}
			}
			step()
			got, err := out[0].Float32(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = slices.Clone(got)
			}
			for i := range want {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
					t.Fatalf("budget %d, %d threads: result %d is %v, want %v", budget, threads, i, got[i], want[i])
				}
			}
			most[e.rounds()] = true
			if n := testing.AllocsPerRun(20, step); n > 0 {
				t.Errorf("budget %d, %d threads, %d rounds: %v allocations", budget, threads, e.rounds(), n)
			}
			if n := e.Stats().Partials; budget > 0 && n > budget || budget == 0 && n == 0 {
				t.Errorf("budget %d: partial results take %d bytes", budget, n)
			}
			e.byNodes(t, batch, in, out, want)
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, n := range []int{1, 2, 3, 4} {
		if !most[n] {
			t.Errorf("no budget took %d rounds, some took %v", n, most)
		}
	}
}

// byNodes runs the batch node by node, as with a trace.
func (e *executable) byNodes(t *testing.T, batch []backend.Span, in, out []backend.Buffer, want []float32) {
	t.Helper()
	e.d.timing = func(backend.NodeTime) {}
	if err := e.Run(context.Background(), batch, in, out); err != nil {
		t.Fatal(err)
	}
	if got, err := out[0].Float32(context.Background()); err != nil || !slices.Equal(got, want) {
		t.Errorf("node by node: other bits, %v", err)
	}
}
