package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Session is one sequence: the ids it holds and their KV state.
type Session struct {
	m   *Model
	st  backend.State
	ids []int32

	positions []int32
	rows      []int32
	adjust    Adjustments
}

// Adjustments change logits before top-k: l = (l > 0 ? l/Scale : l·Scale) +
// Bias at each id. Ids must be distinct.
type Adjustments struct {
	IDs   []int32
	Scale []float32
	Bias  []float32
}

// Top is the outcome of topk for one row.
type Top struct {
	IDs    []int32   // by falling logit, then rising id
	Logits []float32 // after adjustments
	LSE    float32   // log-sum-exp over the whole vocabulary
}

// NewSession starts an empty sequence.
func (m *Model) NewSession() (*Session, error) {
	st, err := m.dev.NewState(m.prog.States(), m.opt.KVType, m.opt.Context)
	if err != nil {
		return nil, err
	}
	return &Session{m: m, st: st}, nil
}

// IDs returns the ids the session holds.
func (s *Session) IDs() []int32 { return s.ids }

// Len is the number of positions held.
func (s *Session) Len() int { return len(s.ids) }

// State is the session's KV state.
func (s *Session) State() backend.State { return s.st }

// SetAdjustments replaces the logit adjustments of later calls.
func (s *Session) SetAdjustments(a Adjustments) error {
	if len(a.IDs) > MaxAdjustments || len(a.Scale) != len(a.IDs) || len(a.Bias) != len(a.IDs) {
		return fmt.Errorf("%d adjusted ids with %d scales and %d biases, at most %d", len(a.IDs), len(a.Scale), len(a.Bias), MaxAdjustments)
	}
	s.adjust = a
	return nil
}

// Rewind forgets everything from position n on.
func (s *Session) Rewind(n int) error {
	if n < 0 || n > len(s.ids) {
		return fmt.Errorf("rewind a session of %d tokens to %d", len(s.ids), n)
	}
	if err := s.st.Truncate(n); err != nil {
		return err
	}
	s.ids = s.ids[:n]
	return nil
}

// Fork copies the session; both go on independently.
func (s *Session) Fork() (*Session, error) {
	st, err := s.st.Fork()
	if err != nil {
		return nil, err
	}
	return &Session{m: s.m, st: st, ids: slices.Clone(s.ids), adjust: s.adjust}, nil
}

// Prefill appends ids in calls of at most Options.MaxChunk tokens and returns
// the topk outcome behind the last of them. progress, when not nil, is told
// the number of tokens done. After an error the session holds what had been
// appended before the failing call.
func (s *Session) Prefill(ctx context.Context, ids []int32, progress func(done int)) (Top, error) {
	if len(ids) == 0 {
		return Top{}, fmt.Errorf("no tokens to append")
	}
	for at := 0; at < len(ids); {
		n := min(s.m.opt.MaxChunk, len(ids)-at)
		last := at+n == len(ids)
		if err := s.append(ctx, ids[at:at+n], last, false); err != nil {
			return Top{}, err
		}
		at += n
		if progress != nil {
			progress(at)
		}
	}
	return s.top()
}

// Extend appends ids in calls of at most Options.MaxChunk tokens and computes
// no logits where the program is cut before them.
func (s *Session) Extend(ctx context.Context, ids []int32) error {
	for at := 0; at < len(ids); {
		n := min(s.m.opt.MaxChunk, len(ids)-at)
		if err := s.append(ctx, ids[at:at+n], false, false); err != nil {
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

// LogitBlocks is Logits for the tokens of one call at a time: the logits of
// ids[first], ids[first+1] and so on, vocab numbers each, valid during the call.
func (s *Session) LogitBlocks(ctx context.Context, ids []int32, block func(first int, logits []float32, vocab int) error) error {
	b := s.m.buffers["logits"]
	if b == nil {
		return fmt.Errorf("the program is not cut behind its logits")
	}
	for at := 0; at < len(ids); {
		n := min(s.m.opt.MaxChunk, len(ids)-at)
		if err := s.append(ctx, ids[at:at+n], true, true); err != nil {
			return err
		}
		if err := block(at, b.Float32(), b.Cols()); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// append runs one call. Without wantLogits it stops behind the decoder; with
// all it computes logits for every token, else for the last.
func (s *Session) append(ctx context.Context, ids []int32, wantLogits, all bool) error {
	s.rows = s.rows[:0]
	for i := range ids {
		if all || i == len(ids)-1 {
			s.rows = append(s.rows, int32(i))
		}
	}
	segs := s.m.prog.Segments
	until := len(segs)
	for !wantLogits && until > 1 && skippable(segs[until-1].Kind) {
		until--
	}
	if all && until > 1 && segs[until-1].Kind == ir.KindTopK {
		until-- // the logits themselves are wanted
	}
	return s.step(ctx, ids, s.rows, until)
}

// Step appends ids in one call of all segments and selects rows, indices into
// ids, for logits and topk. It is what the other methods are made of.
func (s *Session) Step(ctx context.Context, ids, rows []int32) error {
	return s.step(ctx, ids, rows, len(s.m.exec))
}

func (s *Session) step(ctx context.Context, ids, rows []int32, until int) error {
	m := s.m
	if len(s.ids)+len(ids) > m.opt.Context {
		return &ContextError{Have: len(s.ids), Add: len(ids), Max: m.opt.Context}
	}
	s.positions = s.positions[:0]
	for i := range ids {
		s.positions = append(s.positions, int32(len(s.ids)+i))
	}
	if err := m.setInputs(ids, s.positions, rows, s.adjust); err != nil {
		return err
	}
	if err := m.call(ctx, s.st, until); err != nil {
		// The decoder may have appended before a later segment failed.
		if n := min(len(s.ids), s.st.Len()); n < s.st.Len() {
			err = errors.Join(err, s.st.Truncate(n))
		}
		return err
	}
	s.ids = append(s.ids, ids...)
	return nil
}

func skippable(kind string) bool { return kind == ir.KindLogit || kind == ir.KindTopK }

// ContextError says that a session is full.
type ContextError struct{ Have, Add, Max int }

func (e *ContextError) Error() string {
	return fmt.Sprintf("the context is full: %d tokens held, %d more do not fit into %d (use a larger --context)", e.Have, e.Add, e.Max)
}

func (m *Model) setInputs(ids, positions, rows []int32, a Adjustments) error {
	for _, in := range []struct {
		name string
		i    []int32
		f    []float32
	}{{"tokens", ids, nil}, {"positions", positions, nil}, {"rows", rows, nil}, {"adj_ids", a.IDs, nil}, {"adj_scale", nil, a.Scale}, {"adj_bias", nil, a.Bias}} {
		b := m.buffers[in.name]
		if b == nil {
			continue
		}
		var err error
		if in.name == "adj_scale" || in.name == "adj_bias" {
			err = b.SetFloat32(in.f)
		} else {
			err = b.SetInt32(in.i)
		}
		if err != nil {
			return fmt.Errorf("input %s: %w", in.name, err)
		}
	}
	return nil
}

// top reads the outcome of the last call's topk. The slices are valid until
// the next call.
func (s *Session) top() (Top, error) {
	ids, logits, lse := s.m.buffers["topk.ids"], s.m.buffers["topk.logits"], s.m.buffers["topk.lse"]
	if ids == nil || logits == nil || lse == nil {
		return Top{}, fmt.Errorf("the program has no topk segment")
	}
	return Top{IDs: ids.Int32()[:ids.Cols()], Logits: logits.Float32()[:logits.Cols()], LSE: lse.Float32()[0]}, nil
}
