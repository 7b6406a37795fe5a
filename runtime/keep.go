package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/runtime/backend"
)

// Save returns copies of the session's ids and of what its state keeps of them, for Load in a
// session of the same program and cache type, here or in another process.
func (s *Session) Save(ctx context.Context) (ids []int32, states []backend.StateData, err error) {
	err = s.border(ctx, func() error {
		if err := s.usable(); err != nil {
			return err
		}
		states, err = s.st.Save(ctx)
		ids = slices.Clone(s.ids)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return ids, states, nil
}

// Load replaces what the session holds by what Save has returned. Snapshots are dropped. Ids
// outside the vocabulary, more than the context holds, states of another length, of other
// names or of another cache type are errors, after which the session is as it was.
func (s *Session) Load(ctx context.Context, ids []int32, states []backend.StateData) error {
	return s.border(ctx, func() error {
		if err := s.usable(); err != nil {
			return err
		}
		if len(ids) > s.m.opt.Context {
			return &ContextError{Add: len(ids), Max: s.m.opt.Context}
		}
		if err := s.m.checkIDs(ids); err != nil {
			return err
		}
		for _, st := range states {
			if st.Len != len(ids) {
				return fmt.Errorf("state %s holds %d positions of %d ids", st.Name, st.Len, len(ids))
			}
		}
		if err := s.st.Load(states); err != nil {
			return err
		}
		s.ids = slices.Clone(ids)
		var err error
		for _, st := range s.snapshots {
			err = errors.Join(err, st.Close())
		}
		s.snapshots = nil
		return err
	})
}
