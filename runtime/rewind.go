package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/runtime/backend"
)

// Rewind forgets everything from position n on. Layers that look back a window
// give up what is behind it, and recurrent ones keep little of the past, so that going
// back to more than backend.Rewind tokens below the longest length that the session has
// had, or to less than was loaded, may need what is gone: then the tokens behind the
// nearest length that is held, by the state itself or by a snapshot, are computed again,
// with the bits of a session that never went further. An error, a cancelled ctx too,
// leaves the session as it was.
func (s *Session) Rewind(ctx context.Context, n int) error {
	var again *Session // its ids are the first of n; nil when the state goes back by itself
	err := s.border(ctx, func() (err error) {
		again, err = s.goBack(n)
		return err
	})
	if err != nil || again == nil {
		return err
	}
	err = again.Extend(ctx, s.ids[len(again.ids):n])
	return errors.Join(err, s.border(context.WithoutCancel(ctx), func() error {
		if err != nil {
			return again.st.Close()
		}
		old := s.st
		s.st = again.st
		return errors.Join(old.Close(), s.shorten(n))
	}))
}

// goBack truncates the session to n tokens. Where the state does not hold what that takes
// it changes nothing, and returns the nearest that there is.
func (s *Session) goBack(n int) (*Session, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	if n < 0 || n > len(s.ids) {
		return nil, fmt.Errorf("rewind a session of %d tokens to %d", len(s.ids), n)
	}
	err := s.st.Truncate(n)
	var gone *backend.NotHeldError
	if errors.As(err, &gone) {
		st, err := s.nearest(n)
		if err != nil {
			return nil, err
		}
		return &Session{m: s.m, host: s.host, st: st, ids: slices.Clone(s.ids[:st.Len()])}, nil
	}
	if err != nil {
		return nil, err
	}
	return nil, s.shorten(n)
}

// shorten makes the ids n and drops the snapshots of more.
func (s *Session) shorten(n int) (err error) {
	s.ids = s.ids[:n]
	for i := len(s.snapshots) - 1; i >= 0 && s.snapshots[i].Len() > n; i-- {
		err = errors.Join(err, s.snapshots[i].Close())
		s.snapshots = s.snapshots[:i]
	}
	return err
}

// nearest is a state of at most n of the session's ids, as many as possible: a
// fork of the session's own state or of a snapshot.
func (s *Session) nearest(n int) (backend.State, error) {
	best, err := nearest(s.st, n)
	if err != nil {
		return nil, err
	}
	for i := len(s.snapshots) - 1; i >= 0 && best.Len() < n; i-- {
		st, err := nearest(s.snapshots[i], n)
		if err != nil {
			return nil, errors.Join(err, best.Close())
		}
		if st.Len() > best.Len() {
			best, st = st, best
		}
		if err := st.Close(); err != nil {
			return nil, errors.Join(err, best.Close())
		}
		if s.snapshots[i].Len() <= n {
			break // older ones are shorter
		}
	}
	return best, nil
}

// nearest is a fork of st that was made at most n positions long, by as little
// as possible.
func nearest(st backend.State, n int) (backend.State, error) {
	f, err := st.Fork()
	if err != nil {
		return nil, err
	}
	err = f.Truncate(min(n, f.Len()))
	var gone *backend.NotHeldError
	if errors.As(err, &gone) {
		err = f.Truncate(gone.Nearest)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Snapshot remembers the session's present state: a later Rewind to this length
// or a little behind it need not compute it again. It shares memory with the
// session until that moves on, and is dropped by a Rewind to a shorter length.
func (s *Session) Snapshot() error {
	return s.border(context.Background(), func() error {
		if err := s.usable(); err != nil {
			return err
		}
		if k := len(s.snapshots); k > 0 && s.snapshots[k-1].Len() == s.st.Len() {
			return nil
		}
		st, err := s.st.Fork()
		if err != nil {
			return err
		}
		s.snapshots = append(s.snapshots, st)
		return nil
	})
}

// Fork returns a session that goes on from here by itself, with the same host. Both share
// memory until they write; snapshots stay with the parent.
func (s *Session) Fork() (f *Session, err error) {
	err = s.border(context.Background(), func() error {
		f, err = s.ForkHosted(s.host)
		return err
	})
	return f, err
}

// ForkHosted is Fork with a host of its own for the new session. It touches the device, as
// NewHosted does.
func (s *Session) ForkHosted(h Host) (*Session, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	st, err := s.st.Fork()
	if err != nil {
		return nil, err
	}
	return &Session{m: s.m, host: h, st: st, ids: slices.Clone(s.ids), adjust: s.adjust}, nil
}

// usable says whether the session is open and in no step that runs.
func (s *Session) usable() error {
	switch {
	case s.st == nil:
		return errClosed
	case s.m.closed:
		return fmt.Errorf("the model: %w", backend.ErrClosed)
	case s.stepping():
		return errRunning
	}
	return nil
}

// stepping says whether the session is in a step that runs.
func (s *Session) stepping() bool { return s.m.running && s.run == s.m.step.run }

// Close gives the session's memory back. Closing twice is harmless; within a step
// that the session is in, it is refused.
func (s *Session) Close() error {
	if s.st == nil {
		return nil
	}
	return s.border(context.Background(), func() error {
		if s.stepping() {
			return errRunning
		}
		err := s.st.Close()
		for _, st := range s.snapshots {
			err = errors.Join(err, st.Close())
		}
		s.st, s.ids, s.snapshots = nil, nil, nil
		return err
	})
}
