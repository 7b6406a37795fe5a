package backend

import (
	"fmt"

	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
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

var _ Located = (*slices)(nil)

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
	f, err := pack.Of(w.Form)
	if err != nil {
		return nil, fmt.Errorf("weight %s: %w", w.Name, err)
	}
	off, size, err := f.Span(w.Type, whole.Rows, k, w.Lo, w.Hi)
	if err != nil {
		return nil, fmt.Errorf("weight %s, a slice of %s: %w", w.Name, whole.Name, err)
	}
	if off+size > int64(len(data)) {
		return nil, fmt.Errorf("weight %s ends at byte %d of the %d of %s", w.Name, off+size, len(data), whole.Name)
	}
	return data[off : off+size], nil
}

// Extent is the part of the whole weight's.
func (s *slices) Extent(segment string, w *ir.Weight) (tensor.Extent, bool) {
	if w.Kind != ir.ExprSliceRows || s.whole[w.Expr] != nil {
		return ExtentOf(s.w, segment, w)
	}
	whole := s.whole[w.Args[0]]
	if whole == nil {
		return tensor.Extent{}, false
	}
	e, ok := ExtentOf(s.w, segment, whole)
	if !ok {
		return tensor.Extent{}, false
	}
	part, err := s.Bytes(segment, w)
	if err != nil {
		return tensor.Extent{}, false
	}
	e.Offset, ok = mmap.Offset(e.Mapping, part)
	e.Length = int64(len(part))
	return e, ok
}
