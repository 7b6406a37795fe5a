package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tessera-llm/tessera/runtime"
)

// phase is where a session stands with what it asked for.
type phase int

const (
	rests  phase = iota
	waits        // in one of the scheduler's lists
	chosen       // the model is its own: to lead a step, or to touch the device
	runs         // in a step
	done         // the outcome is there
)

var _ runtime.Host = (*Session)(nil)

// Append implements runtime.Host: it waits for the steps that take a, and leads those that
// nobody else does.
func (s *Session) Append(ctx context.Context, a *runtime.Append, apart bool) ([]runtime.Top, error) {
	c := s.c
	if !apart && len(a.IDs) > c.max {
		return nil, fmt.Errorf("a step of %d tokens, at most %d: open the model with larger chunks, or make several steps", len(a.IDs), c.max)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.await.came(s)
	if err := c.refuses(ctx); err != nil {
		c.next(nil) // it is not waited for any more
		return nil, err
	}
	s.ctx, s.a, s.apart = ctx, a, apart && len(a.IDs) > 1
	s.outcome.reset()
	c.queue(s)
	for s.phase != done {
		c.next(s)
		if err := s.wait(ctx); err != nil {
			return nil, err
		}
		if s.phase == chosen {
			if err := c.refuses(ctx); err != nil {
				s.withdraw()
				c.release()
				return nil, err
			}
			c.lead(s)
		}
	}
	s.phase, s.ctx, s.a = rests, nil, nil
	if s.panicked != nil {
		panic(s.panicked)
	}
	return s.tops, s.err
}

// queue lets s wait for a step.
func (c *Scheduler) queue(s *Session) {
	s.phase = waits
	if !s.apart {
		c.decode = append(c.decode, s)
		return
	}
	at := len(c.prompts)
	for at > 0 && c.prompts[at-1].ticket > s.ticket {
		at--
	}
	c.prompts = slices.Insert(c.prompts, at, s)
}

// Border implements runtime.Host: it waits until no step runs.
func (s *Session) Border(ctx context.Context, f func() error) error {
	if err := s.toBorder(ctx); err != nil {
		return err
	}
	defer func() {
		s.c.mu.Lock()
		s.phase = rests
		s.c.release()
		s.c.mu.Unlock()
	}()
	return f()
}

func (s *Session) toBorder(ctx context.Context) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refuses(ctx); err != nil {
		return err
	}
	s.phase = waits
	c.border = append(c.border, s)
	c.next(s)
	if err := s.wait(ctx); err != nil {
		return err
	}
	if s.phase == done {
		s.phase = rests
		return s.err
	}
	return nil
}

// errNoContext is what a nil context is answered with.
var errNoContext = errors.New("the context is nil")

// refuses says why nothing is begun.
func (c *Scheduler) refuses(ctx context.Context) error {
	switch {
	case c.closed:
		return errClosed
	case ctx == nil:
		return errNoContext
	}
	return ctx.Err()
}

// wait lets go of c.mu until s is chosen or done, or, while it is in no step, ctx ends.
func (s *Session) wait(ctx context.Context) error {
	c, ended := s.c, ctx.Done()
	for s.phase == waits || s.phase == runs {
		c.mu.Unlock()
		select {
		case <-s.wake:
			c.mu.Lock()
		case <-ended:
			c.mu.Lock()
			if s.phase == waits {
				s.withdraw()
				return ctx.Err()
			}
			ended = nil // the step will be over
		}
	}
	return nil
}

// withdraw takes s out of what it waits in.
func (s *Session) withdraw() {
	for _, list := range []*[]*Session{&s.c.border, &s.c.decode, &s.c.prompts} {
		if i := slices.Index(*list, s); i >= 0 {
			*list = slices.Delete(*list, i, i+1)
		}
	}
	s.phase, s.ctx, s.a = rests, nil, nil
}

// tell changes the phase of a session that waits or runs, and wakes it.
func (s *Session) tell(p phase) {
	s.phase = p
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// finish ends what s asked for with an error.
func (s *Session) finish(err error) {
	s.err = err
	s.tell(done)
}

// next chooses who uses the model, when it is free: first who waits at the border, then,
// if a step is due, somebody to lead it, which is self where that waits for one.
func (c *Scheduler) next(self *Session) {
	var s *Session
	switch {
	case c.busy:
		return
	case c.closed:
		c.free.Broadcast()
		return
	case len(c.border) > 0:
		s = c.border[0]
		c.border = slices.Delete(c.border, 0, 1)
	case len(c.decode)+len(c.prompts) == 0:
		return
	case c.await.n > 0:
		c.await.arm()
		return
	case self != nil:
		s = self
	case len(c.decode) > 0:
		s = c.decode[0]
	default:
		s = c.prompts[0]
	}
	c.busy = true
	if s == self {
		s.phase = chosen
	} else {
		s.tell(chosen)
	}
}

// release gives the model back.
func (c *Scheduler) release() {
	c.busy = false
	c.next(nil)
}

// lead runs a step in the goroutine of self, who has been chosen. c.mu is held, but not
// while the step runs.
func (c *Scheduler) lead(self *Session) {
	self.phase = waits // it is in a list like the others
	c.form()
	if len(c.members) == 0 {
		c.release()
		return
	}
	over := false
	defer func() {
		if !over { // a panic, which stays with this goroutine
			c.mu.Lock()
			for _, s := range c.members {
				s.finish(fmt.Errorf("the step panicked in the goroutine of another session"))
			}
			c.release()
		}
	}()
	c.mu.Unlock()
	begin := time.Now()
	ctx := context.Background()
	if len(c.members) == 1 {
		ctx = c.members[0].ctx // it need not see the step to its end
	}
	out, err := c.m.Step(ctx, c.batch)
	for i, s := range c.members {
		if s.err = err; err == nil {
			s.err = out[i].Err
			s.keep(out[i].Tops)
			s.at += len(c.batch[i].IDs)
		}
	}
	now := time.Now()
	over = true
	c.mu.Lock()
	c.await.begin(now, now.Sub(begin))
	for _, s := range c.members {
		if s.err == nil && s.at < len(s.a.IDs) {
			if !c.closed {
				c.queue(s) // for the rest
				continue
			}
			s.err = errClosed // nobody serves the lists any more
		}
		if s.err == nil {
			c.await.expect(s, now)
		}
		if s == self {
			s.phase = done
		} else {
			s.tell(done)
		}
	}
	clear(c.batch) // keeps no session alive
	clear(c.members)
	c.release()
}

// form makes the next step of what waits.
func (c *Scheduler) form() {
	c.await.stop()
	c.batch, c.members = c.batch[:0], c.members[:0]
	room, most := c.max, c.max
	if len(c.prompts) > 0 {
		most-- // prompts go on, however many decode
	}
	used := 0
	c.decode = c.take(c.decode, func(s *Session) int {
		if n := len(s.a.IDs); used == 0 && n <= room || used+n <= most {
			used += n
			return n
		}
		return 0
	})
	room -= used
	if used > 0 {
		room = min(room, c.opt.PrefillTokens)
	}
	c.prompts = c.take(c.prompts, func(s *Session) int {
		n := min(len(s.a.IDs)-s.at, room)
		room -= n
		return n
	})
}

// take moves sessions of list into the step, each with as many tokens as share says, and
// returns those that stay.
func (c *Scheduler) take(list []*Session, share func(*Session) int) []*Session {
	rest := list[:0]
	for _, s := range list {
		if err := s.ctx.Err(); err != nil {
			s.finish(err)
			continue
		}
		n := share(s)
		if n == 0 {
			rest = append(rest, s)
			continue
		}
		var a runtime.Append
		a, s.before, s.rows = s.a.Part(s.at, s.at+n, s.rows)
		a.Ctx = s.ctx
		if a.Logits != nil {
			a.Logits = s.see
		}
		s.phase = runs
		c.batch, c.members = append(c.batch, a), append(c.members, s)
	}
	clear(list[len(rest):])
	return rest
}

// newTicket gives the session's next appends their place among the prompts.
func (s *Session) newTicket() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.c.tickets++
	s.ticket = s.c.tickets
}

// leave says that s will not ask again for a while.
func (s *Session) leave() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.c.await.forget(s)
	s.c.next(nil)
}

// dismiss forgets a session that has been closed.
func (c *Scheduler) dismiss(s *Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions--
	c.await.forget(s)
	c.next(nil)
}
