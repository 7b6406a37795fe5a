package tessera

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/tessera-llm/tessera/runtime"
)

// serial owns a model and lets one goroutine at a time make a step of it.
type serial struct {
	mu   sync.Mutex
	m    *runtime.Model
	over bool
}

func newSerial(m *runtime.Model) *serial { return &serial{m: m} }

func (s *serial) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	return s.m.Close()
}

func (s *serial) NewSession(ctx context.Context) (*serialSession, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	one, err := s.m.NewSession()
	if err != nil {
		return nil, err
	}
	return &serialSession{of: s, s: one}, nil
}

// serialSession is one sequence of the model.
type serialSession struct {
	of *serial
	s  *runtime.Session
}

func (s *serialSession) usable() error {
	if s.of.over || s.s.State() == nil {
		return fmt.Errorf("the conversation: %w", ErrClosed)
	}
	return nil
}

// IDs are the ids held.
func (s *serialSession) IDs() []int32 { return s.s.IDs() }

// Rewind forgets everything from position n on.
func (s *serialSession) Rewind(ctx context.Context, n int) error {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	return s.s.Rewind(ctx, n)
}

// Generate yields between its steps, while others make theirs.
func (s *serialSession) Generate(ctx context.Context, prompt []int32, o runtime.GenerateOptions) iter.Seq2[runtime.Token, error] {
	return func(yield func(runtime.Token, error) bool) {
		s.of.mu.Lock()
		defer s.of.mu.Unlock()
		outside := func(f func()) { // of the lock, also where f panics
			s.of.mu.Unlock()
			defer s.of.mu.Lock()
			f()
		}
		if tell := o.Progress; tell != nil {
			o.Progress = func(done, total int) { outside(func() { tell(done, total) }) }
		}
		if see := o.Logits; see != nil {
			o.Logits = func(logits []float32) (err error) {
				outside(func() { err = see(logits) })
				return err
			}
		}
		if err := s.usable(); err != nil {
			outside(func() { yield(runtime.Token{}, err) })
			return
		}
		for t, err := range s.s.Generate(ctx, prompt, o) {
			more := false
			outside(func() { more = yield(t, err) })
			if !more {
				return
			}
			if err := s.usable(); err != nil {
				outside(func() { yield(runtime.Token{}, err) })
				return
			}
		}
	}
}

// Close gives the session's memory back. Closing twice is harmless.
func (s *serialSession) Close() error {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if s.of.over {
		return nil // the model's memory has gone, and with it the session's
	}
	return s.s.Close()
}
