package reference

import (
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// run is a checked batch.
type run struct {
	spans []span
	pos   []int   // position of every row
	want  []int32 // wanted rows, counted through the batch
}

// span is rows [first, first+rows) of the batch, of the sequence in st.
type span struct {
	st                 *state // nil without one
	first, rows, start int
}

// bind checks the spans of a batch and finds out where each starts.
func (e *executable) bind(batch []backend.Span) (*run, error) {
	if e.weights == nil {
		return nil, backend.ErrClosed
	}
	if len(batch) == 0 {
		return nil, fmt.Errorf("an empty batch")
	}
	r := &run{}
	for i, b := range batch {
		s, err := e.span(b, r)
		if err != nil && len(batch) > 1 {
			err = fmt.Errorf("span %d: %w", i, err)
		}
		if err != nil {
			return nil, err
		}
		for _, w := range b.Want {
			r.want = append(r.want, int32(s.first)+w)
		}
		for t := range s.rows {
			r.pos = append(r.pos, s.start+t)
		}
		r.spans = append(r.spans, s)
	}
	if len(r.pos) > e.max.Tokens || len(r.want) > e.max.Rows {
		return nil, fmt.Errorf("a batch of %d tokens that wants %d rows, in a segment compiled for %d and %d", len(r.pos), len(r.want), e.max.Tokens, e.max.Rows)
	}
	return r, nil
}

func (e *executable) span(b backend.Span, r *run) (span, error) {
	s := span{first: len(r.pos), rows: b.Rows}
	if b.Rows < 1 {
		return s, fmt.Errorf("a span of %d tokens", b.Rows)
	}
	for _, w := range b.Want {
		if w < 0 || int(w) >= b.Rows {
			return s, fmt.Errorf("wanted row %d is outside 0..%d", w, b.Rows-1)
		}
	}
	if b.State == nil {
		if len(e.g.States) > 0 {
			return s, fmt.Errorf("the segment has states, the span has none")
		}
		return s, nil
	}
	st, ok := b.State.(*state)
	switch {
	case !ok:
		return s, fmt.Errorf("a state of another backend")
	case st.open() != nil:
		return s, st.open()
	case st.d != e.d:
		return s, fmt.Errorf("a state of another device")
	case slices.ContainsFunc(r.spans, func(o span) bool { return o.st == st }):
		return s, fmt.Errorf("the state stands in the batch twice")
	}
	s.st = st
	if len(e.g.States) == 0 {
		s.start = st.Len()
		return s, nil
	}
	for i, sp := range e.g.States {
		l := st.layers[sp.Name]
		if l == nil {
			return s, fmt.Errorf("the state holds no %s", sp.Name)
		}
		if i > 0 && l.len() != s.start {
			return s, fmt.Errorf("state %s holds %d positions, %s holds %d", sp.Name, l.len(), e.g.States[0].Name, s.start)
		}
		s.start = l.len()
	}
	if s.start+s.rows > st.max {
		return s, fmt.Errorf("position %d is beyond the session's %d positions: open it with a larger context", s.start+s.rows-1, st.max)
	}
	return s, nil
}

// undo leaves the named states as long as they were before the run.
func (r *run) undo(specs []*ir.State) {
	for _, s := range r.spans {
		for _, sp := range specs {
			if l := s.st.layers[sp.Name]; l.len() > s.start {
				l.truncate(s.start)
			}
		}
	}
}
