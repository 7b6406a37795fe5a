package backendtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// lateExe hands runs to the device's goroutine.
type lateExe struct {
	d     *lateDevice
	inner backend.Executable
	g     *ir.Graph
}

func (e *lateExe) Graph() *ir.Graph { return e.inner.Graph() }

func (e *lateExe) Stats() backend.Stats {
	e.d.settle()
	return e.inner.Stats()
}

func (e *lateExe) Close() error {
	e.d.settle()
	return e.inner.Close()
}

// Run checks whose buffers and states these are; everything else is found late.
func (e *lateExe) Run(ctx context.Context, batch []backend.Span, in, out []backend.Buffer) error {
	ins, outs := lateBuffers(in), lateBuffers(out)
	if ins == nil || outs == nil {
		return fmt.Errorf("a buffer of another backend")
	}
	batch = slices.Clone(batch)
	states := make([]*lateState, len(batch)) // nil without one
	for i, sp := range batch {
		batch[i].Want = slices.Clone(sp.Want)
		if sp.State == nil {
			continue
		}
		st, ok := sp.State.(*lateState)
		if !ok || st.d != e.d {
			return fmt.Errorf("a state of another backend or device")
		}
		states[i], batch[i].State = st, st.inner
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	inner := func(list []*lateBuffer) []backend.Buffer {
		var all []backend.Buffer
		for _, b := range list {
			all = append(all, b.inner)
		}
		return all
	}
	e.d.enqueue(func() {
		err := e.late(ctx, batch, states, ins, inner(ins), inner(outs))
		for _, b := range outs {
			b.err = err
		}
		if err == nil {
			return
		}
		for _, st := range states {
			if st != nil {
				st.err = cmp.Or(st.err, err)
				e.d.stuck = append(e.d.stuck, st)
			}
		}
		e.d.mu.Lock()
		e.d.failed = cmp.Or(e.d.failed, err)
		e.d.mu.Unlock()
	})
	return nil
}

// late is the run when its turn has come. It fails when a run in front of it on
// the same states or buffers failed.
func (e *lateExe) late(ctx context.Context, batch []backend.Span, states []*lateState, ins []*lateBuffer, in, out []backend.Buffer) error {
	time.Sleep(e.d.late.Delay)
	if e.d.runs++; e.d.runs == e.d.late.FailAt {
		return ErrLate
	}
	for _, b := range ins {
		if b.err != nil {
			return b.err
		}
	}
	for _, st := range states {
		if st != nil && st.err != nil {
			return st.err
		}
	}
	return e.inner.Run(ctx, batch, in, out)
}

// lateBuffers are the buffers behind list, nil if one is of another backend.
func lateBuffers(list []backend.Buffer) []*lateBuffer {
	all := []*lateBuffer{}
	for _, x := range list {
		b, ok := x.(*lateBuffer)
		if !ok {
			return nil
		}
		all = append(all, b)
	}
	return all
}

// lateState is a sequence some of whose runs may be under way. Behind a failed
// one all fail until the error has been read or the state been rewound.
type lateState struct {
	d     *lateDevice
	inner backend.State
	err   error
}

func (d *lateDevice) NewState(states []*ir.State, kv codec.Pair, maxPos int) (backend.State, error) {
	d.settle()
	st, err := d.inner.NewState(states, kv, maxPos)
	if err != nil {
		return nil, err
	}
	return &lateState{d: d, inner: st}, nil
}

// Len counts what was handed in: it waits for it.
func (s *lateState) Len() int {
	s.d.settle()
	return s.inner.Len()
}

func (s *lateState) Truncate(n int) error {
	s.d.settle()
	s.err = nil
	return s.inner.Truncate(n)
}

func (s *lateState) Fork() (backend.State, error) {
	s.d.settle()
	if s.err != nil {
		return nil, s.err
	}
	f, err := s.inner.Fork()
	if err != nil {
		return nil, err
	}
	return &lateState{d: s.d, inner: f}, nil
}

func (s *lateState) Memory() backend.Memory {
	s.d.settle()
	return s.inner.Memory()
}

func (s *lateState) Trim() {
	s.d.settle()
	s.inner.Trim()
}

func (s *lateState) Save(ctx context.Context) ([]backend.StateData, error) {
	if err := s.d.drain(ctx); err != nil {
		return nil, err
	}
	if s.err != nil {
		return nil, s.err
	}
	return s.inner.Save(ctx)
}

func (s *lateState) Load(data []backend.StateData) error {
	s.d.settle()
	err := s.inner.Load(data)
	if err == nil {
		s.err = nil
	}
	return err
}

func (s *lateState) Close() error {
	s.d.settle()
	return s.inner.Close()
}

// Poison hands the test hook on, where there is one.
func (s *lateState) Poison() {
	s.d.settle()
	if p, ok := s.inner.(interface{ Poison() }); ok {
		p.Poison()
	}
}
