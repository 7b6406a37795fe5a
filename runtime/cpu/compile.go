package cpu

import (
	"fmt"
	"unsafe"

	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/target"
	"github.com/tessera-llm/tessera/runtime/backend"
	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// step is one node, ready to be bound to the buffers of a run.
type step struct {
	node   *ir.Node
	bind   func(r *run) error // sets the tasks' fields for this run
	tasks  []kernel.Task
	rounds *kernel.AttentionGroup // the attention among the tasks; nil: none
	all    stretch                // the tasks alone
}

// executable is a compiled graph.
type executable struct {
	d       *device
	g       *ir.Graph
	segment string
	max     backend.Size
	places  []place
	arena   []byte
	steps   []step
	ropes   []*ropeTable
	stage   []float32 // of attentions, one after the other
	size    int       // bytes of the arena
	tables  int64     // bytes of vectors and rope tables

	r         run
	work      *work     // everything
	stretches []stretch // the same, for runs in which an attention takes several rounds
}

var _ backend.Executable = (*executable)(nil)

func (d *device) Compile(segment string, g *ir.Graph, max backend.Size) (backend.Executable, error) {
	if err := d.open(); err != nil {
		return nil, err
	}
	var e *executable
	err := mmap.Guard(func() (err error) { // weights of vectors are read here
		e, err = d.compile(segment, g, max)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("segment %s: %w", segment, err)
	}
	return e, nil
}

func (d *device) compile(segment string, g *ir.Graph, max backend.Size) (*executable, error) {
	if max.Tokens < 1 || max.Tokens > 1<<20 || max.Rows < 1 || max.Rows > max.Tokens {
		return nil, fmt.Errorf("calls of %d tokens that want %d rows, want 1 to %d, and no more rows than tokens", max.Tokens, max.Rows, 1<<20)
	}
	if err := ir.Verify(g); err != nil {
		return nil, err
	}
	for _, n := range g.Nodes {
		if err := target.CPU.Supports(g, n); err != nil {
			return nil, fmt.Errorf("%s (%s): %w", n.Op, g.Value(n.Out[0]).Name, err)
		}
	}
	return d.build(segment, g, max)
}

// build turns a graph into tasks.
func (d *device) build(segment string, g *ir.Graph, max backend.Size) (*executable, error) {
	e := &executable{d: d, g: g, segment: segment, max: max}
	places, size, err := planValues(g, max)
	if err != nil {
		return nil, err
	}
	e.places, e.size = places, size
	if !d.measured {
		e.arena = kernel.AlignedBytes(size)
	}
	for _, n := range g.Nodes {
		s, err := e.step(n)
		if err != nil {
			return nil, fmt.Errorf("%s (%s): %w", n.Op, g.Value(n.Out[0]).Name, err)
		}
		s.node, s.all = n, newStretch(s.tasks, s.rounds)
		e.steps = append(e.steps, s)
	}
	if !d.measured {
		e.assemble()
	}
	e.r.acts = make([]kernel.Act, len(places))
	e.r.ints = make([][]int32, len(places))
	return e, nil
}

func (e *executable) Graph() *ir.Graph { return e.g }

// Close gives the memory back.
func (e *executable) Close() error {
	e.arena, e.steps, e.work, e.stretches, e.places, e.ropes, e.stage = nil, nil, nil, nil, nil, nil, nil
	e.r = run{}
	return nil
}

func (e *executable) Stats() backend.Stats {
	s := backend.Stats{Nodes: len(e.steps), Arena: int64(len(e.arena)), Stage: 4 * int64(len(e.stage)), Tables: e.tables, Partials: 4 * int64(len(e.d.partials.mem))}
	for _, st := range e.steps {
		if st.node.Row().Relays {
			s.Relayout++
		}
	}
	for _, w := range e.d.pool.scratch {
		s.Scratch += int64(len(w))
	}
	return s
}

// weight returns the named weight as a kernel operand.
func (e *executable) weight(name string) (*kernel.Weight, error) {
	w := e.g.Weight(name)
	if e.d.measured {
		k, err := kernel.ShapedWeight(w.Type, w.Form, w.Rows, w.Shape.Last())
		if err != nil {
			return nil, fmt.Errorf("weight %s: %w", name, err)
		}
		return &k, nil
	}
	data, err := e.d.weights.Bytes(e.segment, w)
	if err != nil {
		return nil, fmt.Errorf("weight %s: %w", name, err)
	}
	k, err := kernel.NewWeight(w.Type, w.Form, w.Rows, w.Shape.Last(), data)
	if err != nil {
		return nil, fmt.Errorf("weight %s: %w", name, err)
	}
	return &k, nil
}

// vector returns the named weight, of floats and small (ir.Vector), as float32, to be
// kept; nil where nothing is to run.
func (e *executable) vector(name string) ([]float32, error) {
	if !e.d.measured {
		f, err := e.values(name)
		e.tables += 4 * int64(len(f))
		return f, err
	}
	n, err := e.g.Weight(name).Shape.Elements()
	if err == nil && n > maxArena/4 {
		err = fmt.Errorf("%d numbers are too many for a vector", n)
	}
	if err != nil {
		return nil, fmt.Errorf("weight %s: %w", name, err)
	}
	e.tables += 4 * n
	return nil, nil
}

// values reads the named weight as float32.
func (e *executable) values(name string) ([]float32, error) {
	w := e.g.Weight(name)
	data, err := e.d.weights.Bytes(e.segment, w)
	if err != nil {
		return nil, fmt.Errorf("weight %s: %w", name, err)
	}
	n, err := w.Shape.Elements()
	if err != nil {
		return nil, fmt.Errorf("weight %s: %w", name, err)
	}
	f := make([]float32, n)
	if err := decodeVector(w.Type, f, data); err != nil {
		return nil, fmt.Errorf("weight %s: %w", name, err)
	}
	return f, nil
}

// int32s views arena memory.
func int32s(mem []byte, n int) []int32 {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*int32)(unsafe.Pointer(&mem[0])), n)
}
