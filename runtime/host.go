package runtime

import "context"

// Host is who runs what sessions ask of their model. That of Model.NewSession runs it
// at once, in the goroutine that asks; that of Model.NewHosted may let others into the
// same step, and make it wait for its turn. A session asks for one thing at a time.
type Host interface {
	// Append lets a step append a, or, where it may be taken apart, several steps, each some
	// of its tokens and the rows among them (Append.Part). The outcome is that of Model.Step,
	// but that an error leaves what earlier steps have appended; tops are valid until the
	// session asks again.
	Append(ctx context.Context, a *Append, apart bool) ([]Top, error)
	// Border calls f while no step runs and nobody else touches the device. The error is
	// f's, or says why f was not called.
	Border(ctx context.Context, f func() error) error
}

// NewHosted starts an empty sequence whose steps and other touches of the device go
// through h. The call itself is one: it must not be made while a step runs.
func (m *Model) NewHosted(h Host) (*Session, error) {
	s, err := m.NewSession()
	if err != nil {
		return nil, err
	}
	s.host = h
	return s, nil
}

// alone is the host of a model that one goroutine uses.
type alone struct{ *Model }

// Append makes one step of a.
func (m alone) Append(ctx context.Context, a *Append, _ bool) ([]Top, error) {
	m.one[0] = *a
	defer func() { m.one[0] = Append{} }() // keeps no session alive
	out, err := m.Step(ctx, m.one[:])
	if err != nil {
		return nil, err
	}
	return out[0].Tops, out[0].Err
}

func (m alone) Border(_ context.Context, f func() error) error { return f() }

// ask lets the host append a for the session, whose rows rise where it may be taken apart.
func (s *Session) ask(ctx context.Context, a Append, apart bool) ([]Top, error) {
	if err := s.idle(); err != nil {
		return nil, err
	}
	a.Session = s
	s.one, s.asking = a, true
	defer func() { s.one, s.asking = Append{}, false }()
	return s.host.Append(ctx, &s.one, apart)
}

// border calls f when the session's device can be touched.
func (s *Session) border(ctx context.Context, f func() error) error {
	if s.asking {
		return errRunning
	}
	return s.host.Border(ctx, f)
}

// idle says whether the session is open and asks for nothing: what it asked for
// may be in use by the step that runs.
func (s *Session) idle() error {
	switch {
	case s.asking:
		return errRunning
	case s.st == nil:
		return errClosed
	}
	return nil
}
