package target

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
)

// Supports reports, as an error that names what is missing, why the target
// cannot execute node n of the verified graph g: its op, an activation it
// applies, the layout or element of a value, the type or form of a weight. No
// error means that there is a kernel.
func (t *Target) Supports(g *ir.Graph, n *ir.Node) error {
	r, op := t.row(n.Op), n.Row()
	if r == nil {
		return fmt.Errorf("target %s has no kernel for op %q", t.Name, n.Op)
	}
	if op.Applies != "" {
		if act := n.Str(op.Applies); !t.Executes(ir.OpName(act)) {
			return fmt.Errorf("target %s has no activation %q", t.Name, act)
		}
	}
	for i, v := range n.In {
		if x := g.Value(v); x.Layout != ir.Plain && (x.Layout != ir.C4 || i >= 32 || r.C4In&(1<<i) == 0) {
			return fmt.Errorf("target %s has no kernel that reads %s as %s", t.Name, x.Name, x.Layout)
		}
	}
	for i, v := range n.Out {
		if x := g.Value(v); x.Layout != ir.Plain && (x.Layout != ir.C4 || !t.CanWriteC4(n.Op, i)) {
			return fmt.Errorf("target %s has no kernel that writes %s as %s", t.Name, x.Name, x.Layout)
		}
	}
	for i, name := range n.Weights {
		if err := t.reads(g.Weight(name), op.ReadAs(i), g.Value(n.In[0])); err != nil {
			return fmt.Errorf("target %s, weight %s: %w", t.Name, name, err)
		}
	}
	return nil
}

// reads reports why w cannot be read as r, for a matrix with activations x.
func (t *Target) reads(w *ir.Weight, r ir.Read, x *ir.Value) error {
	switch r {
	case ir.Vector: // the shape rules take floats only
		return nil
	case ir.Gather:
		if !t.CanGather(w.Type, w.Form) {
			return fmt.Errorf("no kernel gathers rows of %s in form %s", w.Type, w.Form)
		}
		return nil
	case ir.Matrix:
		return t.multiplies(w, x)
	}
	return fmt.Errorf("unknown way %d to read a weight", r)
}

func (t *Target) multiplies(w *ir.Weight, x *ir.Value) error {
	row, ok := t.Matmul(w.Type)
	switch {
	case !ok || w.Form != ir.Rows && w.Form != row.Form:
		return fmt.Errorf("no kernel for %s in form %s", w.Type, w.Form)
	case x.Layout != ir.Plain && x.Layout != row.Input:
		return fmt.Errorf("no kernel for %s with activations in layout %s", w.Type, x.Layout)
	case x.Type.Scheme != "" && (x.Type.Scheme != row.Scheme || w.Shape.Last()%row.KMod != 0):
		return fmt.Errorf("no kernel for %s with K = %d and activations of scheme %s", w.Type, w.Shape.Last(), x.Type.Scheme)
	}
	return nil
}
