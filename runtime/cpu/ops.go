package cpu

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/quant"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

func decodeVector(t tensor.Type, dst []float32, src []byte) error { return quant.Decode(t, dst, src) }

func one(t kernel.Task, bind func(*run) error) step {
	return step{tasks: []kernel.Task{t}, bind: bind}
}

func compileEmbedding(e *executable, n *ir.Node) (step, error) {
	w, err := e.weight(n.Weights[0])
	if err != nil {
		return step{}, err
	}
	t := &kernel.Embedding{Tier: e.d.tier, W: w}
	vocab := w.N()
	return one(t, func(r *run) error {
		t.IDs, t.Out = r.ints[n.In[0]], r.acts[n.Out[0]]
		return inRange("token id", t.IDs, int(vocab))
	}), nil
}

func inRange(what string, ids []int32, n int) error {
	for i, id := range ids {
		if id < 0 || int(id) >= n {
			return fmt.Errorf("%s %d at position %d is outside 0..%d", what, id, i, n-1)
		}
	}
	return nil
}

func compileRMSNorm(e *executable, n *ir.Node) (step, error) {
	w, err := e.vector(n.Weights[0])
	if err != nil {
		return step{}, err
	}
	t := &kernel.RMSNorm{Tier: e.d.tier, Weight: w, Dim: int(n.Int("dim")), Eps: float32(n.Float("eps"))}
	return one(t, func(r *run) error {
		t.X, t.Out = r.acts[n.In[0]], r.acts[n.Out[0]]
		return nil
	}), nil
}

func compileAddRMSNorm(e *executable, n *ir.Node) (step, error) {
	w, err := e.vector(n.Weights[0])
	if err != nil {
		return step{}, err
	}
	t := &kernel.AddRMSNorm{Tier: e.d.tier, Weight: w, Dim: int(n.Int("dim")), Eps: float32(n.Float("eps"))}
	return one(t, func(r *run) error {
		t.A, t.B, t.Sum, t.Out = r.acts[n.In[0]], r.acts[n.In[1]], r.acts[n.Out[0]], r.acts[n.Out[1]]
		return nil
	}), nil
}

// compileMatmul serves matmul and matmul_group: a matmul is a group with one
// weight of one member.
func compileMatmul(e *executable, n *ir.Node) (step, error) {
	t := &kernel.MatmulGroup{Tier: e.d.tier, Members: make([]kernel.Matmul, len(n.Weights))}
	for i, name := range n.Weights {
		w, err := e.weight(name)
		if err != nil {
			return step{}, err
		}
		t.Members[i] = kernel.Matmul{W: w, Out: make([]kernel.Act, len(w.Rows))}
	}
	return one(t, func(r *run) error {
		out := 0
		for i := range t.Members {
			m := &t.Members[i]
			m.X = r.acts[n.In[0]]
			for j := range m.Out {
				m.Out[j] = r.acts[n.Out[out]]
				out++
			}
		}
		return nil
	}), nil
}

func compileAddBias(e *executable, n *ir.Node) (step, error) {
	b, err := e.vector(n.Weights[0])
	if err != nil {
		return step{}, err
	}
	t := &kernel.AddBias{Tier: e.d.tier, Bias: b}
	return one(t, func(r *run) error {
		t.X, t.Out = r.acts[n.In[0]], r.acts[n.Out[0]]
		return nil
	}), nil
}

func compileAdd(e *executable, n *ir.Node) (step, error) {
	t := &kernel.Add{Tier: e.d.tier}
	return one(t, func(r *run) error {
		t.A, t.B, t.Out = r.acts[n.In[0]], r.acts[n.In[1]], r.acts[n.Out[0]]
		return nil
	}), nil
}

func compileMul(e *executable, n *ir.Node) (step, error) {
	t := &kernel.Mul{Tier: e.d.tier}
	return one(t, func(r *run) error {
		t.A, t.B, t.Out = r.acts[n.In[0]], r.acts[n.In[1]], r.acts[n.Out[0]]
		return nil
	}), nil
}

// unary compiles the op that is an activation.
func unary(f *kernel.Activation) func(*executable, *ir.Node) (step, error) {
	return func(e *executable, n *ir.Node) (step, error) {
		t := &kernel.Unary{Tier: e.d.tier, F: f}
		return one(t, func(r *run) error {
			t.X, t.Out = r.acts[n.In[0]], r.acts[n.Out[0]]
			return nil
		}), nil
	}
}

func compileGatedAct(e *executable, n *ir.Node) (step, error) {
	act := n.Str(n.Row().Applies)
	f := methods[ir.OpName(act)].act
	if f == nil {
		return step{}, fmt.Errorf("the cpu has no activation %q", act)
	}
	t := &kernel.GatedAct{Tier: e.d.tier, F: f}
	return one(t, func(r *run) error {
		t.Gate, t.Up, t.Out = r.acts[n.In[0]], r.acts[n.In[1]], r.acts[n.Out[0]]
		return nil
	}), nil
}

func compileQuantizeAct(e *executable, n *ir.Node) (step, error) {
	t := &kernel.QuantizeAct{Tier: e.d.tier}
	return one(t, func(r *run) error {
		t.X, t.Out = r.acts[n.In[0]], r.acts[n.Out[0]]
		return nil
	}), nil
}

func compileRelayout(e *executable, n *ir.Node) (step, error) {
	t := &kernel.Relayout{}
	return one(t, func(r *run) error {
		t.X, t.Out = r.acts[n.In[0]], r.acts[n.Out[0]]
		return nil
	}), nil
}

// compileBoundary copies: a wall that was not cut keeps its values apart, so
// that a graph with walls runs like its segments.
func compileBoundary(e *executable, n *ir.Node) (step, error) {
	copies := make([]copyRows, len(n.In))
	s := step{tasks: make([]kernel.Task, len(n.In))}
	for i := range copies {
		s.tasks[i] = &copies[i]
	}
	s.bind = func(r *run) error {
		for i := range copies {
			copies[i].x, copies[i].out = r.acts[n.In[i]], r.acts[n.Out[i]]
		}
		return nil
	}
	return s, nil
}

func compileSelectRows(_ *executable, n *ir.Node) (step, error) {
	t := &kernel.SelectRows{}
	return one(t, func(r *run) error {
		t.X, t.Out, t.Rows = r.acts[n.In[0]], r.acts[n.Out[0]], r.want
		return nil
	}), nil
}

func compileTopK(e *executable, n *ir.Node) (step, error) {
	t := &kernel.TopK{Tier: e.d.tier, K: int(n.Int("k"))}
	return one(t, func(r *run) error {
		t.Logits = r.acts[n.In[0]]
		t.AdjRow, t.AdjIDs, t.AdjScale, t.AdjBias = r.ints[n.In[1]], r.ints[n.In[2]], r.acts[n.In[3]].F, r.acts[n.In[4]].F
		t.InvTemp, t.MaskRow, t.Mask = r.acts[n.In[5]].F, r.ints[n.In[6]], r.ints[n.In[7]]
		t.IDs, t.Vals, t.LSE, t.LSETemp = r.ints[n.Out[0]], r.acts[n.Out[1]].F, r.acts[n.Out[2]].F, r.acts[n.Out[3]].F
		return nil
	}), nil
}
