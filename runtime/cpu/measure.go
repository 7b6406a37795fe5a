package cpu

import (
	"fmt"

	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// Measure compiles for a device that has no memory and asks what it would have taken.
func (Backend) Measure(w backend.Weights, o backend.Options, l backend.Load) (backend.Footprint, error) {
	d, workers, err := newDevice(w, o)
	if err != nil {
		return backend.Footprint{}, err
	}
	return d.measure(l, workers)
}

// measure makes d, a device without workers, one that has no memory.
func (d *device) measure(l backend.Load, workers int) (f backend.Footprint, err error) {
	d.measured = true
	err = mmap.Guard(func() error { // frequencies of rotations are read
		f, err = d.sum(l, workers)
		return err
	})
	return f, err
}

func (d *device) sum(l backend.Load, workers int) (f backend.Footprint, err error) {
	if l.Sessions < 1 || l.Positions < 0 {
		return f, fmt.Errorf("%d sessions of %d positions", l.Sessions, l.Positions)
	}
	scratch, floats := 0, 0
	for _, s := range l.Segments {
		e, err := d.compile(s.Name, s.Graph, l.Max)
		if err != nil {
			return f, fmt.Errorf("segment %s: %w", s.Name, err)
		}
		m := measured{e: e}
		for _, spans := range worst(l) {
			if err := m.add(l, spans); err != nil {
				return f, fmt.Errorf("segment %s: %w", s.Name, err)
			}
		}
		scratch, floats = max(scratch, m.scratch), max(floats, m.partials)
		if f.Arena, err = backend.Add(f.Arena, int64(e.size), 4*int64(m.stage)); err != nil {
			return f, err
		}
		if f.Tables, err = backend.Add(f.Tables, e.tables); err != nil {
			return f, err
		}
	}
	f.Scratch, f.Partials = int64(workers)*int64(scratch), 4*int64(d.partials.room(floats))
	for _, b := range l.Buffers {
		cols, err := bufferCols(b.Type, b.Rows)
		if err != nil {
			return f, err
		}
		if f.Buffers, err = backend.Add(f.Buffers, 4*int64(b.Rows)*int64(cols)); err != nil {
			return f, err
		}
	}
	f.States, f.Growth, err = d.states(l)
	return f, err
}

// states is what the states of all sessions take at rest, and beyond for a time. A run
// has no more tokens for all sessions together than it may have for one.
func (d *device) states(l backend.Load) (rest, growth int64, err error) {
	type most struct{ rest, peak, left int64 }
	known := map[ir.State]most{} // layers are mostly alike
	var one, left, run int64
	for _, s := range l.Segments {
		for _, sp := range s.Graph.States {
			like := *sp
			like.Name = ""
			m, ok := known[like]
			if !ok {
				p, err := d.newPart(sp, l.KV, max(1, l.Positions))
				if err == nil {
					m.rest, m.peak, m.left, err = p.most(l.Positions, l.Max.Tokens)
				}
				if err != nil {
					return 0, 0, fmt.Errorf("state %s: %w", sp.Name, err)
				}
				known[like] = m
			}
			if one, err = backend.Add(one, m.rest); err != nil {
				return 0, 0, err
			}
			if left, err = backend.Add(left, m.left); err != nil {
				return 0, 0, err
			}
			if run, err = backend.Add(run, m.peak-m.rest); err != nil {
				return 0, 0, err
			}
		}
	}
	if rest, err = backend.Times(l.Sessions, one); err != nil {
		return 0, 0, err
	}
	if left, err = backend.Times(l.Sessions, left); err != nil {
		return 0, 0, err
	}
	growth, err = backend.Add(left, run)
	return rest, growth, err
}

// worst lists the batches that take most: as many tokens as there may be, in one span,
// and in one with the others' single tokens, which wants room to stage results; and spans that
// are split over their caches, as many as there are sessions, which leave most partial results.
func worst(l backend.Load) [][]span {
	n := min(l.Sessions, l.Max.Tokens)
	all := [][]span{{{rows: l.Max.Tokens}}, {{rows: l.Max.Tokens - (n - 1)}}, nil}
	for range n - 1 {
		all[1] = append(all[1], span{rows: 1})
	}
	for left := l.Max.Tokens; len(all[2]) < n; {
		s := span{rows: min(kernel.SplitRows, left-(n-1-len(all[2])))}
		all[2] = append(all[2], s)
		left -= s.rows
	}
	for _, batch := range all {
		for i := range batch {
			s := &batch[i]
			s.rows = min(s.rows, max(1, l.Positions))
			s.start = max(0, l.Positions-s.rows)
		}
	}
	return all
}

// measured is what batches of an executable without memory take.
type measured struct {
	e                        *executable
	scratch, partials, stage int
}

// add measures a batch.
func (m *measured) add(l backend.Load, spans []span) error {
	e := m.e
	st, err := newState(e.d, e.g.States, l.KV, max(1, l.Positions))
	if err != nil {
		return err
	}
	r := &e.r
	r.s, r.spans, r.want = 0, spans, nil
	for i := range spans {
		spans[i].st = st // every session's is like it
		r.s += spans[i].rows
	}
	r.r, r.a, r.m = min(l.Max.Rows, r.s), 0, 0
	r.want = make([]int32, r.r)
	for i := range e.places {
		p := &e.places[i]
		if p.v == nil {
			continue
		}
		if rows := r.rows(p.rows); p.v.Type.Elem == ir.I32 {
			r.ints[i] = nil
		} else {
			r.acts[i] = kernel.Shaped(p.v.Type.Elem, p.v.Layout, rows, p.cols)
		}
	}
	for i := range e.steps {
		s := &e.steps[i]
		err := s.bind(r)
		for _, t := range s.tasks {
			if x, ok := t.(kernel.Measured); ok && err == nil {
				err = x.Measure()
			}
			if err == nil {
				m.scratch = max(m.scratch, t.Scratch())
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", e.g.Value(s.node.Out[0]).Name, err)
		}
		if a := s.rounds; a != nil {
			m.partials, m.stage = max(m.partials, a.PartialFloats()), max(m.stage, a.StageFloats())
		}
	}
	return nil
}
