package cpu

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// state is the KV caches of one sequence.
type state struct {
	kv    string
	max   int
	len   int
	names []string
	cache map[string]*kernel.KVCache
}

var _ backend.State = (*state)(nil)

func newState(specs []*ir.State, kv string, maxPos int) (*state, error) {
	t, err := tensor.ParseType(kv)
	if err != nil {
		return nil, fmt.Errorf("cache type: %w", err)
	}
	if maxPos <= 0 {
		return nil, fmt.Errorf("a state for %d positions", maxPos)
	}
	s := &state{kv: kv, max: maxPos, cache: make(map[string]*kernel.KVCache, len(specs))}
	for _, sp := range specs {
		c, err := kernel.NewKVCache(t, int(sp.Heads), int(sp.HeadDim), maxPos)
		if err != nil {
			return nil, fmt.Errorf("state %s: %w", sp.Name, err)
		}
		s.names = append(s.names, sp.Name)
		s.cache[sp.Name] = c
	}
	return s, nil
}

func (s *state) Len() int { return s.len }

func (s *state) setLen(n int) {
	s.len = n
	for _, c := range s.cache {
		c.SetLen(n)
	}
}

func (s *state) Truncate(n int) error {
	if n < 0 || n > s.len {
		return fmt.Errorf("truncate a state of %d positions to %d", s.len, n)
	}
	s.setLen(n)
	return nil
}

// grow makes room for n positions.
func (s *state) grow(n int) error {
	if n > s.max {
		return fmt.Errorf("position %d is beyond the session's %d positions: open it with a larger context", n-1, s.max)
	}
	for _, name := range s.names {
		if err := s.cache[name].Grow(n); err != nil {
			return fmt.Errorf("state %s: %w", name, err)
		}
	}
	return nil
}

func (s *state) Fork() (backend.State, error) {
	f := &state{kv: s.kv, max: s.max, len: s.len, names: s.names, cache: make(map[string]*kernel.KVCache, len(s.cache))}
	for name, c := range s.cache {
		f.cache[name] = c.Clone()
	}
	return f, nil
}

func (s *state) Bytes() int64 {
	var n int64
	for _, c := range s.cache {
		n += c.Bytes()
	}
	return n
}

func (s *state) Save() ([]backend.StateData, error) {
	var all []backend.StateData
	for _, name := range s.names {
		all = append(all, backend.StateData{Name: name, KV: s.kv, Len: s.len, Data: s.cache[name].Save(nil, s.len)})
	}
	return all, nil
}

func (s *state) Load(data []backend.StateData) error {
	n := -1
	for _, d := range data {
		c := s.cache[d.Name]
		switch {
		case c == nil:
			return fmt.Errorf("saved state %s is not one of this segment's (%v)", d.Name, s.names)
		case d.KV != s.kv:
			return fmt.Errorf("saved state %s has cache type %s, the session uses %s", d.Name, d.KV, s.kv)
		case n >= 0 && d.Len != n:
			return fmt.Errorf("saved state %s has %d positions, another has %d", d.Name, d.Len, n)
		case d.Len < 0 || d.Len > s.max:
			return fmt.Errorf("saved state %s has %d positions, the session has room for %d", d.Name, d.Len, s.max)
		}
		n = d.Len
		if err := c.Grow(d.Len); err != nil {
			return err
		}
		if err := c.Load(d.Data, d.Len); err != nil {
			return fmt.Errorf("saved state %s: %w", d.Name, err)
		}
	}
	if len(data) != len(s.names) {
		return fmt.Errorf("%d saved states, want %d (%v)", len(data), len(s.names), s.names)
	}
	s.setLen(max(n, 0))
	return nil
}

// Poison fills everything beyond the state's length with NaN. It exists for
// tests: nothing may change.
func (s *state) Poison() {
	for _, c := range s.cache {
		c.Poison(s.len)
	}
}
