package cpu

import (
	"context"
	"fmt"
	"time"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// run is what changes from call to call.
type run struct {
	s, r, a, m int // tokens, wanted rows, adjustments, masks; -1 until an input tells
	spans      []span
	ranges     []backend.Range // of the spans
	want       []int32         // wanted rows, counted through the batch
	acts       []kernel.Act    // by value, f32 and i8
	ints       [][]int32       // by value, i32
}

// span is a checked backend.Span.
type span struct {
	st          *state // nil without one
	start, rows int
}

// symbol is where the size of a symbolic dimension is kept; nil for a fixed one.
func (r *run) symbol(d ir.Dim) *int {
	switch d {
	case ir.S:
		return &r.s
	case ir.R:
		return &r.r
	case ir.A:
		return &r.a
	case ir.M:
		return &r.m
	}
	return nil
}

func (r *run) rows(d ir.Dim) int {
	if at := r.symbol(d); at != nil {
		return *at
	}
	return int(d)
}

// learn takes a symbol's size from an input with n rows.
func (r *run) learn(d ir.Dim, n int) error {
	switch at := r.symbol(d); {
	case at == nil:
		if int(d) != n {
			return fmt.Errorf("%d rows, want %v", n, d)
		}
	case *at < 0:
		*at = n
	case *at != n:
		return fmt.Errorf("%v is %d here and %d in the batch or another input", d, n, *at)
	}
	return nil
}

// Run is over when it returns.
func (e *executable) Run(ctx context.Context, batch []backend.Span, in, out []backend.Buffer) error {
	if err := e.run(ctx, batch, in, out); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("segment %s: %w", e.segment, err)
	}
	return nil
}

func (e *executable) run(ctx context.Context, batch []backend.Span, in, out []backend.Buffer) error {
	if e.steps == nil {
		return backend.ErrClosed
	}
	if len(in) != len(e.g.Inputs) || len(out) != len(e.g.Outputs) {
		return fmt.Errorf("%d inputs and %d outputs, want %d and %d", len(in), len(out), len(e.g.Inputs), len(e.g.Outputs))
	}
	if err := e.bindBatch(batch); err != nil {
		return err
	}
	if err := e.bindBuffers(in, out); err != nil {
		return err
	}
	for i := range e.r.spans {
		if s := &e.r.spans[i]; s.st != nil {
			if err := s.st.reserve(e.g.States, s.start+s.rows); err != nil {
				return e.r.spanError(i, err)
			}
		}
	}
	if err := e.execute(ctx); err != nil {
		return err
	}
	for _, s := range e.r.spans {
		if s.st != nil {
			s.st.extend(e.g.States, s.start+s.rows)
		}
	}
	return nil
}

// spanError names the span of a batch of several.
func (r *run) spanError(i int, err error) error {
	if len(r.spans) == 1 {
		return err
	}
	return fmt.Errorf("span %d: %w", i, err)
}

// bindBatch checks the spans and finds out where each starts.
func (e *executable) bindBatch(batch []backend.Span) error {
	r := &e.r
	r.s, r.r, r.a, r.m = 0, 0, -1, -1
	r.spans, r.ranges, r.want = r.spans[:0], r.ranges[:0], r.want[:0]
	e.d.runs++
	for i := range batch {
		b := &batch[i]
		s := span{rows: b.Rows}
		r.spans = append(r.spans, s)
		var err error
		if s.start, err = e.start(b); err != nil {
			return r.spanError(i, err)
		}
		s.st, _ = b.State.(*state)
		r.spans[i] = s
		r.ranges = append(r.ranges, backend.Range{Start: s.start, Rows: s.rows})
		for _, w := range b.Want {
			if w < 0 || int(w) >= b.Rows {
				return r.spanError(i, fmt.Errorf("wanted row %d is outside 0..%d", w, b.Rows-1))
			}
			r.want = append(r.want, int32(r.s)+w)
		}
		r.s += b.Rows
		r.r += len(b.Want)
		if r.s > e.max.Tokens || r.r > e.max.Rows {
			return fmt.Errorf("a batch of %d tokens or more that wants %d rows or more, in a segment compiled for %d and %d", r.s, r.r, e.max.Tokens, e.max.Rows)
		}
	}
	if len(batch) == 0 {
		return fmt.Errorf("an empty batch")
	}
	return nil
}

// start is the position of a span's first token.
func (e *executable) start(b *backend.Span) (int, error) {
	if b.Rows < 1 {
		return 0, fmt.Errorf("a span of %d tokens", b.Rows)
	}
	if b.State == nil {
		if len(e.g.States) > 0 {
			return 0, fmt.Errorf("the segment has states, the span has none")
		}
		return 0, nil
	}
	st, ok := b.State.(*state)
	switch {
	case !ok:
		return 0, fmt.Errorf("a state of another backend")
	case st.list == nil:
		return 0, fmt.Errorf("the state: %w", backend.ErrClosed)
	case st.run == e.d.runs && st.d == e.d:
		return 0, fmt.Errorf("the state stands in the batch twice")
	case st.d != e.d:
		return 0, fmt.Errorf("a state of another device")
	}
	st.run = e.d.runs
	return st.start(e.g.States)
}

func (e *executable) execute(ctx context.Context) error {
	if err := e.prepare(); err != nil {
		return err
	}
	defer e.giveBack()
	switch {
	case e.d.trace != nil || e.d.timing != nil:
		return e.stepwise(ctx)
	case e.rounds() > 1:
		return e.byStretches(ctx)
	}
	return e.d.pool.run(ctx, e.work)
}

// bindBuffers learns A and M from the inputs and views every value.
func (e *executable) bindBuffers(in, out []backend.Buffer) error {
	r := &e.r
	for i, v := range e.g.Inputs {
		b, ok := in[i].(*buffer)
		p := &e.places[v]
		if !ok || b.elem != p.v.Type.Elem || b.cols != p.cols {
			return fmt.Errorf("input %s: the buffer does not hold %s", p.v.Name, p.v.Type)
		}
		if b.closed {
			return fmt.Errorf("input %s: the buffer: %w", p.v.Name, backend.ErrClosed)
		}
		if err := r.learn(p.rows, b.rows); err != nil {
			return fmt.Errorf("input %s: %w", p.v.Name, err)
		}
	}
	for id := range e.places {
		p := &e.places[id]
		if p.v == nil {
			continue
		}
		rows := r.rows(p.rows)
		if rows < 0 {
			return fmt.Errorf("%s: no input tells %v", p.v.Name, p.rows)
		}
		if p.ext < 0 {
			mem := e.arena[p.off : p.off+p.size]
			if p.v.Type.Elem == ir.I32 {
				r.ints[id] = int32s(mem, rows*p.cols)
				continue
			}
			var err error
			if r.acts[id], err = kernel.View(mem, p.v.Type.Elem, p.v.Layout, rows, p.cols); err != nil {
				return fmt.Errorf("%s: %w", p.v.Name, err)
			}
			continue
		}
		b, err := e.external(p, in, out)
		if err != nil {
			return err
		}
		if err := b.setRows(rows); err != nil {
			return fmt.Errorf("%s: %w", p.v.Name, err)
		}
		if b.elem == ir.I32 {
			r.ints[id] = b.i[:rows*p.cols]
		} else {
			r.acts[id] = kernel.FromF32(b.f[:rows*p.cols], rows, p.cols)
		}
	}
	return nil
}

func (e *executable) external(p *place, in, out []backend.Buffer) (*buffer, error) {
	var x backend.Buffer
	if p.ext < len(in) {
		x = in[p.ext]
	} else {
		x = out[p.ext-len(in)]
	}
	b, ok := x.(*buffer)
	if !ok || b.elem != p.v.Type.Elem || b.cols != p.cols {
		return nil, fmt.Errorf("%s: the buffer does not hold %s", p.v.Name, p.v.Type)
	}
	if b.closed {
		return nil, fmt.Errorf("%s: the buffer: %w", p.v.Name, backend.ErrClosed)
	}
	return b, nil
}

// prepare binds every step and makes room for scratch and for the results that
// attentions keep for a while.
func (e *executable) prepare() error {
	scratch := 0
	for i := range e.steps {
		err := e.steps[i].bind(&e.r)
		for _, t := range e.steps[i].tasks {
			if err == nil {
				err = t.Prepare()
			}
			if err == nil {
				scratch = max(scratch, t.Scratch())
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", e.g.Value(e.steps[i].node.Out[0]).Name, err)
		}
	}
	e.d.pool.reserve(scratch)
	return e.give()
}

// stepwise runs node by node, times each and shows every f32 and i8 value, the
// latter dequantised.
func (e *executable) stepwise(ctx context.Context) error {
	for i := range e.steps {
		n := e.steps[i].node
		begin := time.Now()
		if err := e.steps[i].all.run(ctx, e.d.pool); err != nil {
			return err
		}
		if e.d.timing != nil {
			t := backend.NodeTime{Segment: e.segment, Graph: e.g, Node: n, Rows: e.r.rows(e.places[n.Out[0]].rows), Took: time.Since(begin)}
			if len(n.States) > 0 {
				t.Spans = e.r.ranges
			}
			e.d.timing(t)
		}
		if e.d.trace == nil {
			continue
		}
		for _, v := range n.Out {
			if val := e.g.Value(v); val.Type.Elem != ir.I32 {
				e.d.trace(val, e.r.acts[v].S, plainRows(&e.r.acts[v]))
			}
		}
	}
	return nil
}

func plainRows(a *kernel.Act) []float32 {
	if a.Layout == kernel.Plain && a.Elem == kernel.F32 {
		return a.F[:a.S*a.C]
	}
	f := make([]float32, a.S*a.C)
	for t := range a.S {
		for k := range a.C {
			f[t*a.C+k] = a.At(t, k)
		}
	}
	return f
}
