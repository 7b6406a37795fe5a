package backendtest

import (
	"context"
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/runtime/backend"
)

// checkBatches: what a batch must not be.
func checkBatches(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	defer m.close()
	st, err := m.state()
	if err != nil {
		return err
	}
	defer st.Close()
	if _, err := m.feed(st, tinyIDs(5), tinyCall); err != nil {
		return err
	}
	other, err := st.Fork()
	if err != nil {
		return err
	}
	defer other.Close()
	span := func(st backend.State, rows int, want ...int32) backend.Span {
		return backend.Span{State: st, Rows: rows, Want: want}
	}
	try := func(spans ...backend.Span) error {
		n := 0
		for _, sp := range spans {
			n += max(0, sp.Rows)
		}
		_, err := m.batch(context.Background(), tinyIDs(min(n, tinyCall)), spans...)
		return err
	}
	return first(
		wantError("no spans", try()),
		wantError("a span of no tokens", try(span(st, 0))),
		wantError("a span of no tokens beside another", try(span(other, 2, 0), span(st, 0))),
		wantError("a span of negative length", try(span(st, 2, 0), span(other, -1))),
		wantError("a span without the state that the segment has", try(span(nil, 1, 0))),
		wantError("a state twice", try(span(st, 1, 0), span(other, 1), span(st, 1)), "twice"),
		wantError("more tokens than the segment was compiled for", try(span(st, tinyCall), span(other, 1))),
		wantError("more wanted rows than the segment was compiled for", try(span(st, 2, 0, 1, 0, 1, 0), span(other, 2, 0, 1, 0, 1))),
		wantError("a wanted row of the span behind", try(span(st, 2, 2), span(other, 2, 0))),
		wantError("a wanted row before the span", try(span(st, 2, 0), span(other, 2, -1))),
		wantLen("after batches that could not begin", st, 5),
		wantLen("after batches that could not begin", other, 5),
	)
}

// checkCompany: sequences of many lengths in every batch that the room allows,
// joining, leaving, forking and going back at random. Every row is what the same
// ids give alone.
func checkCompany(s *suite, i int) error {
	m, err := s.tiny(i)
	if err != nil {
		return err
	}
	defer m.close()
	c := company{m: m, alone: map[string][]float32{}}
	defer func() {
		for _, l := range c.live {
			l.st.Close()
		}
	}()
	steps := 60
	if s.long {
		steps = 2000
	}
	r := seeded("company")
	for step := range steps {
		if len(c.live) < 3 || len(c.live) < 7 && r.IntN(3) == 0 {
			st, err := m.state()
			if err != nil {
				return err
			}
			c.live = append(c.live, &lodger{st: st})
		}
		if err := c.step(r.Perm(len(c.live)), r.IntN); err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		if err := c.wander(r.IntN(len(c.live)), r.IntN); err != nil {
			return fmt.Errorf("behind step %d: %w", step, err)
		}
	}
	return nil
}

// company is a crowd of sequences and what each would give alone.
type company struct {
	m     *tiny
	live  []*lodger
	alone map[string][]float32 // logits of a sequence's last row, by its ids
}

type lodger struct {
	st  backend.State
	ids []int32
}

// step appends to sequences in the given order, as many as fit.
func (c *company) step(order []int, intn func(int) int) error {
	var ids []int32
	var spans []backend.Span
	var who []*lodger
	for _, i := range order {
		l := c.live[i]
		n := min(1+intn(3)*intn(3), tinyCall-len(ids), tinyContext-len(l.ids))
		if n < 1 {
			continue
		}
		for range n {
			id := int32(intn(tinyVocab))
			ids, l.ids = append(ids, id), append(l.ids, id)
		}
		spans = append(spans, backend.Span{State: l.st, Rows: n, Want: []int32{int32(n - 1)}})
		who = append(who, l)
	}
	if len(spans) == 0 {
		return nil
	}
	y, err := c.m.batch(context.Background(), ids, spans...)
	if err != nil {
		return err
	}
	for i, l := range who {
		want, err := c.expect(l.ids)
		if err != nil {
			return err
		}
		if err := first(same(fmt.Sprintf("span %d of %d, %d tokens on %d", i, len(who), spans[i].Rows, len(l.ids)-spans[i].Rows), y[i*tinyVocab:(i+1)*tinyVocab], want), wantLen("after it", l.st, len(l.ids))); err != nil {
			return err
		}
	}
	return nil
}

// expect is what ids give alone behind the last of them.
func (c *company) expect(ids []int32) ([]float32, error) {
	key := fmt.Sprint(ids)
	if y, ok := c.alone[key]; ok {
		return y, nil
	}
	y, err := c.m.fresh(ids, tinyCall)
	if err != nil {
		return nil, err
	}
	c.alone[key] = y[len(y)-tinyVocab:]
	return c.alone[key], nil
}

// wander forks, rewinds or ends a sequence, or lets it be. Some forks begin at
// an earlier length than their parent's.
func (c *company) wander(i int, intn func(int) int) error {
	l := c.live[i]
	switch what := intn(6); {
	case what == 0 && len(c.live) > 3:
		c.live = slices.Delete(c.live, i, i+1)
		return l.st.Close()
	case what == 1 || len(l.ids) == tinyContext:
		n := intn(len(l.ids) + 1)
		l.ids = l.ids[:n]
		return l.st.Truncate(n)
	case what < 4 && len(c.live) < 9:
		st, err := l.st.Fork()
		if err != nil {
			return err
		}
		f := &lodger{st: st, ids: slices.Clone(l.ids)}
		c.live = append(c.live, f)
		if what == 3 {
			f.ids = f.ids[:intn(len(f.ids)+1)]
			return f.st.Truncate(len(f.ids))
		}
	}
	return nil
}
