package runtime

import (
	"context"
	"fmt"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Options of a Model.
type Options struct {
	// Backend executes the graphs; required.
	Backend backend.Backend
	// Threads is the number of workers; 0 is the number of physical cores.
	Threads int
	// MaxChunk is the largest number of tokens of one call; longer prompts are
	// cut into calls of this size. 0 is 512.
	MaxChunk int
	// Context is the number of positions of a session; 0 is the model's own
	// context length, at most DefaultContext.
	Context int
	// KVType is the cache type, f32, f16 or q8_0; "" is the program's default.
	KVType string
	// Trace, when set, sees every f32 and i8 value of every call.
	Trace func(v *ir.Value, rows int, data []float32)
	// Timing, when set, is told what every node of every call took.
	Timing func(t backend.NodeTime)
}

// DefaultContext bounds a session's positions when Options.Context is 0.
const DefaultContext = 8192

// Model is a program on a backend. It is used by one goroutine at a time.
type Model struct {
	prog    *Program
	opt     Options
	dev     backend.Device
	exec    []backend.Executable
	buffers map[string]backend.Buffer
	in, out [][]backend.Buffer // by segment
}

// New compiles p for the backend in o. Closing the model closes p.
func New(p *Program, o Options) (*Model, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if err := o.complete(p); err != nil {
		return nil, err
	}
	dev, err := o.Backend.Open(p.Weights, o.device())
	if err != nil {
		return nil, err
	}
	m := &Model{prog: p, opt: o, dev: dev, buffers: map[string]backend.Buffer{}}
	for _, s := range p.Segments {
		if err := m.add(s); err != nil {
			m.Close()
			return nil, err
		}
	}
	return m, nil
}

// complete fills in the defaults for p.
func (o *Options) complete(p *Program) error {
	if o.Backend == nil {
		return fmt.Errorf("runtime: no backend")
	}
	if o.MaxChunk == 0 {
		o.MaxChunk = 512
	}
	if o.KVType == "" {
		o.KVType = p.Meta.KVType
	}
	if o.KVType == "" {
		o.KVType = "f16"
	}
	if o.Context == 0 {
		o.Context = DefaultContext
		if c := p.Meta.ContextLength; c > 0 && c < o.Context {
			o.Context = c
		}
	}
	o.MaxChunk = min(o.MaxChunk, o.Context)
	if o.MaxChunk < 1 {
		return fmt.Errorf("a context of %d positions with calls of %d tokens", o.Context, o.MaxChunk)
	}
	return nil
}

// device is the part of the options that a backend asks for.
func (o *Options) device() backend.Options {
	return backend.Options{Threads: o.Threads, Trace: o.Trace, Timing: o.Timing}
}

// add compiles a segment and wires its buffers by name.
func (m *Model) add(s ir.Segment) error {
	e, err := m.dev.Compile(s.Name, s.Graph, m.opt.MaxChunk)
	if err != nil {
		return err
	}
	m.exec = append(m.exec, e)
	in, err := m.wire(s.Graph, s.Graph.Inputs)
	if err != nil {
		return fmt.Errorf("segment %s: %w", s.Name, err)
	}
	out, err := m.wire(s.Graph, s.Graph.Outputs)
	if err != nil {
		return fmt.Errorf("segment %s: %w", s.Name, err)
	}
	m.in, m.out = append(m.in, in), append(m.out, out)
	return nil
}

func (m *Model) wire(g *ir.Graph, ids []ir.ValueID) ([]backend.Buffer, error) {
	all := make([]backend.Buffer, len(ids))
	for i, id := range ids {
		v := g.Value(id)
		b := m.buffers[v.Name]
		if b == nil {
			rows := m.opt.MaxChunk
			if v.Type.Shape[0] == ir.A {
				rows = MaxAdjustments
			}
			var err error
			if b, err = m.dev.NewBuffer(v.Type, rows); err != nil {
				return nil, fmt.Errorf("%s: %w", v.Name, err)
			}
			m.buffers[v.Name] = b
		}
		all[i] = b
	}
	return all, nil
}

// MaxAdjustments bounds the sparse logit adjustments of one call.
const MaxAdjustments = 1 << 17

// Meta describes the model.
func (m *Model) Meta() Meta { return m.prog.Meta }

// Program returns what the model executes.
func (m *Model) Program() *Program { return m.prog }

// Options returns the options in force, defaults filled in.
func (m *Model) Options() Options { return m.opt }

// Stats sums the compiled plans of the segments.
func (m *Model) Stats() backend.Stats {
	var t backend.Stats
	for _, e := range m.exec {
		s := e.Stats()
		t.Nodes += s.Nodes
		t.Relayout += s.Relayout
		t.Arena += s.Arena
		t.Scratch = max(t.Scratch, s.Scratch)
	}
	return t
}

// Close releases the device and the program.
func (m *Model) Close() error {
	err := m.dev.Close()
	if m.prog.Close != nil {
		if e := m.prog.Close(); err == nil {
			err = e
		}
	}
	return err
}

// call runs the segments up to and including the last one wanted. Buffers of
// external inputs must be set.
func (m *Model) call(ctx context.Context, st backend.State, until int) error {
	for i, e := range m.exec[:until] {
		if err := e.Run(ctx, st, m.in[i], m.out[i]); err != nil {
			return err
		}
	}
	return nil
}
