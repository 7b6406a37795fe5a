package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tessera-llm/tessera/runtime"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Options of a Scheduler.
type Options struct {
	// PrefillTokens is the number of prompt tokens that a step takes at most when
	// sessions decode in it too; a step of prompts alone takes the model's MaxChunk.
	// 0 is DefaultPrefillTokens.
	PrefillTokens int
	// MaxSessions is the number of sessions that may be open at once, forks included;
	// 0: no limit. One more is a *FullError.
	MaxSessions int
	// MaxMemory, when not 0, is what the model may take in bytes: as many sessions may be
	// open as fit into it when each is as long as the model's Context, by Model.Sessions.
	// New refuses a model of which not one does, with a *runtime.MemoryError.
	MaxMemory int64
}

// DefaultPrefillTokens is PrefillTokens when that is 0. From eight on, a prompt token costs
// about the same however many a step takes (go test -bench Beside, with llama-1b in q4_0 on
// AVX2), so few are enough, and every one more makes those wait who decode; but a step of few is
// mostly the decode of others where prompts are read much faster than tokens are made, and
// the prompt waits for that.
const DefaultPrefillTokens = 16

// FullError says that as many sessions are open as may be.
type FullError struct{ Max int }

func (e *FullError) Error() string {
	return fmt.Sprintf("%d sessions are open, no more are admitted: close one, or allow more", e.Max)
}

// errClosed is the error of using a scheduler that has been closed, and its sessions.
var errClosed = fmt.Errorf("the scheduler: %w", backend.ErrClosed)

// Scheduler owns a model and shares it among sessions. It is safe for many goroutines.
type Scheduler struct {
	m   *runtime.Model
	opt Options
	max int // tokens of a step

	closing sync.Once
	err     error // of closing

	mu       sync.Mutex
	closed   bool
	busy     bool       // somebody uses the model, or has been told to
	free     sync.Cond  // that busy has become false behind closed
	border   []*Session // waits to touch the device between steps
	decode   []*Session // waits with an append that cannot be divided
	prompts  []*Session // waits with one that can, by ticket
	tickets  uint64
	sessions int
	await    awaited

	// of the step that runs; whoever leads it
	batch   []runtime.Append
	members []*Session
}

// New shares m, which belongs to the scheduler from here on, also when New fails. A nil m is
// an error.
func New(m *runtime.Model, o Options) (*Scheduler, error) {
	if m == nil {
		return nil, errors.New("there is no model to share: it is nil")
	}
	err := o.admit(m)
	if err != nil {
		if e := m.Close(); e != nil {
			err = fmt.Errorf("%w; and closing the model: %w", err, e)
		}
		return nil, err
	}
	c := &Scheduler{m: m, opt: o, max: m.Options().MaxChunk}
	c.free.L = &c.mu
	c.await.init(c.late)
	return c, nil
}

// admit fills in the defaults for m, and how many sessions its memory allows.
func (o *Options) admit(m *runtime.Model) error {
	if o.PrefillTokens < 0 || o.MaxSessions < 0 || o.MaxMemory < 0 {
		return fmt.Errorf("%d prompt tokens beside decode, %d sessions and %d bytes, want 0 (the default) or more", o.PrefillTokens, o.MaxSessions, o.MaxMemory)
	}
	if o.PrefillTokens == 0 {
		o.PrefillTokens = DefaultPrefillTokens
	}
	if o.MaxMemory == 0 {
		return nil
	}
	n, _, err := m.Sessions(0, o.MaxMemory)
	if err == nil && (o.MaxSessions == 0 || o.MaxSessions > n) {
		o.MaxSessions = n
	}
	return err
}

// Model is what the scheduler shares, for what does not change of it: Meta, Options,
// DefaultSampler, Program. Its steps and sessions are the scheduler's.
func (c *Scheduler) Model() *runtime.Model { return c.m }

// Options returns the options in force, defaults filled in.
func (c *Scheduler) Options() Options { return c.opt }

// NewSession starts an empty sequence, behind the step that runs.
func (c *Scheduler) NewSession(ctx context.Context) (*Session, error) {
	s := newSession(c)
	err := c.admit(ctx, s, func() (err error) {
		s.rs, err = c.m.NewHosted(s)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// admit opens a session between two steps, in the turn of by.
func (c *Scheduler) admit(ctx context.Context, by *Session, open func() error) error {
	return by.Border(ctx, func() error {
		c.mu.Lock()
		full := c.opt.MaxSessions > 0 && c.sessions >= c.opt.MaxSessions
		c.mu.Unlock()
		if full {
			return &FullError{Max: c.opt.MaxSessions}
		}
		if err := open(); err != nil {
			return err
		}
		c.mu.Lock()
		c.sessions++
		c.mu.Unlock()
		return nil
	})
}

// Close ends what waits, waits for the step that runs and closes the model. Behind it, every
// use of a session is an error that is backend.ErrClosed; closing twice is harmless.
func (c *Scheduler) Close() error {
	c.closing.Do(func() {
		c.mu.Lock()
		c.closed = true
		for _, list := range [][]*Session{c.border, c.decode, c.prompts} {
			for _, s := range list {
				if s.phase == waits {
					s.finish(errClosed)
				}
			}
		}
		c.border, c.decode, c.prompts = nil, nil, nil
		for c.busy {
			c.free.Wait()
		}
		c.await.stop()
		c.mu.Unlock()
		c.err = c.m.Close()
	})
	return c.err
}
