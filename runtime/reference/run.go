package reference

import (
	"context"
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Run is over when it returns.
func (e *executable) Run(ctx context.Context, batch []backend.Span, in, out []backend.Buffer) error {
	err := e.run(ctx, batch, in, out)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("segment %s: %w", e.segment, err)
	}
	return err
}

// run leaves the states at their old lengths when it fails.
func (e *executable) run(ctx context.Context, batch []backend.Span, in, out []backend.Buffer) error {
	r, err := e.bind(batch)
	if err != nil {
		return err
	}
	vals, err := e.values(r, in, out)
	if err != nil {
		return err
	}
	if err = e.evalAll(ctx, vals, r); err == nil {
		err = e.deliver(vals, out)
	}
	if err != nil {
		r.undo(e.g.States)
	}
	return err
}

// values checks the buffers and returns the values of the inputs.
func (e *executable) values(r *run, in, out []backend.Buffer) ([]value, error) {
	if len(in) != len(e.g.Inputs) || len(out) != len(e.g.Outputs) {
		return nil, fmt.Errorf("%d inputs and %d outputs, want %d and %d", len(in), len(out), len(e.g.Inputs), len(e.g.Outputs))
	}
	vals := make([]value, e.g.NumValues())
	sizes := map[ir.Dim]int{ir.S: len(r.pos), ir.R: len(r.want)}
	for i, id := range e.g.Inputs {
		b, v := holding(in[i], e.g.Value(id)), e.g.Value(id)
		switch {
		case b == nil:
			return nil, fmt.Errorf("input %s: the buffer does not hold %s", v.Name, v.Type)
		case b.max < 0:
			return nil, fmt.Errorf("input %s: the buffer: %w", v.Name, backend.ErrClosed)
		}
		rows := v.Type.Shape[0]
		n, known := sizes[rows]
		switch {
		case known && n != b.Rows() || !rows.Symbolic() && b.Rows() != int(rows):
			return nil, fmt.Errorf("input %s: %d rows, want %d", v.Name, b.Rows(), max(n, int(rows)))
		}
		sizes[rows] = b.Rows()
		vals[id] = value{f: b.f, i: b.i, cols: b.cols}
	}
	for i, id := range e.g.Outputs {
		v := e.g.Value(id)
		switch b := holding(out[i], v); {
		case b == nil:
			return nil, fmt.Errorf("output %s: the buffer does not hold %s", v.Name, v.Type)
		case b.max < 0:
			return nil, fmt.Errorf("output %s: the buffer: %w", v.Name, backend.ErrClosed)
		}
	}
	return vals, nil
}

// holding is b as a buffer for values like v, or nil.
func holding(b backend.Buffer, v *ir.Value) *buffer {
	x, ok := b.(*buffer)
	if cols := v.Type.Shape[1:]; !ok || x.elem != v.Type.Elem || len(cols) == 1 && x.cols != int(cols[0]) || len(cols) == 0 && x.cols != 1 {
		return nil
	}
	return x
}

func (e *executable) evalAll(ctx context.Context, vals []value, r *run) error {
	for _, n := range e.g.Nodes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := e.eval(n, vals, r); err != nil {
			return fmt.Errorf("%s (%s): %w", n.Op, e.g.Value(n.Out[0]).Name, err)
		}
		for _, v := range n.Out {
			if val := e.g.Value(v); e.d.trace != nil && val.Type.Elem != ir.I32 {
				e.d.trace(val, vals[v].rows(), narrow(vals[v].f))
			}
		}
	}
	return nil
}

// deliver puts the results into the buffers.
func (e *executable) deliver(vals []value, out []backend.Buffer) error {
	for i, id := range e.g.Outputs {
		b, v := out[i].(*buffer), vals[id]
		if v.rows() > b.max {
			return fmt.Errorf("output %s: %d rows in a buffer for %d", e.g.Value(id).Name, v.rows(), b.max)
		}
	}
	for i, id := range e.g.Outputs {
		b := out[i].(*buffer)
		b.f, b.i = vals[id].f, vals[id].i
	}
	return nil
}
