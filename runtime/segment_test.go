package runtime_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/internal/testutil"
	"github.com/tessera-llm/tessera/pkg/checkpoint"
	"github.com/tessera-llm/tessera/pkg/convert"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu"
)

func tinyProgram(t testing.TB, o convert.Options) *runtime.Program {
	t.Helper()
	ck, err := checkpoint.Open(testutil.Model("qwen3-f32-tied"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ck.Close() })
	plan, err := convert.NewPlan(context.Background(), ck, o)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Program(1)
}

var walk = []int32{5, 200, 17, 3, 90, 41, 8, 255, 0, 1, 2}

// TestSegments runs the segments one by one, the state handed over by Save and
// Load, and wants the bits of a session.
func TestSegments(t *testing.T) {
	for _, o := range []convert.Options{{DecoderParts: 2}, {Type: quant.Q8_0}} {
		p := tinyProgram(t, o)
		m, err := runtime.New(p, runtime.Options{Backend: cpu.Backend{}, Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		s, err := m.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		var want, got []float32
		if err := s.Logits(t.Context(), walk, func(_ int, l []float32) error { want = append(want, l...); return nil }); err != nil {
			t.Fatal(err)
		}
		m.Close()
		saved := map[string][]backend.StateData{}
		for at, n := 0, 6; at < len(walk); at, n = at+n, 1 {
			all := map[string]runtime.Array{"tokens": {Shape: []int{n}, I32: walk[at : at+n]}}
			for _, seg := range p.Segments {
				r, err := runtime.NewSegment(p, seg.Name, runtime.Options{Backend: cpu.Backend{}, Threads: 1, MaxChunk: n})
				if err != nil {
					t.Fatal(err)
				}
				if r.State() != nil && at > 0 {
					if err := r.State().Load(saved[seg.Name]); err != nil {
						t.Fatal(err)
					}
				}
				out, err := r.Run(t.Context(), inputsOf(seg.Graph, all), []int32{0, 1, 2, 3, 4, 5}[:n])
				if err != nil {
					t.Fatal(err)
				}
				for name, a := range out {
					all[name] = a
				}
				if r.State() != nil {
					if saved[seg.Name], err = r.State().Save(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
			}
			got = append(got, all["logits"].F32...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: segments one by one differ from a session", o)
		}
	}
}

// inputsOf picks the inputs of g; those with defaults are left out.
func inputsOf(g *ir.Graph, all map[string]runtime.Array) map[string]runtime.Array {
	in := map[string]runtime.Array{}
	for _, id := range g.Inputs {
		if a, ok := all[g.Value(id).Name]; ok {
			in[g.Value(id).Name] = a
		}
	}
	return in
}

func TestSegmentRefuses(t *testing.T) {
	p := tinyProgram(t, convert.Options{})
	if _, err := runtime.NewSegment(p, "decoder-1", runtime.Options{Backend: cpu.Backend{}}); err == nil || !strings.Contains(err.Error(), "embed, decoder-0, logit, topk") {
		t.Errorf("unknown segment: %v", err)
	}
	if _, err := runtime.NewSegment(p, "embed", runtime.Options{}); err == nil {
		t.Error("no backend: accepted")
	}
	s, err := runtime.NewSegment(p, "logit", runtime.Options{Backend: cpu.Backend{}, MaxChunk: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	hidden := func(rows int) runtime.Array {
		return runtime.Array{Shape: []int{rows, 64}, F32: make([]float32, rows*64)}
	}
	for want, in := range map[string]map[string]runtime.Array{
		"needs input layer.1": {},
		"no input \"x\"":      {"layer.1": hidden(1), "x": hidden(1)},
		"want f32[S,64]":      {"layer.1": {Shape: []int{64}, F32: make([]float32, 64)}},
		"i32[1 64]":           {"layer.1": {Shape: []int{1, 64}, I32: make([]int32, 64)}},
		"for 2":               {"layer.1": hidden(3)},
		"63 f32":              {"layer.1": {Shape: []int{1, 64}, F32: make([]float32, 63)}},
	} {
		if out, err := s.Run(t.Context(), in, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v, want %q", out, err, want)
		}
	}
	for _, row := range []int32{2, -1} {
		if out, err := s.Run(t.Context(), map[string]runtime.Array{"layer.1": hidden(2)}, []int32{row}); err == nil || !strings.Contains(err.Error(), "wanted row") {
			t.Errorf("row %d of two: %v, %v", row, out, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Run(ctx, map[string]runtime.Array{"layer.1": hidden(2)}, nil); err == nil {
		t.Error("a cancelled run returned outputs")
	}
	// Behind errors it still runs.
	if out, err := s.Run(t.Context(), map[string]runtime.Array{"layer.1": hidden(2)}, nil); err != nil || !slices.Equal(out["logits"].Shape, []int{1, 256}) {
		t.Errorf("%v, %v", out, err)
	}
}

// TestExtend: a session extended without logits goes on like any other.
func TestExtend(t *testing.T) {
	m, err := runtime.New(tinyProgram(t, convert.Options{}), runtime.Options{Backend: cpu.Backend{}, Threads: 1, MaxChunk: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	last := func(extend int) []float32 {
		s, err := m.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Extend(t.Context(), walk[:extend]); err != nil {
			t.Fatal(err)
		}
		var row []float32
		if err := s.Logits(t.Context(), walk[extend:], func(_ int, l []float32) error { row = slices.Clone(l); return nil }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.IDs(), walk) {
			t.Errorf("the session holds %v", s.IDs())
		}
		return row
	}
	if !slices.Equal(last(0), last(7)) {
		t.Error("logits differ")
	}
}

// TestTiming: every node of every segment is timed, in order, once per call.
func TestTiming(t *testing.T) {
	p := tinyProgram(t, convert.Options{})
	var times []backend.NodeTime
	m, err := runtime.New(p, runtime.Options{Backend: cpu.Backend{}, Threads: 1, Timing: func(n backend.NodeTime) { times = append(times, n) }})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	for call, ids := range [][]int32{walk[:5], walk[5:7]} {
		times = nil
		if _, err := s.Prefill(t.Context(), ids, nil); err != nil {
			t.Fatal(err)
		}
		i := 0
		for _, seg := range p.Segments {
			for _, n := range seg.Graph.Nodes {
				if i >= len(times) || times[i].Node != n || times[i].Segment != seg.Name || times[i].Took < 0 {
					t.Fatalf("call %d: time %d is not that of %s in %s", call, i, n.Op, seg.Name)
				}
				if n.Base() == "attention" && (times[i].Rows != len(ids) || len(times[i].Spans) != 1 || times[i].Spans[0] != (backend.Range{Start: 5 * call, Rows: len(ids)})) {
					t.Errorf("call %d: attention over %d rows, spans %v", call, times[i].Rows, times[i].Spans)
				}
				i++
			}
		}
		if i != len(times) {
			t.Errorf("call %d: %d times for %d nodes", call, len(times), i)
		}
	}
}
