package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// stepState is what a step needs and the next one uses again.
type stepState struct {
	outcomes []Outcome
	tops     []Top
	ids      []int32   // of tops
	logits   []float32 // of tops

	batch []Append // of the step that runs: a callback may write to the caller's
	live  []int    // appends that run, as indices into the batch
	spans []backend.Span
	at    []int32 // Want of all spans
	rows  []liveRow
	run   int // counts steps, so that a session knows whether it is in one already

	host hostInputs
}

// liveRow is a wanted row: Rows[row] of append a, the live-th that runs.
type liveRow struct{ live, a, row int }

// Step appends to many sessions at once: one span each, one call of every
// segment, those behind the wanted rows one for Options.MaxRows of them. A call reads each
// weight once, or where the kernels of runtime/cpu cut a long call into passes over its
// tokens, some hundred each, once per pass: how often depends on the tokens of the step,
// never on its spans. All appends together have at most Options.MaxChunk tokens. Every
// session's numbers are those it has alone.
//
// What is wrong with one append ends that one: a full context, a bad id, a mask
// that allows nothing, logits that are no numbers, an Append.Ctx that is cancelled. Its
// outcome says so, its session is as before, and the others do not notice. Any other
// error, that of a cancelled ctx included, is the step's: all sessions are as before, and
// there are no outcomes.
//
// Outcomes are in the order of batch and valid until the next step.
func (m *Model) Step(ctx context.Context, batch []Append) ([]Outcome, error) {
	if err := m.begin(batch); err != nil {
		return nil, err
	}
	t := &m.step
	t.batch = append(t.batch[:0], batch...)
	batch = t.batch
	defer clear(batch) // keeps no session alive
	if len(t.live) == 0 {
		return t.outcomes, nil
	}
	m.running = true
	done := false
	defer func() {
		if m.running = false; !done { // a panic of a Logits function, which is the caller's
			_ = m.takeBack(ctx, batch)
		}
	}()
	err := m.forward(ctx, batch)
	if err == nil {
		err = m.head(ctx, batch)
	}
	if err == nil {
		err = m.dev.Wait(ctx)
	}
	if err != nil {
		done = true
		return nil, errors.Join(err, m.takeBack(ctx, batch))
	}
	at := 0
	for i, a := range t.live {
		s, ids := batch[a].Session, t.host.tokens[at:][:t.spans[i].Rows]
		at += len(ids)
		if c := batch[a].Ctx; c != nil && t.outcomes[a].Err == nil {
			t.outcomes[a].Err = c.Err()
		}
		if t.outcomes[a].Err == nil {
			s.ids = append(s.ids, ids...)
			s.st.Trim()
		} else if err := s.undo(); err != nil {
			t.outcomes[a].Err = errors.Join(t.outcomes[a].Err, err)
		}
		if t.outcomes[a].Err != nil {
			t.outcomes[a].Tops = nil
		}
	}
	done = true
	return t.outcomes, nil
}

// takeBack makes the sessions of a step that failed what they were before. It waits for
// what is under way, also when ctx is cancelled, and keeps its error from the next step.
func (m *Model) takeBack(ctx context.Context, batch []Append) error {
	_ = m.dev.Wait(context.WithoutCancel(ctx))
	var err error
	for _, a := range m.step.live {
		err = errors.Join(err, batch[a].Session.undo())
	}
	return err
}

// errRunning is the error of what Logits, Trace and Timing functions may not do.
var errRunning = errors.New("a step of the model is running: a function that it calls (Logits, Trace, Timing) may not step, and leaves the step's sessions and the model alone")

// begin checks the batch and lays out spans, rows and outcomes.
func (m *Model) begin(batch []Append) error {
	if m.closed {
		return fmt.Errorf("the model: %w", backend.ErrClosed)
	}
	if m.running {
		return errRunning
	}
	t := &m.step
	t.run++
	t.live, t.spans, t.rows, t.at = t.live[:0], t.spans[:0], t.rows[:0], t.at[:0]
	t.outcomes = slices.Grow(t.outcomes[:0], len(batch))[:len(batch)]
	tokens := 0
	for i := range batch {
		a := &batch[i]
		t.outcomes[i] = Outcome{}
		if err := m.claim(a); err != nil {
			return fmt.Errorf("append %d: %w", i, err)
		}
		if t.outcomes[i].Err = m.check(a); t.outcomes[i].Err != nil {
			continue
		}
		for j := range a.Rows {
			t.rows = append(t.rows, liveRow{live: len(t.live), a: i, row: j})
			t.at = append(t.at, a.Rows[j].At)
		}
		t.live = append(t.live, i)
		tokens += len(a.IDs)
	}
	if tokens > m.opt.MaxChunk {
		return fmt.Errorf("a step of %d tokens, at most %d: open the model with larger chunks, or make several steps", tokens, m.opt.MaxChunk)
	}
	if n := len(t.rows); m.plan.whole && n > m.opt.MaxRows {
		return fmt.Errorf("a step that wants %d rows of a program that is not cut in front of its logits, at most %d", n, m.opt.MaxRows)
	}
	for _, i := range t.live {
		t.spans = append(t.spans, backend.Span{State: batch[i].Session.st, Rows: len(batch[i].IDs)})
	}
	return m.reserveTops(batch)
}

// claim checks what concerns the caller, not the sequence.
func (m *Model) claim(a *Append) error {
	s := a.Session
	switch {
	case s == nil:
		return fmt.Errorf("no session")
	case s.st == nil:
		return errClosed
	case s.m != m:
		return fmt.Errorf("a session of another model")
	case s.run == m.step.run:
		return fmt.Errorf("the session stands in the step twice")
	}
	s.run = m.step.run
	return nil
}

// reserveTops makes room for the outcomes of all rows.
func (m *Model) reserveTops(batch []Append) error {
	t, n, k := &m.step, len(m.step.rows), m.topK
	if k == 0 {
		return nil
	}
	t.tops = slices.Grow(t.tops[:0], n)[:n]
	t.ids = slices.Grow(t.ids[:0], n*k)[:n*k]
	t.logits = slices.Grow(t.logits[:0], n*k)[:n*k]
	for i := range t.tops {
		t.tops[i] = Top{IDs: t.ids[i*k : (i+1)*k : (i+1)*k], Logits: t.logits[i*k : (i+1)*k : (i+1)*k]}
	}
	at := 0
	for _, a := range t.live {
		if n := len(batch[a].Rows); !batch[a].NoTop {
			t.outcomes[a].Tops = t.tops[at : at+n : at+n]
		}
		at += len(batch[a].Rows)
	}
	return nil
}

// forward runs the segments that see all tokens.
func (m *Model) forward(ctx context.Context, batch []Append) error {
	h := &m.step.host
	h.tokens = h.tokens[:0]
	for _, a := range m.step.live {
		h.tokens = append(h.tokens, batch[a].IDs...)
	}
	if err := m.setInt32(ir.ExtTokens, h.tokens, len(h.tokens)); err != nil {
		return err
	}
	return m.call(ctx, 0, m.plan.head)
}

// call runs segments [from, to) for the spans of the step.
func (m *Model) call(ctx context.Context, from, to int) error {
	for i := from; i < to; i++ {
		if err := m.exec[i].Run(ctx, m.step.spans, m.in[i], m.out[i]); err != nil {
			return err
		}
	}
	return nil
}

// head runs the segments behind, for blocks of wanted rows, and reads what they
// say.
func (m *Model) head(ctx context.Context, batch []Append) error {
	t := &m.step
	to := m.plan.top
	for _, a := range t.live {
		if len(batch[a].Rows) > 0 && !batch[a].NoTop {
			to = len(m.exec)
		}
	}
	for lo := 0; lo < len(t.rows) || m.plan.whole && lo == 0; lo += m.opt.MaxRows {
		hi := min(lo+m.opt.MaxRows, len(t.rows))
		m.narrow(lo, hi)
		if lo > 0 {
			m.recheck(batch, t.rows[lo:hi])
		}
		if err := m.setRows(batch, t.rows[lo:hi]); err != nil {
			return err
		}
		if err := m.call(ctx, m.plan.head, max(to, m.plan.head)); err != nil {
			return err
		}
		if to == len(m.exec) && hi > lo && m.buffers[topIDs] != nil {
			if err := m.readTops(ctx, batch, lo, hi); err != nil {
				return err
			}
		}
		if err := m.showLogits(ctx, batch, lo, hi); err != nil {
			return err
		}
	}
	return nil
}

// narrow makes the spans want rows [lo, hi) of the step.
func (m *Model) narrow(lo, hi int) {
	t := &m.step
	for i := range t.spans {
		t.spans[i].Want = nil
	}
	for i := lo; i < hi; {
		end := i
		for end < hi && t.rows[end].live == t.rows[i].live {
			end++
		}
		t.spans[t.rows[i].live].Want = t.at[i:end]
		i = end
	}
}

// readTops copies the outcome of topk for rows [lo, hi) of the step.
func (m *Model) readTops(ctx context.Context, batch []Append, lo, hi int) error {
	ids, err := m.buffers[topIDs].Int32(ctx)
	if err != nil {
		return err
	}
	logits, err := m.buffers[topLogits].Float32(ctx)
	if err != nil {
		return err
	}
	lse, err := m.buffers[topLSE].Float32(ctx)
	if err != nil {
		return err
	}
	lseTemp, err := m.buffers[topLSETemp].Float32(ctx)
	if err != nil {
		return err
	}
	t, k := &m.step, m.topK
	copy(t.ids[lo*k:hi*k], ids)
	copy(t.logits[lo*k:hi*k], logits)
	for i := lo; i < hi; i++ {
		p := &t.tops[i]
		p.LSE, p.LSETemp = lse[i-lo], lseTemp[i-lo]
		out := &t.outcomes[t.rows[i].a]
		switch {
		case out.Tops == nil || out.Err != nil:
		case p.LSE != p.LSE || p.Logits[0] != p.Logits[0]:
			if out.Err, err = m.blame(ctx, &batch[t.rows[i].a].Rows[t.rows[i].row], p, i-lo); err != nil {
				return err
			}
		case p.LSETemp != p.LSETemp:
			out.Err = overflows(p.Logits[0], batch[t.rows[i].a].Rows[t.rows[i].row].Temperature)
		}
	}
	return nil
}

func overflows(highest, temperature float32) error {
	return fmt.Errorf("logits of up to %v overflow at temperature %v", highest, temperature)
}

// blame is the error of a row whose top is no number: that of its adjustments and mask
// where the logits, row i of the block, are numbers themselves.
func (m *Model) blame(ctx context.Context, r *Row, top *Top, i int) (fault, err error) {
	if len(r.Adjust.IDs) == 0 && r.Allow == nil {
		return ErrNaN, nil
	}
	b := m.buffers[logitsName]
	if b == nil { // they are inside: NaN come from there, infinities of both signs from the adjustments
		if top.Logits[0] != top.Logits[0] {
			return ErrNaN, nil
		}
		return ErrAdjusted, nil
	}
	all, err := b.Float32(ctx)
	if err != nil {
		return nil, err
	}
	if highest := slices.Max(all[i*b.Cols():][:b.Cols()]); highest-highest != 0 { // NaN, or an infinity
		return ErrNaN, nil
	}
	return ErrAdjusted, nil
}

// showLogits hands the logits of rows [lo, hi) of the step to those who asked.
func (m *Model) showLogits(ctx context.Context, batch []Append, lo, hi int) error {
	t := &m.step
	for i := lo; i < hi; {
		end := i
		for end < hi && t.rows[end].live == t.rows[i].live {
			end++
		}
		if a := &batch[t.rows[i].a]; a.Logits != nil {
			b := m.buffers[logitsName]
			all, err := b.Float32(ctx)
			if err != nil {
				return err
			}
			out := &t.outcomes[t.rows[i].a]
			v := b.Cols()
			own := all[(i-lo)*v : (end-lo)*v : (end-lo)*v]
			// The log-sum-exp of a row that topk saw whole has told already.
			masked := slices.ContainsFunc(t.rows[i:end], func(l liveRow) bool { return a.Rows[l.row].Allow != nil })
			switch {
			case out.Err != nil:
			case (out.Tops == nil || masked) && slices.ContainsFunc(own, func(x float32) bool { return x != x }):
				out.Err = ErrNaN
			default:
				out.Err = a.Logits(t.rows[i].row, own, v)
			}
		}
		i = end
	}
	return nil
}
