package runtime_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/sampler"
)

func (c *company) close() {
	c.together.Close()
	if c.apart != nil {
		c.apart.Close()
	}
}

// run makes the given number of steps and returns the digests.
func (c *company) run(t *testing.T, steps int) []uint64 {
	t.Helper()
	for step := range steps {
		if err := c.step(t); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		if err := c.wander(t); err != nil {
			t.Fatalf("behind step %d: %v", step, err)
		}
	}
	if c.apart != nil && steps > 20 && (c.rows < 10*steps || c.refused == 0) {
		t.Errorf("%d steps compared %d rows and refused %d appends", steps, c.rows, c.refused)
	}
	return c.digests
}

// join adds a member with a prompt, or a child of parent.
func (c *company) join(t *testing.T, parent *member) error {
	c.joined++
	m := &member{r: rand.New(rand.NewPCG(uint64(c.joined), 4))}
	m.cfg = sampler.Config{Seed: uint64(c.joined)}
	if m.r.IntN(3) > 0 {
		m.cfg.Temperature, m.cfg.TopK, m.cfg.TopP = 0.3+m.r.Float32(), 1+m.r.IntN(40), 0.5+m.r.Float32()/2
	}
	if m.r.IntN(2) == 0 {
		m.cfg.RepetitionPenalty = 1 + m.r.Float32()
	}
	if m.r.IntN(3) == 0 {
		m.allow = make([]uint32, c.vocab/32)
		for i := range m.allow {
			m.allow[i] = m.r.Uint32() | 1
		}
	}
	var err error
	if m.smp, err = sampler.New(m.cfg); err != nil {
		return err
	}
	if parent != nil {
		if m.s, err = parent.s.Fork(); err != nil {
			return err
		}
		m.todo, m.next = slices.Clone(parent.todo), (parent.next+1)%int32(c.vocab) // not the parent's token
		if len(m.todo) > 0 {
			m.todo[0] = (m.todo[0] + 1) % int32(c.vocab)
		}
	} else {
		if m.s, err = c.together.NewSession(); err != nil {
			return err
		}
		m.todo = m.ids(1+m.r.IntN([]int{4, 40, 200}[m.r.IntN(3)]), c.vocab)
	}
	c.live = append(c.live, m)
	return c.replay(t, m)
}

func (m *member) ids(n, vocab int) []int32 {
	x := make([]int32, n)
	for i := range x {
		x[i] = int32(m.r.IntN(vocab))
	}
	return x
}

// replay gives m a lonely session that has been nowhere but at m's ids.
func (c *company) replay(t *testing.T, m *member) error {
	if c.apart == nil {
		return nil
	}
	if m.alone != nil {
		if err := m.alone.Close(); err != nil {
			return err
		}
	}
	var err error
	if m.alone, err = c.apart.NewSession(); err != nil || m.s.Len() == 0 {
		return err
	}
	return m.alone.Extend(t.Context(), m.s.IDs())
}

// wander lets members come, go, fork and go back.
func (c *company) wander(t *testing.T) error {
	for len(c.live) > 0 && c.r.IntN(4) == 0 || len(c.live) == companySize && c.r.IntN(2) == 0 {
		i := c.r.IntN(len(c.live))
		m := c.live[i]
		switch c.r.IntN(3) {
		case 0:
			c.live = slices.Delete(c.live, i, i+1)
			if err := errors.Join(m.s.Close(), m.leave()); err != nil {
				return err
			}
		case 1:
			if err := m.s.Rewind(context.Background(), c.r.IntN(m.s.Len()+1)); err != nil {
				return err
			}
			m.todo = m.ids(1+m.r.IntN(5), c.vocab)
			if err := c.replay(t, m); err != nil {
				return err
			}
		case 2:
			if len(c.live) < companySize {
				if err := c.join(t, m); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (m *member) leave() error {
	if m.alone == nil {
		return nil
	}
	return m.alone.Close()
}

// asked is one append and what was said.
type asked struct {
	m      *member
	a      runtime.Append
	spoilt string // what must be refused; "" nothing
	logits []float32
}

// step lets most members append at once.
func (c *company) step(t *testing.T) error {
	for len(c.live) < companySize && (len(c.live) < 5 || c.r.IntN(3) > 0) {
		if err := c.join(t, nil); err != nil {
			return err
		}
	}
	room := companyChunk
	var all []*asked
	for _, i := range c.r.Perm(len(c.live)) {
		if c.r.IntN(12) == 0 {
			continue
		}
		if q := c.ask(c.live[i], room); q != nil {
			all = append(all, q)
			if q.m.s.Len()+len(q.a.IDs) <= companyContext {
				room -= len(q.a.IDs)
			}
		}
	}
	batch := make([]runtime.Append, len(all))
	for i, q := range all {
		q.a.Logits = q.see
		batch[i] = q.a
		batch[i].Session = q.m.s
	}
	out, err := c.together.Step(t.Context(), batch)
	if err != nil {
		return err
	}
	h := fnv.New64a()
	for i, q := range all {
		if q.spoilt != "" {
			if out[i].Err == nil || q.m.alone != nil && q.m.s.Len() != q.m.alone.Len() {
				return fmt.Errorf("%s: %v", q.spoilt, out[i].Err)
			}
			c.refused++
			continue
		}
		if out[i].Err != nil {
			return out[i].Err
		}
		tops := slices.Clone(out[i].Tops)
		for _, x := range q.logits {
			binary.Write(h, binary.LittleEndian, math.Float32bits(x))
		}
		for _, top := range tops {
			binary.Write(h, binary.LittleEndian, top.IDs)
			binary.Write(h, binary.LittleEndian, []uint32{math.Float32bits(top.LSE), math.Float32bits(top.LSETemp)})
		}
		if err := c.compare(t, q, tops); err != nil {
			return fmt.Errorf("member %d of %d, %d tokens behind %d: %w", i, len(all), len(q.a.IDs), q.m.s.Len()-len(q.a.IDs), err)
		}
		if err := c.goOn(t, q, tops); err != nil {
			return err
		}
	}
	c.digests = append(c.digests, h.Sum64())
	return nil
}

func (q *asked) see(_ int, logits []float32, _ int) error {
	q.logits = append(q.logits, logits...)
	return nil
}

// ask is what m appends next: a piece of its prompt, or its next token, in
// some steps with two guesses behind it; in some what must be refused.
func (c *company) ask(m *member, room int) *asked {
	q := &asked{m: m}
	switch {
	case len(m.todo) > 0:
		q.a.IDs = m.todo[:min(len(m.todo), 1+c.r.IntN(30), room)]
	case c.r.IntN(6) == 0:
		q.a.IDs = append([]int32{m.next}, m.ids(2, c.vocab)...)
	default:
		q.a.IDs = []int32{m.next}
	}
	n := len(q.a.IDs)
	if n == 0 || n > room || m.s.Len()+n > companyContext {
		return nil
	}
	row := runtime.Row{Temperature: m.cfg.Temperature, Allow: m.allow}
	if m.cfg.Penalises() {
		row.Adjust = m.penalties()
	}
	for at := range n {
		if at == n-1 || len(m.todo) == 0 || c.r.IntN(4) == 0 {
			row.At = int32(at)
			q.a.Rows = append(q.a.Rows, row)
		}
	}
	c.spoil(q)
	return q
}

// penalties are those of every id held, once each.
func (m *member) penalties() runtime.Adjustments {
	var a runtime.Adjustments
	for _, id := range m.s.IDs() {
		if !slices.Contains(a.IDs, id) {
			a.IDs, a.Scale, a.Bias = append(a.IDs, id), append(a.Scale, m.cfg.RepetitionPenalty), append(a.Bias, 0)
		}
	}
	return a
}

// spoil makes some appends ones that only they suffer from.
func (c *company) spoil(q *asked) {
	kind := c.r.IntN(60)
	if kind > 4 {
		return
	}
	q.spoilt = []string{"an unknown id", "a full context", "a mask of nothing", "logits that are NaN", "an adjustment of no id"}[kind]
	last := &q.a.Rows[len(q.a.Rows)-1]
	switch kind {
	case 0:
		q.a.IDs = append(slices.Clone(q.a.IDs[:len(q.a.IDs)-1]), int32(c.vocab))
	case 1:
		q.a.IDs = make([]int32, companyContext-q.m.s.Len()+1) // never run: the context is full
	case 2:
		last.Allow = make([]uint32, c.vocab/32)
	case 3: // Inf - Inf, of an id that no mask takes away
		last.Allow = nil
		last.Adjust = runtime.Adjustments{IDs: []int32{3}, Scale: []float32{1}, Bias: []float32{float32(math.Inf(1))}}
	case 4:
		last.Adjust = runtime.Adjustments{IDs: []int32{-1}, Scale: []float32{1}, Bias: []float32{0}}
	}
}

// compare appends the same to the lonely session, whole or token by token.
func (c *company) compare(t *testing.T, q *asked, tops []runtime.Top) error {
	if c.apart == nil {
		return nil
	}
	var logits []float32
	see := func(_ int, l []float32, _ int) error { logits = append(logits, l...); return nil }
	size := len(q.a.IDs)
	if c.cut.IntN(2) == 0 {
		size = 1 + c.cut.IntN(size)
	}
	row := 0
	for at := 0; at < len(q.a.IDs); at += size {
		part := runtime.Append{Session: q.m.alone, IDs: q.a.IDs[at:min(at+size, len(q.a.IDs))], Logits: see}
		for _, r := range q.a.Rows {
			if i := int(r.At) - at; i >= 0 && i < len(part.IDs) {
				r.At = int32(i)
				part.Rows = append(part.Rows, r)
			}
		}
		out, err := c.apart.Step(t.Context(), []runtime.Append{part})
		if err == nil {
			err = out[0].Err
		}
		if err != nil {
			return fmt.Errorf("alone: %w", err)
		}
		for _, top := range out[0].Tops {
			w := tops[row]
			row++
			if !slices.Equal(w.IDs, top.IDs) || !bitsEqual(w.Logits, top.Logits) || !bitsEqual([]float32{w.LSE, w.LSETemp}, []float32{top.LSE, top.LSETemp}) {
				return fmt.Errorf("row %d: another top alone", row)
			}
		}
	}
	if c.rows += row; row != len(tops) || !bitsEqual(logits, q.logits) {
		return fmt.Errorf("other logits alone")
	}
	return nil
}

// goOn takes the token that the sampler picks, or of a draft as many as it
// would have picked, and forgets the rest.
func (c *company) goOn(t *testing.T, q *asked, tops []runtime.Top) error {
	m := q.m
	if len(m.todo) > 0 {
		if m.todo = m.todo[len(q.a.IDs):]; len(m.todo) > 0 {
			return nil
		}
		tops = tops[len(tops)-1:]
	}
	for i, top := range tops {
		id, ok := m.smp.FromTop(top.IDs, top.Logits, top.LSETemp)
		if !ok {
			return fmt.Errorf("%+v: the highest logits are not enough", m.cfg)
		}
		m.next = id
		if len(tops) > 1 && i+1 < len(tops) && m.next != q.a.IDs[i+1] {
			keep := m.s.Len() - len(tops) + i + 1
			if err := m.s.Rewind(context.Background(), keep); err != nil {
				return err
			}
			if m.alone != nil {
				return m.alone.Rewind(context.Background(), keep)
			}
			return nil
		}
		c.drafts += min(i, 1)
	}
	return nil
}
