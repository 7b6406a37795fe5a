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
	s, r, a int // tokens, selected rows, adjustments; -1 until an input tells
	st      *state
	acts    []kernel.Act // by value, f32 and i8
	ints    [][]int32    // by value, i32
	starts  int          // first position
	posID   ir.ValueID   // the positions input that starts was taken from
}

func (r *run) rows(d ir.Dim) int {
	switch d {
	case ir.S:
		return r.s
	case ir.R:
		return r.r
	case ir.A:
		return r.a
	}
	return int(d)
}

// learn takes a symbol's size from an input with n rows.
func (r *run) learn(d ir.Dim, n int) error {
	var at *int
	switch d {
	case ir.S:
		at = &r.s
	case ir.R:
		at = &r.r
	case ir.A:
		at = &r.a
	default:
		if int(d) != n {
			return fmt.Errorf("%d rows, want %v", n, d)
		}
		return nil
	}
	if *at >= 0 && *at != n {
		return fmt.Errorf("%v is %d here and %d in another input", d, n, *at)
	}
	*at = n
	return nil
}

// start returns the first of consecutive positions.
func (r *run) start(positions ir.ValueID) (int, error) {
	if positions == r.posID {
		return r.starts, nil
	}
	p := r.ints[positions]
	if len(p) == 0 {
		return 0, fmt.Errorf("no positions")
	}
	for i, v := range p {
		if v < 0 || int64(v) != int64(p[0])+int64(i) {
			return 0, fmt.Errorf("positions are not consecutive: %d after %d at index %d", v, p[0], i)
		}
	}
	r.posID, r.starts = positions, int(p[0])
	return r.starts, nil
}

func (e *executable) Run(ctx context.Context, st backend.State, in, out []backend.Buffer) error {
	if err := e.run(ctx, st, in, out); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("segment %s: %w", e.segment, err)
	}
	return nil
}

func (e *executable) run(ctx context.Context, st backend.State, in, out []backend.Buffer) error {
	r := &e.r
	r.s, r.r, r.a, r.posID = -1, -1, -1, ir.None
	r.st, _ = st.(*state)
	if st != nil && r.st == nil {
		return fmt.Errorf("a state of another backend")
	}
	if len(in) != len(e.g.Inputs) || len(out) != len(e.g.Outputs) {
		return fmt.Errorf("%d inputs and %d outputs, want %d and %d", len(in), len(out), len(e.g.Inputs), len(e.g.Outputs))
	}
	if err := e.bindBuffers(in, out); err != nil {
		return err
	}
	end, err := e.extendState()
	if err != nil {
		return err
	}
	err = e.execute(ctx)
	switch {
	case r.st == nil || len(e.attn) == 0:
	case err == nil:
		r.st.len = end
	default:
		r.st.setLen(min(r.st.len, r.starts)) // what the call overwrote is not half kept
	}
	return err
}

func (e *executable) execute(ctx context.Context) error {
	if err := e.prepare(); err != nil {
		return err
	}
	if e.d.trace != nil || e.d.timing != nil {
		return e.stepwise(ctx)
	}
	return e.d.pool.run(ctx, e.work)
}

// bindBuffers learns S, R and A from the inputs and views every value.
func (e *executable) bindBuffers(in, out []backend.Buffer) error {
	r := &e.r
	for i, v := range e.g.Inputs {
		b, ok := in[i].(*buffer)
		p := &e.places[v]
		if !ok || b.elem != p.v.Type.Elem || b.cols != p.cols {
			return fmt.Errorf("input %s: the buffer does not hold %s", p.v.Name, p.v.Type)
		}
		if err := r.learn(p.rows, b.rows); err != nil {
			return fmt.Errorf("input %s: %w", p.v.Name, err)
		}
	}
	if r.s > e.maxTokens || r.r > e.maxTokens || r.s == 0 || r.r == 0 {
		return fmt.Errorf("%d tokens and %d rows in a segment compiled for 1 to %d", r.s, r.r, e.maxTokens)
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
	return b, nil
}

// extendState makes room for the call's positions and returns the length the
// state will have.
func (e *executable) extendState() (int, error) {
	r := &e.r
	if len(e.attn) == 0 {
		if r.st != nil {
			return r.st.len, nil
		}
		return 0, nil
	}
	if r.st == nil {
		return 0, fmt.Errorf("the segment has states, the call has none")
	}
	var start int
	var err error
	for _, n := range e.g.Nodes {
		if n.Base() == ir.OpAttention {
			if start, err = r.start(n.In[3]); err != nil {
				return 0, err
			}
		}
	}
	// Several decoder segments share one state; each extends the caches it owns.
	for _, s := range e.g.States {
		if c := r.st.cache[s.Name]; c != nil && start > c.Len() {
			return 0, fmt.Errorf("position %d leaves a hole behind the %d positions of state %s", start, c.Len(), s.Name)
		}
	}
	end := start + r.s
	if err := r.st.grow(end); err != nil {
		return 0, err
	}
	for _, s := range e.g.States {
		if c := r.st.cache[s.Name]; c != nil {
			c.SetLen(end)
		}
	}
	return end, nil
}

// prepare binds every step and makes room for scratch.
func (e *executable) prepare() error {
	for i := range e.steps {
		if err := e.steps[i].bind(&e.r); err != nil {
			return fmt.Errorf("%s: %w", e.g.Value(e.steps[i].node.Out[0]).Name, err)
		}
	}
	for _, a := range e.attn {
		a.Partials = e.partials
		err := a.Prepare()
		if n := a.PartialFloats(); n > len(e.partials) {
			e.partials = alignedF32(n + n/2)
			a.Partials = e.partials
			err = a.Prepare()
		}
		if err != nil {
			return err
		}
	}
	scratch := 0
	for i := range e.steps {
		for _, t := range e.steps[i].tasks {
			if err := t.Prepare(); err != nil {
				return fmt.Errorf("%s: %w", e.g.Value(e.steps[i].node.Out[0]).Name, err)
			}
			scratch = max(scratch, t.Scratch())
		}
	}
	e.d.pool.reserve(scratch)
	return nil
}

// stepwise runs node by node, times each and shows every f32 and i8 value, the
// latter dequantised.
func (e *executable) stepwise(ctx context.Context) error {
	for i := range e.steps {
		n := e.steps[i].node
		begin := time.Now()
		if err := e.d.pool.run(ctx, e.steps[i].work); err != nil {
			return err
		}
		if e.d.timing != nil {
			t := backend.NodeTime{Segment: e.segment, Graph: e.g, Node: n, Rows: e.r.rows(e.places[n.Out[0]].rows), Took: time.Since(begin)}
			if len(n.States) > 0 {
				t.Start = e.r.starts
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
