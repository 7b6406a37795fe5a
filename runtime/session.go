package runtime

import (
	"context"
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/runtime/backend"
)

// Session is one sequence: the owner of its ids and of their state.
type Session struct {
	m    *Model
	host Host
	st   backend.State // nil when closed
	ids  []int32

	snapshots []backend.State // by rising length
	adjust    Adjustments
	run       int    // number of the last step it was in
	one       Append // what it asks of its host
	rows      []Row  // of one
	asking    bool   // the host has not answered
}

// errClosed is the error of using a session that has been closed.
var errClosed = fmt.Errorf("the session: %w", backend.ErrClosed)

// NewSession starts an empty sequence.
func (m *Model) NewSession() (*Session, error) {
	if m.closed {
		return nil, fmt.Errorf("the model: %w", backend.ErrClosed)
	}
	st, err := m.newState()
	if err != nil {
		return nil, err
	}
	return &Session{m: m, host: alone{m}, st: st}, nil
}

func (m *Model) newState() (backend.State, error) {
	return m.dev.NewState(m.prog.States(), m.opt.kv, m.opt.Context)
}

// Model returns the session's model.
func (s *Session) Model() *Model { return s.m }

// IDs returns the ids the session holds. They are the session's own: whoever keeps them
// beyond its next step or Rewind copies them.
func (s *Session) IDs() []int32 { return s.ids }

// Len is the number of positions held.
func (s *Session) Len() int { return len(s.ids) }

// State is the session's state; nil when it has been closed.
func (s *Session) State() backend.State { return s.st }

// SetAdjustments replaces the logit adjustments of later calls of Prefill.
func (s *Session) SetAdjustments(a Adjustments) { s.adjust = a }

// undo makes the state as long as the ids are: a step that failed may have
// extended it, or between two decoders a part of it.
func (s *Session) undo() error { return s.st.Truncate(min(s.st.Len(), len(s.ids))) }

// Step is Model.Step for this session: all of ids in one step.
func (s *Session) Step(ctx context.Context, ids []int32, rows []Row) ([]Top, error) {
	return s.ask(ctx, Append{IDs: ids, Rows: rows}, false)
}

// Prefill appends ids in steps of at most Options.MaxChunk tokens and returns
// the topk outcome behind the last of them, valid until the next step of the model.
// progress, when not nil, is told the number of tokens done between the steps, and may
// make steps of other sessions. After an error the session
// holds what had been appended before the failing step.
func (s *Session) Prefill(ctx context.Context, ids []int32, progress func(done int)) (Top, error) {
	return s.prefill(ctx, ids, Append{Rows: []Row{{Adjust: s.adjust}}}, progress)
}

// prefill is Prefill with what is wanted behind the last token: the one row of last, its
// Logits and its NoTop, with which there is no outcome.
func (s *Session) prefill(ctx context.Context, ids []int32, last Append, progress func(done int)) (Top, error) {
	if err := s.idle(); err != nil {
		return Top{}, err
	}
	if len(ids) == 0 {
		return Top{}, fmt.Errorf("no tokens to append")
	}
	row := last.Rows[0]
	for at := 0; ; {
		n := min(s.m.opt.MaxChunk, len(ids)-at)
		a := Append{IDs: ids[at : at+n]}
		end := at+n == len(ids)
		if end {
			row.At = int32(n - 1)
			s.rows = append(s.rows[:0], row)
			a.Rows, a.Logits, a.NoTop = s.rows, last.Logits, last.NoTop
		}
		tops, err := s.ask(ctx, a, true)
		if err != nil {
			return Top{}, err
		}
		at += n
		var top Top
		if end && !last.NoTop {
			top = tops[0]
		}
		if progress != nil {
			top.IDs, top.Logits = slices.Clone(top.IDs), slices.Clone(top.Logits) // progress may make steps
			progress(at)
		}
		if end {
			return top, nil
		}
	}
}

// Extend appends ids in steps of at most Options.MaxChunk tokens and computes
// no logits where the program is cut before them.
func (s *Session) Extend(ctx context.Context, ids []int32) error {
	for at := 0; at < len(ids); {
		n := min(s.m.opt.MaxChunk, len(ids)-at)
		if _, err := s.ask(ctx, Append{IDs: ids[at : at+n]}, true); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// Logits appends ids and hands the logits of each to row, in order: one row of
// vocabulary size per token, valid during the call.
func (s *Session) Logits(ctx context.Context, ids []int32, row func(i int, logits []float32) error) error {
	return s.LogitBlocks(ctx, ids, func(first int, logits []float32, vocab int) error {
		for i := range len(logits) / vocab {
			if err := row(first+i, logits[i*vocab:(i+1)*vocab]); err != nil {
				return err
			}
		}
		return nil
	})
}

// LogitBlocks is Logits for at most Options.MaxRows tokens at a time: the logits
// of ids[first], ids[first+1] and so on, vocab numbers each, valid during the call.
func (s *Session) LogitBlocks(ctx context.Context, ids []int32, block func(first int, logits []float32, vocab int) error) error {
	if err := s.idle(); err != nil {
		return err
	}
	for at := 0; at < len(ids); {
		n := min(s.m.opt.MaxChunk, len(ids)-at)
		s.rows = s.rows[:0]
		for i := range n {
			s.rows = append(s.rows, Row{At: int32(i)})
		}
		_, err := s.ask(ctx, Append{IDs: ids[at : at+n], Rows: s.rows, NoTop: true,
			Logits: func(first int, logits []float32, vocab int) error { return block(at+first, logits, vocab) }}, true)
		if err != nil {
			return err
		}
		at += n
	}
	return nil
}
