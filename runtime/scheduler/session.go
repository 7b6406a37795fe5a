package scheduler

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Session is a runtime.Session whose steps are shared with those of others. It does one
// thing at a time: a call while another goroutine's is under way is an error, and IDs and
// Len wait for that.
type Session struct {
	c  *Scheduler
	rs *runtime.Session

	use    sync.Mutex // held by a call, except while functions of the user run
	opened bool

	// The rest is guarded by the scheduler's mu, or belongs to who leads the step that the
	// session is in.
	phase phase
	wake  chan struct{} // tells that phase has changed
	left  time.Time     // when the outcome of its last step was there
	epoch uint64        // of the wait that it is awaited in
	quick bool          // it asked again in time

	ctx    context.Context
	a      *runtime.Append
	apart  bool   // several steps may take it
	ticket uint64 // of the call that a is part of
	see    func(first int, logits []float32, vocab int) error

	outcome
}

// outcome is what became of an append so far: its first tokens were appended, or err.
type outcome struct {
	at       int // tokens appended
	err      error
	tops     []runtime.Top
	ids      []int32       // of tops
	logits   []float32     // of tops
	rows     []runtime.Row // of the part that is in a step
	before   int           // rows in front of those
	panicked any           // by a Logits function
}

// errInUse is the error of a second use of a session at the same time.
var errInUse = errors.New("the session is in use by another call: it does one thing at a time, end that by its context")

func newSession(c *Scheduler) *Session {
	s := &Session{c: c, opened: true, wake: make(chan struct{}, 1)}
	s.see = s.showLogits
	return s
}

// IDs returns a copy of the ids the session holds.
func (s *Session) IDs() []int32 {
	s.use.Lock()
	defer s.use.Unlock()
	return slices.Clone(s.rs.IDs())
}

// Len is the number of positions held.
func (s *Session) Len() int {
	s.use.Lock()
	defer s.use.Unlock()
	return s.rs.Len()
}

// SetAdjustments replaces the logit adjustments of later calls of Prefill.
func (s *Session) SetAdjustments(a runtime.Adjustments) error {
	if !s.use.TryLock() {
		return errInUse
	}
	defer s.use.Unlock()
	s.rs.SetAdjustments(a)
	return nil
}

// Prefill appends ids, as runtime.Session.Prefill does, over as many steps as it takes.
// The outcome is valid until the session's next call.
func (s *Session) Prefill(ctx context.Context, ids []int32, progress func(done int)) (runtime.Top, error) {
	if !s.use.TryLock() {
		return runtime.Top{}, errInUse
	}
	s.newTicket()
	if progress == nil { // allocates nothing
		defer s.use.Unlock()
		return s.rs.Prefill(ctx, ids, nil)
	}
	held := true
	defer s.end(&held)
	return s.rs.Prefill(ctx, ids, func(done int) { s.outside(&held, func() { progress(done) }) })
}

// Extend appends ids without logits, as runtime.Session.Extend does.
func (s *Session) Extend(ctx context.Context, ids []int32) error {
	if !s.use.TryLock() {
		return errInUse
	}
	defer s.use.Unlock()
	s.newTicket()
	return s.rs.Extend(ctx, ids)
}

// Generate appends prompt and yields tokens, as runtime.Session.Generate does.
func (s *Session) Generate(ctx context.Context, prompt []int32, o runtime.GenerateOptions) iter.Seq2[runtime.Token, error] {
	return func(yield func(runtime.Token, error) bool) {
		if !s.use.TryLock() {
			yield(runtime.Token{}, errInUse)
			return
		}
		held := true
		defer s.end(&held)
		defer s.leave()
		s.newTicket()
		o := o
		if tell := o.Progress; tell != nil {
			o.Progress = func(done, total int) { s.outside(&held, func() { tell(done, total) }) }
		}
		if hook := o.Logits; hook != nil {
			o.Logits = func(logits []float32) (err error) {
				s.outside(&held, func() { err = hook(logits) })
				return err
			}
		}
		for t, err := range s.rs.Generate(ctx, prompt, o) {
			held = false
			s.use.Unlock()
			if !yield(t, err) {
				return
			}
			if held = s.use.TryLock(); !held {
				yield(runtime.Token{}, errInUse)
				return
			}
		}
	}
}

// Rewind forgets everything from position n on, as runtime.Session.Rewind does; what
// that has to compute again it computes in steps with the others.
func (s *Session) Rewind(ctx context.Context, n int) error {
	if !s.use.TryLock() {
		return errInUse
	}
	defer s.use.Unlock()
	s.newTicket()
	return s.rs.Rewind(ctx, n)
}

// Save returns ids and states, as runtime.Session.Save does, between two steps.
func (s *Session) Save(ctx context.Context) ([]int32, []backend.StateData, error) {
	if !s.use.TryLock() {
		return nil, nil, errInUse
	}
	defer s.use.Unlock()
	return s.rs.Save(ctx)
}

// Load replaces what the session holds, as runtime.Session.Load does, between two steps.
func (s *Session) Load(ctx context.Context, ids []int32, states []backend.StateData) error {
	if !s.use.TryLock() {
		return errInUse
	}
	defer s.use.Unlock()
	return s.rs.Load(ctx, ids, states)
}

// Snapshot remembers the present state for a later Rewind.
func (s *Session) Snapshot() error {
	if !s.use.TryLock() {
		return errInUse
	}
	defer s.use.Unlock()
	return s.rs.Snapshot()
}

// Fork returns a session that goes on from here by itself, and counts as one more.
func (s *Session) Fork() (*Session, error) {
	if !s.use.TryLock() {
		return nil, errInUse
	}
	defer s.use.Unlock()
	f := newSession(s.c)
	err := s.c.admit(context.Background(), s, func() (err error) {
		f.rs, err = s.rs.ForkHosted(f)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Close gives the session's memory back, behind the step that runs. Closing twice, or
// behind the scheduler, is harmless.
func (s *Session) Close() error {
	if !s.use.TryLock() {
		return errInUse
	}
	defer s.use.Unlock()
	if !s.opened {
		return nil
	}
	err := s.rs.Close()
	if errors.Is(err, backend.ErrClosed) {
		err = nil // the memory went with the model
	}
	s.opened = false
	s.c.dismiss(s)
	return err
}

// end gives up what a call holds.
func (s *Session) end(held *bool) {
	if *held {
		s.use.Unlock()
	}
}

// outside runs f, which is the user's, and lets go of the session meanwhile.
func (s *Session) outside(held *bool, f func()) {
	*held = false
	s.use.Unlock()
	f()
	s.use.Lock()
	*held = true
}

// reset begins the outcome of another append.
func (o *outcome) reset() {
	o.at, o.err, o.panicked = 0, nil, nil
	o.tops, o.ids, o.logits = o.tops[:0], o.ids[:0], o.logits[:0]
}

// keep adds a copy of tops, which the next step overwrites.
func (o *outcome) keep(tops []runtime.Top) {
	for _, t := range tops {
		o.tops, o.ids, o.logits = append(o.tops, t), append(o.ids, t.IDs...), append(o.logits, t.Logits...)
	}
	at := 0
	for i := range o.tops { // all, since ids and logits may have moved
		end := at + len(o.tops[i].IDs)
		o.tops[i].IDs, o.tops[i].Logits = o.ids[at:end:end], o.logits[at:end:end]
		at = end
	}
}

// errPanicked is the outcome of an append whose Logits function panicked.
var errPanicked = errors.New("the Logits function panicked")

// showLogits calls the append's Logits function within the step that somebody else may
// lead: a panic is kept for the session's own goroutine.
func (s *Session) showLogits(first int, logits []float32, vocab int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.panicked, err = r, errPanicked
		}
	}()
	return s.a.Logits(s.before+first, logits, vocab)
}
