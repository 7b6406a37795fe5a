package runtime

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/tessera-llm/tessera/runtime/sampler"
)

// Append is what a step adds to one session.
type Append struct {
	Session *Session
	IDs     []int32 // at least one
	Rows    []Row   // the tokens behind which something is wanted; nil: nothing
	// Logits, when set, sees the logits of the whole vocabulary, before
	// adjustments and masks: vocab numbers each for Rows[first], Rows[first+1]
	// and so on, valid during the call. An error becomes the outcome's, and NaN are
	// ErrNaN without a call. It runs within the step: further steps, and Rewind, Fork,
	// Snapshot and Close of the step's sessions or the model, are errors in it.
	Logits func(first int, logits []float32, vocab int) error
	// Ctx, when set, is this append's alone: its error, in front of the step or behind
	// it, becomes the outcome's. A step is cut short by its own ctx only.
	Ctx context.Context
	// NoTop says that Logits is all that is wanted of Rows: the outcome has no
	// Tops, and topk does not run when no append of the step needs it.
	NoTop bool
}

// Part is tokens [from, to) of a with the rows among them, which rise, and the number of
// rows in front of those. Row.At counts from the part's first token; rows are written to
// "rows", which is returned too.
func (a *Append) Part(from, to int, rows []Row) (part Append, before int, _ []Row) {
	part = *a
	part.IDs = a.IDs[from:to]
	rows = rows[:0]
	for i := range a.Rows {
		r := a.Rows[i]
		switch at := int(r.At); {
		case at < from:
			before++
		case at < to || to == len(a.IDs): // an At that is none is refused with the last part
			r.At -= int32(from)
			rows = append(rows, r)
		}
	}
	part.Rows = rows
	return part, before, rows
}

// Row asks for what the model says behind one of the tokens of an Append.
type Row struct {
	At          int32 // index into IDs
	Adjust      Adjustments
	Temperature float32  // of Top.LSETemp, at least sampler.MinTemperature; 0 is 1
	Allow       []uint32 // bit id%32 of word id/32 allows an id, ceil(vocabulary/32) words; nil: all
}

// Adjustments change logits before top-k, in order: l = (l > 0 ? l/Scale :
// l·Scale) + Bias at each id.
type Adjustments struct {
	IDs   []int32
	Scale []float32
	Bias  []float32
}

// Top is the outcome of topk for one row.
type Top struct {
	IDs     []int32   // by falling logit, then rising id
	Logits  []float32 // after adjustments and mask
	LSE     float32   // log-sum-exp over the whole vocabulary
	LSETemp float32   // the same of the logits divided by the row's temperature
}

// Outcome is what became of an Append. With an error the session is as it was
// before, whatever the others did.
type Outcome struct {
	Err  error
	Tops []Top // one per Row; valid until the next step of the model
}

// ErrNaN is the outcome when logits are not numbers. The runtime does not search
// weights for NaN, which would cost a read of all of them.
var ErrNaN = errors.New("the logits are NaN: the weights hold values that are not numbers, or the model overflows; tessera inspect --check searches the weights")

// ErrAdjusted is the outcome when the logits are numbers, but adjustments and mask, or the
// Logits function of a generation, leave none that is finite or make one infinite: no
// token is more likely than another.
var ErrAdjusted = errors.New("the logit adjustments and the mask leave no token to choose: every allowed one has a bias of -Inf, or one has a bias of +Inf or overflows")

// ErrNothingAllowed is the outcome when a mask allows no id.
var ErrNothingAllowed = errors.New("the mask allows no token")

// errNoTopK is the outcome of rows whose tops nothing computes.
var errNoTopK = errors.New("the program has no topk segment")

// ContextError says that a session is full.
type ContextError struct{ Have, Add, Max int }

func (e *ContextError) Error() string {
	return fmt.Sprintf("the context is full: %d tokens held, %d more do not fit into %d (use a larger --context)", e.Have, e.Add, e.Max)
}

// check finds out whether a can be run; what is wrong with it alone must not
// touch the others.
func (m *Model) check(a *Append) error {
	s := a.Session
	switch {
	case len(a.IDs) == 0:
		return fmt.Errorf("no tokens to append")
	case a.Ctx != nil && a.Ctx.Err() != nil:
		return a.Ctx.Err()
	case a.Logits != nil && m.buffers[logitsName] == nil:
		return fmt.Errorf("the program is not cut behind its logits")
	case len(a.Rows) > 0 && !a.NoTop && m.topK == 0:
		return errNoTopK
	}
	if len(s.ids)+len(a.IDs) > m.opt.Context {
		return &ContextError{Have: len(s.ids), Add: len(a.IDs), Max: m.opt.Context}
	}
	if err := m.checkIDs(a.IDs); err != nil {
		return err
	}
	for i := range a.Rows {
		r := &a.Rows[i]
		if r.At < 0 || int(r.At) >= len(a.IDs) {
			return fmt.Errorf("row %d is outside 0..%d", r.At, len(a.IDs)-1)
		}
		if err := m.checkRow(r); err != nil {
			return err
		}
	}
	return nil
}

// checkIDs refuses ids outside the vocabulary.
func (m *Model) checkIDs(ids []int32) error {
	for i, id := range ids {
		if id < 0 || m.plan.vocab > 0 && int(id) >= m.plan.vocab {
			return fmt.Errorf("token id %d at position %d is outside 0..%d", id, i, m.plan.vocab-1)
		}
	}
	return nil
}

func (m *Model) checkRow(r *Row) error {
	if t := r.Temperature; t != 0 && !(t >= sampler.MinTemperature && t <= math.MaxFloat32) {
		return fmt.Errorf("temperature %v, want 0 (1) or at least %v", t, float32(sampler.MinTemperature))
	}
	a := &r.Adjust
	if len(a.Scale) != len(a.IDs) || len(a.Bias) != len(a.IDs) {
		return fmt.Errorf("%d adjusted ids with %d scales and %d biases", len(a.IDs), len(a.Scale), len(a.Bias))
	}
	if m.plan.logits == 0 {
		if len(a.IDs) > 0 || r.Allow != nil {
			return fmt.Errorf("adjusted or masked logits, but the program has no topk")
		}
		return nil
	}
	for i, id := range a.IDs {
		if id < 0 || int(id) >= m.plan.logits {
			return fmt.Errorf("adjusted id %d is outside 0..%d", id, m.plan.logits-1)
		}
		if s, b := a.Scale[i], a.Bias[i]; !(s > 0) || s > math.MaxFloat32 || b != b {
			return fmt.Errorf("logit adjustment %d: scale %v (want > 0), bias %v", i, s, b)
		}
	}
	if r.Allow == nil {
		return nil
	}
	words := (m.plan.logits + 31) / 32
	if len(r.Allow) != words {
		return fmt.Errorf("a mask of %d words, the vocabulary of %d needs %d", len(r.Allow), m.plan.logits, words)
	}
	for i, w := range r.Allow {
		if i == words-1 && m.plan.logits%32 != 0 {
			w &= 1<<(m.plan.logits%32) - 1
		}
		if w != 0 {
			return nil
		}
	}
	return ErrNothingAllowed
}
