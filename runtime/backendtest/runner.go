package backendtest

import (
	"context"
	"errors"
	"fmt"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// runner is a compiled case with its buffers and the state of one sequence.
type runner struct {
	c       *Case
	g       *ir.Graph
	d       backend.Device
	kv      string // "": no state
	exe     backend.Executable
	state   backend.State
	in, out []backend.Buffer
}

func (s *suite) open(i int, segment string, g *ir.Graph, c *Case, kv string) (*runner, error) {
	r := &runner{c: c, g: g, d: s.devices[i], kv: kv}
	err := r.init(segment)
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *runner) init(segment string) (err error) {
	rows := r.c.maxRows()
	if r.exe, err = r.d.Compile(segment, r.g, backend.Size{Tokens: rows, Rows: rows}); err != nil {
		return err
	}
	if r.state, err = r.newState(); err != nil {
		return err
	}
	if r.in, err = buffers(r.d, r.g, r.g.Inputs, rows*max(1, r.c.adjusted())); err != nil {
		return err
	}
	r.out, err = buffers(r.d, r.g, r.g.Outputs, rows)
	return err
}

// adjusted is the largest number of logit adjustments of a row.
func (c *Case) adjusted() int {
	n := 0
	for _, t := range c.top {
		n = max(n, len(t.ids))
	}
	return n
}

func (r *runner) newState() (backend.State, error) {
	if r.kv == "" {
		return nil, nil
	}
	kv, err := codec.ParsePair(r.kv)
	if err != nil {
		return nil, err
	}
	return r.d.NewState(r.g.States, kv, r.c.Rows)
}

func (r *runner) close() {
	if r.exe != nil {
		r.exe.Close()
	}
	closeState(r.state)
	for _, b := range append(r.in, r.out...) {
		b.Close()
	}
}

func closeState(st backend.State) {
	if st != nil {
		st.Close()
	}
}

func buffers(d backend.Device, g *ir.Graph, values []ir.ValueID, rows int) ([]backend.Buffer, error) {
	var all []backend.Buffer
	for _, v := range values {
		b, err := d.NewBuffer(g.Value(v).Type, rows)
		if err != nil {
			return all, fmt.Errorf("buffer of %s: %w", g.Value(v).Name, err)
		}
		all = append(all, b)
	}
	return all, nil
}

// run makes one call for spans of the case, each with its state, and copies its
// outputs.
func (r *runner) run(batch []Span, states []backend.State) (results, error) {
	if err := r.c.fill(r.g, r.in, batch); err != nil {
		return nil, err
	}
	spans := make([]backend.Span, len(batch))
	for i, sp := range batch {
		spans[i] = backend.Span{State: states[i], Rows: sp.Len, Want: r.c.want(sp)}
	}
	if err := r.exe.Run(context.Background(), spans, r.in, r.out); err != nil {
		return nil, err
	}
	for i, sp := range batch {
		if states[i] != nil && states[i].Len() != sp.Start+sp.Len {
			return nil, fmt.Errorf("a state holds %d positions, want %d", states[i].Len(), sp.Start+sp.Len)
		}
	}
	return r.c.collect(context.Background(), r.g, r.out, batch)
}

// alone runs one span in the runner's state, rewound to its start.
func (r *runner) alone(sp Span) (results, error) {
	if err := r.rewind(r.state, sp.Start); err != nil {
		return nil, err
	}
	return r.run([]Span{sp}, []backend.State{r.state})
}

// rewind truncates st and, where the backend can, spoils what is forgotten. Where
// st has to refuse, the positions from the nearest length on are run again.
func (r *runner) rewind(st backend.State, n int) error {
	if st == nil {
		return nil
	}
	held, err := st.Len(), st.Truncate(n)
	var gone *backend.NotHeldError
	if errors.As(err, &gone) && held-n > backend.Rewind {
		if err = st.Truncate(gone.Nearest); err == nil {
			_, err = r.run([]Span{{gone.Nearest, n - gone.Nearest}}, []backend.State{st})
		}
	}
	if err != nil {
		return err
	}
	if p, ok := st.(interface{ Poison() }); ok {
		p.Poison()
	}
	return nil
}

// pieces runs the case's spans one by one and compares each.
func (r *runner) pieces(compare func(results) error) error {
	for _, sp := range r.c.Spans {
		got, err := r.alone(sp)
		if err == nil {
			err = compare(got)
		}
		if err != nil {
			return fmt.Errorf("rows %d to %d: %w", sp.Start, sp.Start+sp.Len-1, err)
		}
	}
	return nil
}

// batches runs the case's spans several in a call, each a sequence of its own,
// with one of another length in front, so that no span begins where it did alone.
// Ops that ask nothing about the batch are run in one batch unless all are wanted.
func (r *runner) batches(compare func(results) error, long bool) error {
	plain := r.state == nil && !hasRows(r.g)
	spans := r.c.Spans
	for size := 2; len(spans) > 0; size = 2 + (size+1)%5 {
		n, rows := 0, 0
		for n < min(size, len(spans)) && rows+spans[n].Len <= r.c.maxRows() {
			rows += spans[n].Len
			n++
		}
		if err := r.batch(spans[:n], compare); err != nil {
			return fmt.Errorf("spans %v: %w", spans[:n], err)
		}
		if spans = spans[n:]; plain && !long {
			break
		}
	}
	return nil
}

func (r *runner) batch(batch []Span, compare func(results) error) error {
	states := make([]backend.State, len(batch))
	defer func() {
		for _, st := range states {
			closeState(st)
		}
	}()
	for i, sp := range batch {
		st, err := r.at(sp.Start)
		if err != nil {
			return err
		}
		states[i] = st
	}
	got, err := r.run(batch, states)
	if err != nil {
		return err
	}
	return compare(got)
}

// at is a state that holds the first n positions of the case: a fork of the
// runner's, or where that has less, a new one.
func (r *runner) at(n int) (backend.State, error) {
	if r.state == nil {
		return nil, nil
	}
	if r.state.Len() >= n {
		st, err := r.state.Fork()
		if err != nil {
			return nil, err
		}
		return st, r.rewind(st, n)
	}
	st, err := r.newState()
	if err == nil && n > 0 {
		_, err = r.run([]Span{{0, n}}, []backend.State{st})
	}
	return st, err
}
