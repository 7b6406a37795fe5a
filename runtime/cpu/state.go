package cpu

import (
	"context"
	"fmt"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// state is what one sequence keeps: a part for every state of its segments.
type state struct {
	d     *device
	run   uint64 // number of the last run that had it in its batch
	kv    codec.Pair
	max   int
	names []string
	index map[string]int // shared with forks
	list  []part         // nil when closed
}

var _ backend.State = (*state)(nil)

func newState(d *device, specs []*ir.State, kv codec.Pair, maxPos int) (*state, error) {
	if maxPos <= 0 {
		return nil, fmt.Errorf("a state for %d positions", maxPos)
	}
	s := &state{d: d, kv: kv, max: maxPos, index: make(map[string]int, len(specs))}
	for _, sp := range specs {
		p, err := d.newPart(sp, kv, maxPos)
		if err != nil {
			return nil, fmt.Errorf("state %s: %w", sp.Name, err)
		}
		s.index[sp.Name] = len(s.names)
		s.names = append(s.names, sp.Name)
		s.list = append(s.list, p)
	}
	return s, nil
}

// part returns the part called name; nil if there is none.
func (s *state) part(name string) part {
	if i, ok := s.index[name]; ok {
		return s.list[i]
	}
	return nil
}

// cache returns the part called name if that is a KV cache, else nil, which no
// kernel takes.
func (s *state) cache(name string) *kernel.KVCache {
	p, _ := s.part(name).(kvPart)
	return p.KVCache
}

// recurrent returns the part called name if that is a recurrent state, else nil.
func (s *state) recurrent(name string) *kernel.Recurrent {
	p, _ := s.part(name).(recurrentPart)
	return p.Recurrent
}

// Len is the number of positions that all parts hold.
func (s *state) Len() int {
	n := 0
	for i, c := range s.list {
		if i == 0 || c.Len() < n {
			n = c.Len()
		}
	}
	return n
}

// open says whether the state may be used.
func (s *state) open() error {
	if s.list == nil {
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
	for i, p := range s.list {
		if p.Nearest(n) != n {
			return &backend.NotHeldError{State: s.names[i], Len: n, Nearest: s.nearest(n)}
		}
	}
	for _, p := range s.list {
		p.Truncate(n)
	}
	return nil
}

// nearest is the longest length of at most n to which every part can return.
func (s *state) nearest(n int) int {
	for i := 0; i < len(s.list); i++ {
		if m := s.list[i].Nearest(n); m < n {
			n, i = m, -1 // the others have to agree again
		}
	}
	return n
}

func (s *state) Trim() {
	for _, p := range s.list {
		p.trim()
	}
}

// start is the length of the named states, which a run extends together; that
// of the whole state when it names none.
func (s *state) start(specs []*ir.State) (int, error) {
	if len(specs) == 0 {
		return s.Len(), nil
	}
	n := 0
	for i, sp := range specs {
		c := s.part(sp.Name)
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
		c := s.part(sp.Name)
		if err := c.Reserve(c.Len(), n); err != nil {
			return fmt.Errorf("state %s: %w", sp.Name, err)
		}
	}
	return nil
}

// extend makes the named states n positions long.
func (s *state) extend(specs []*ir.State, n int) {
	for _, sp := range specs {
		s.part(sp.Name).SetLen(n)
	}
}

func (s *state) Fork() (backend.State, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	f := &state{d: s.d, kv: s.kv, max: s.max, names: s.names, index: s.index, list: make([]part, len(s.list))}
	for i, p := range s.list {
		f.list[i] = p.fork()
	}
	return f, nil
}

func (s *state) Close() error {
	for _, c := range s.list {
		c.Release()
	}
	s.list, s.names, s.index = nil, nil, nil
	return nil
}

func (s *state) Memory() backend.Memory {
	var m kernel.Memory
	for _, c := range s.list {
		m = m.Add(c.Memory())
	}
	return backend.Memory(m)
}

func (s *state) Save(context.Context) ([]backend.StateData, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	var all []backend.StateData
	for i, c := range s.list {
		data, from := c.Save(nil)
		all = append(all, backend.StateData{Name: s.names[i], KV: s.kv.String(), From: from, Len: c.Len(), Data: data})
	}
	return all, nil
}

func (s *state) Load(data []backend.StateData) error {
	if err := s.open(); err != nil {
		return err
	}
	if len(data) != len(s.names) {
		return fmt.Errorf("%d saved states, want %d (%.100q)", len(data), len(s.names), s.names)
	}
	// All is checked before anything is replaced.
	seen := map[string]bool{}
	for _, d := range data {
		c := s.part(d.Name)
		switch {
		case c == nil:
			return fmt.Errorf("saved state %.60q is not one of this segment's (%.100q)", d.Name, s.names)
		case seen[d.Name]:
			return fmt.Errorf("saved state %s is there twice", d.Name)
		case d.KV != s.kv.String():
			return fmt.Errorf("saved state %s has cache type %.20q, the session uses %s", d.Name, d.KV, s.kv)
		case d.Len != data[0].Len:
			return fmt.Errorf("saved state %s has %d positions, %s has %d", d.Name, d.Len, data[0].Name, data[0].Len)
		case d.Len < 0 || d.Len > s.max:
			return fmt.Errorf("saved state %s has %d positions, the session has room for %d", d.Name, d.Len, s.max)
		}
		if err := c.CanLoad(d.Data, d.From, d.Len); err != nil {
			return fmt.Errorf("saved state %s: %w", d.Name, err)
		}
		seen[d.Name] = true
	}
	for _, d := range data {
		if err := s.part(d.Name).Load(d.Data, d.From, d.Len); err != nil {
			return fmt.Errorf("saved state %s: %w", d.Name, err)
		}
	}
	return nil
}

// Poison fills everything beyond the state's length with NaN. It exists for
// tests: nothing may change.
func (s *state) Poison() {
	n := s.Len()
	for _, c := range s.list {
		c.Poison(n)
	}
}
