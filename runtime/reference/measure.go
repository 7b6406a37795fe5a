package reference

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Measure counts what is alive at most: every number is a float64, weights are copied,
// and all values of a run are kept until its end. What a run leaves for the collector
// comes on top: with Go's default up to as much again.
func (Backend) Measure(_ backend.Weights, _ backend.Options, l backend.Load) (f backend.Footprint, err error) {
	if l.Sessions < 1 || l.Positions < 0 {
		return f, fmt.Errorf("%d sessions of %d positions", l.Sessions, l.Positions)
	}
	one := int64(0)
	for _, s := range l.Segments {
		if err := checkSize(l.Max); err != nil {
			return f, fmt.Errorf("segment %s: %w", s.Name, err)
		}
		g, err := expanded(s.Graph)
		if err != nil {
			return f, fmt.Errorf("segment %s: %w", s.Name, err)
		}
		for _, w := range g.Weights {
			n, err := w.Shape.Elements()
			if err == nil {
				n, err = backend.Times(8, n)
			}
			if err == nil {
				f.Copies, err = backend.Add(f.Copies, n)
			}
			if err != nil {
				return f, fmt.Errorf("segment %s: weight %s: %w", s.Name, w.Name, err)
			}
		}
		values := int64(0)
		for _, v := range g.Values() {
			n, err := valueBytes(v.Type, rowsOf(v.Type, l.Max))
			if err == nil {
				values, err = backend.Add(values, n)
			}
			if err != nil {
				return f, fmt.Errorf("segment %s: %s: %w", s.Name, v.Name, err)
			}
		}
		f.Arena = max(f.Arena, values)
		for _, sp := range g.States {
			y, err := newLayer(sp)
			if err != nil {
				return f, fmt.Errorf("state %s: %w", sp.Name, err)
			}
			n, err := backend.Times(l.Positions, 8*int64(y.heads)*int64(y.kdim+y.vkept))
			if err == nil {
				one, err = backend.Add(one, n)
			}
			if err != nil {
				return f, fmt.Errorf("state %s: %w", sp.Name, err)
			}
		}
	}
	for _, b := range l.Buffers {
		n, err := valueBytes(b.Type, b.Rows)
		if err == nil {
			f.Buffers, err = backend.Add(f.Buffers, n)
		}
		if err != nil {
			return f, err
		}
	}
	if f.States, err = backend.Times(l.Sessions, one); err == nil {
		f.Growth = one // a state that grows is copied
	}
	return f, err
}

// rowsOf is the rows of a value in the largest batch.
func rowsOf(t ir.Type, max backend.Size) int {
	switch d := t.Shape[0]; d {
	case ir.S:
		return max.Tokens
	case ir.R:
		return max.Rows
	case ir.A, ir.M:
		return 0
	default:
		return int(d)
	}
}

// valueBytes is what rows of a value take.
func valueBytes(t ir.Type, rows int) (int64, error) {
	cols := int64(1)
	if len(t.Shape) == 2 {
		cols = int64(t.Shape[1])
	}
	each := int64(8)
	if t.Elem == ir.I32 {
		each = 4
	}
	if cols <= 0 || cols > maxElems {
		return 0, fmt.Errorf("%s has %d columns", t, cols)
	}
	return backend.Times(rows, each*cols)
}
