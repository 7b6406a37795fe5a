package backend

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/pack"
)

// Slices makes the weights of an expanded graph out of those of the graph it
// was expanded from: ir.Expand leaves slices of weights that w holds whole
// only. Everything else is handed through.
func Slices(w Weights, from *ir.Graph) Weights {
	s := &slices{w: w, whole: map[*ir.Expr]*ir.Weight{}}
	for _, o := range from.Weights {
		s.whole[o.Expr] = o
	}
	return s
}

type slices struct {
	w     Weights
	whole map[*ir.Expr]*ir.Weight
}

func (s *slices) Bytes(segment string, w *ir.Weight) ([]byte, error) {
	if w.Kind != ir.ExprSliceRows || s.whole[w.Expr] != nil {
		return s.w.Bytes(segment, w)
	}
	whole := s.whole[w.Args[0]]
	if whole == nil {
		return nil, fmt.Errorf("weight %s is a slice of no weight of segment %s", w.Name, segment)
	}
	data, err := s.w.Bytes(segment, whole)
	if err != nil {
		return nil, err
	}
	k := w.Shape.Last()
	if w.Form == ir.Rows {
		size, err := w.Type.RowBytes(k)
		if err != nil {
			return nil, err
		}
		return data[w.Lo*size : w.Hi*size], nil
	}
	var at int64
	for i, rows := range whole.Rows {
		if at == w.Lo && at+rows == w.Hi {
			return pack.Slice(data, w.Type, whole.Rows, k, i)
		}
		at += rows
	}
	return nil, fmt.Errorf("weight %s: rows %d to %d are no member of %s with members %v", w.Name, w.Lo, w.Hi, whole.Name, whole.Rows)
}
