package format

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/format/tesserapb"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// A weight of the first target's graphs is stored under its name. A weight of
// another target's graphs is a view: rows of stored weights one after another,
// in a form. So a bundle for several targets stores every weight once.

// encodeView writes the expression of a view, whose leaves are stored weights.
func encodeView(w *ir.Weight, to *tesserapb.Weight) error {
	if w.Kind == ir.ExprStored && w.Expr.Name == w.Name {
		return nil
	}
	to.Form = w.Form.String()
	for _, r := range w.Expr.Runs() {
		if r.Leaf.Kind != ir.ExprStored {
			return fmt.Errorf("weight %s: a view of %s %s, want stored weights", w.Name, r.Leaf.Kind, r.Leaf.Name)
		}
		to.Parts = append(to.Parts, &tesserapb.Part{Stored: r.Leaf.Name, Lo: r.Lo, Hi: r.Hi})
	}
	return nil
}

// What the views of one graph may ask for, so that a small file cannot make
// more weights than its bundle holds, nor walk them for hours.
const (
	maxTaken    = 4       // times that every row of a stored weight is taken, on average
	maxPartWork = 1 << 25 // parts, each with the members of its stored weight
)

// viewBudget adds up what the views of a graph take.
type viewBudget struct {
	taken map[string]int64 // rows by stored weight
	work  int64
}

// take accounts for rows [lo, hi) of leaf.
func (b *viewBudget) take(leaf *ir.Expr, lo, hi int64) error {
	n := int64(0)
	if len(leaf.Shape) > 0 {
		n = leaf.Shape[0]
	}
	if lo < 0 || hi <= lo || hi > n {
		return fmt.Errorf("rows [%d, %d) of %.60q, which has %d", lo, hi, leaf.Name, n)
	}
	if b.taken[leaf.Name] += hi - lo; (b.taken[leaf.Name]-1)/maxTaken >= n {
		return fmt.Errorf("the views of the graph take the %d rows of %.60q more than %d times", n, leaf.Name, maxTaken)
	}
	if b.work += 1 + int64(len(leaf.Rows)); b.work > maxPartWork {
		return fmt.Errorf("the views of the graph have more parts and members than %d", maxPartWork)
	}
	return nil
}

// weightExpr is the expression of a weight of a .seg file over stored weights.
func weightExpr(w *tesserapb.Weight, stored func(name string) (*ir.Expr, error), budget *viewBudget) (*ir.Expr, error) {
	if len(w.Parts) == 0 {
		if w.Form != "" {
			return nil, fmt.Errorf("weight %.60q has form %.20q and no parts", w.Name, w.Form)
		}
		return stored(w.Name)
	}
	form, err := tensor.ParseForm(w.Form)
	if err != nil {
		return nil, fmt.Errorf("weight %.60q: %w", w.Name, err)
	}
	runs := make([]ir.Run, len(w.Parts))
	for i, p := range w.Parts {
		leaf, err := stored(p.Stored)
		if err != nil {
			return nil, fmt.Errorf("weight %.60q: %w", w.Name, err)
		}
		if err := budget.take(leaf, p.Lo, p.Hi); err != nil {
			return nil, fmt.Errorf("weight %.60q: %w", w.Name, err)
		}
		runs[i] = ir.Run{Leaf: leaf, Lo: p.Lo, Hi: p.Hi}
	}
	e, err := ViewExpr(form, runs)
	if err != nil {
		return nil, fmt.Errorf("weight %.60q: %w", w.Name, err)
	}
	return e, nil
}

// ViewExpr is the view of runs of stored weights in a form. A single run of
// whole members that has the form already is a run of the stored bytes.
func ViewExpr(form tensor.Form, runs []ir.Run) (*ir.Expr, error) {
	var parts []*ir.Expr
	for _, r := range runs {
		e, err := cut(r)
		if len(runs) == 1 && form == r.Leaf.Form && err == nil {
			return e, nil
		}
		if r.Leaf, err = ir.PackAs(r.Leaf, tensor.FormRows); err != nil {
			return nil, err
		}
		if e, err = cut(r); err != nil { // rows are cut anywhere, panels are not
			return nil, err
		}
		parts = append(parts, e)
	}
	e := parts[0]
	if len(parts) > 1 {
		var err error
		if e, err = ir.Concat(parts...); err != nil {
			return nil, err
		}
	}
	return ir.PackAs(e, form)
}

func cut(r ir.Run) (*ir.Expr, error) {
	if len(r.Leaf.Shape) > 0 && r.Lo == 0 && r.Hi == r.Leaf.Shape[0] {
		return r.Leaf, nil
	}
	return ir.Slice(r.Leaf, r.Lo, r.Hi)
}
