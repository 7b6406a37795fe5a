package cpu

import (
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// compileCausalConv lays the weight out tap by tap, as the kernel reads it.
func compileCausalConv(e *executable, n *ir.Node) (step, error) {
	w, err := e.vector(n.Weights[0])
	if err != nil {
		return step{}, err
	}
	shape := e.g.Weight(n.Weights[0]).Shape
	c, k := int(shape[0]), int(shape[1])
	t := &kernel.CausalConv{K: k, Weight: alignedF32(len(w))}
	for i := range w { // [c, k]
		t.Weight[i%k*c+i/k] = w[i]
	}
	return one(t, func(r *run) error {
		t.Spans = t.Spans[:0]
		for i := range r.spans {
			s := &r.spans[i]
			t.Spans = append(t.Spans, kernel.RecurrentSpan{State: s.st.recurrent(n.States[0]), Start: s.start, Rows: s.rows})
		}
		t.X, t.Out = r.acts[n.In[0]], r.acts[n.Out[0]]
		return nil
	}), nil
}
