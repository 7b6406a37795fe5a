package cpu

import (
	"context"
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// state is the KV caches of one sequence.
type state struct {
	d     *device
	run   uint64 // number of the last run that had it in its batch
	kv    string
	max   int
	names []string
	cache map[string]*kernel.KVCache // nil when closed
}

var _ backend.State = (*state)(nil)

func newState(d *device, specs []*ir.State, kv string, maxPos int) (*state, error) {
	t, err := tensor.ParseType(kv)
	if err != nil {
		return nil, fmt.Errorf("cache type: %w", err)
	}
	if maxPos <= 0 {
		return nil, fmt.Errorf("a state for %d positions", maxPos)
	}
	s := &state{d: d, kv: kv, max: maxPos, cache: make(map[string]*kernel.KVCache, len(specs))}
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

// Len is the number of positions that all caches hold.
func (s *state) Len() int {
	n := 0
	for i, name := range s.names {
		if l := s.cache[name].Len(); i == 0 || l < n {
			n = l
		}
	}
	return n
}

func (s *state) setLen(n int) {
	for _, c := range s.cache {
		c.SetLen(n)
	}
}

// open says whether the state may be used.
func (s *state) open() error {
	if s.cache == nil {
		return fmt.Errorf("the state: %w", backend.ErrClosed)
	}
	return nil
}

func (s *state) Truncate(n int) error {
	if err := s.open(); err != nil {
		return err
	}
	if held := s.Len(); n < 0 || n > held {
		return fmt.Errorf("truncate a state of %d positions to %d", held, n)
	}
	s.setLen(n)
	return nil
}

// start is the length of the named states, which a run extends together; that
// of the whole state when it names none.
func (s *state) start(specs []*ir.State) (int, error) {
	if len(specs) == 0 {
		return s.Len(), nil
	}
	n := 0
	for i, sp := range specs {
		c := s.cache[sp.Name]
		if c == nil {
			return 0, fmt.Errorf("the state holds no %s", sp.Name)
		}
		if i > 0 && c.Len() != n {
			return 0, fmt.Errorf("state %s holds %d positions, %s holds %d", sp.Name, c.Len(), specs[0].Name, n)
		}
		n = c.Len()
	}
	return n, nil
}

// reserve makes room for n positions in the named states.
func (s *state) reserve(specs []*ir.State, n int) error {
	if len(specs) > 0 && n > s.max {
		return fmt.Errorf("position %d is beyond the session's %d positions: open it with a larger context", n-1, s.max)
	}
	for _, sp := range specs {
		if err := s.cache[sp.Name].Grow(n); err != nil {
			return fmt.Errorf("state %s: %w", sp.Name, err)
		}
	}
	return nil
}

// extend makes the named states n positions long.
func (s *state) extend(specs []*ir.State, n int) {
	for _, sp := range specs {
		s.cache[sp.Name].SetLen(n)
	}
}

func (s *state) Fork() (backend.State, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	f := &state{d: s.d, kv: s.kv, max: s.max, names: s.names, cache: make(map[string]*kernel.KVCache, len(s.cache))}
	for name, c := range s.cache {
		f.cache[name] = c.Clone()
	}
	return f, nil
}

// Close gives the memory back.
func (s *state) Close() error {
	s.cache, s.names = nil, nil
	return nil
}

func (s *state) Bytes() int64 {
	var n int64
	for _, c := range s.cache {
		n += c.Bytes()
	}
	return n
}

func (s *state) Save(context.Context) ([]backend.StateData, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	n := s.Len()
	var all []backend.StateData
	for _, name := range s.names {
		all = append(all, backend.StateData{Name: name, KV: s.kv, Len: n, Data: s.cache[name].Save(nil, n)})
	}
	return all, nil
}

func (s *state) Load(data []backend.StateData) error {
	if err := s.open(); err != nil {
		return err
	}
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
	n := s.Len()
	for _, c := range s.cache {
		c.Poison(n)
	}
}
