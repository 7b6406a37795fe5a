package runtime

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/tessera-llm/tessera/pkg/codec"
	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Options of a Model.
type Options struct {
	// Backend executes the graphs; required.
	Backend backend.Backend
	// Threads is the number of workers; 0 is the number of physical cores.
	Threads int
	// MaxChunk is the largest number of tokens of one step, over all sessions;
	// longer prompts are cut into steps of this size. 0 is 512.
	MaxChunk int
	// MaxRows is the largest number of rows whose logits are held at once: a
	// step that wants more computes them in blocks of this size, behind the decoder.
	// 0 is 64. A program that is not cut in front of its logits holds MaxChunk rows.
	MaxRows int
	// Context is the number of positions of a session; 0 is the model's own
	// context length, at most DefaultContext.
	Context int
	// KVType is the cache type, a codec of pkg/codec or two as K/V; "" is the
	// program's default.
	KVType string
	// PartialBytes bounds the memory in which the parts of attentions over long
	// sequences wait: spans that need more run in groups, a span that needs more
	// alone a part at a time, with the same numbers. 0 is backend.DefaultPartialBytes.
	PartialBytes int64
	// MaxMemory, when not 0, is what a model may take in bytes, that of MaxSessions sessions
	// of Context positions each (0: one) and MaxRows rows of logits included: New and NewSegment refuse one that
	// needs more, by the sum of Program.Memory, with a *MemoryError and before anything is compiled.
	MaxMemory   int64
	MaxSessions int
	// Trace, when set, sees every f32 and i8 value of every call.
	Trace func(v *ir.Value, rows int, data []float32)
	// Timing, when set, is told what every node of every call took.
	Timing func(t backend.NodeTime)

	kv codec.Pair // KVType, read
}

// DefaultContext bounds a session's positions when Options.Context is 0.
const DefaultContext = 8192

// DefaultRows is MaxRows when Options.MaxRows is 0.
const DefaultRows = 64

// Model is a program on a backend. It is used by one goroutine at a time.
type Model struct {
	prog    *Program
	opt     Options
	dev     backend.Device
	exec    []backend.Executable
	buffers map[string]backend.Buffer
	rows    map[string]int     // that a buffer has room for
	in, out [][]backend.Buffer // by segment
	plan    stepPlan
	topK    int // candidates that topk returns; 0: there is no topk
	step    stepState
	one     [1]Append // of a session that asks for itself
	running bool      // a step; what its Logits functions may not do asks
	closed  bool
}

// New compiles p for the backend in o. The model owns p from here on, also when
// New fails: closing the model closes p, and so does an error of New.
func New(p *Program, o Options) (*Model, error) {
	m := &Model{prog: p, buffers: map[string]backend.Buffer{}, rows: map[string]int{}}
	if err := m.open(o); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *Model) open(o Options) error {
	err := m.prog.Check()
	if err == nil {
		err = o.complete(m.prog)
	}
	if err != nil {
		return err
	}
	m.plan = planStep(m.prog)
	if m.plan.whole {
		o.MaxRows = o.MaxChunk
	}
	m.opt = o
	if err := m.prog.bounded(o, backend.Size{Tokens: o.MaxChunk, Rows: o.MaxRows}); err != nil {
		return err
	}
	if m.dev, err = o.Backend.Open(m.prog.Weights, o.device()); err != nil {
		return err
	}
	for _, s := range m.prog.Segments {
		if err := m.add(s); err != nil {
			return err
		}
	}
	if b := m.buffers[topIDs]; b != nil {
		m.topK = b.Cols()
	}
	return nil
}

// complete fills in the defaults for p.
func (o *Options) complete(p *Program) error {
	if o.Backend == nil {
		return fmt.Errorf("runtime: no backend")
	}
	if o.MaxChunk == 0 {
		o.MaxChunk = 512
	}
	kv, err := codec.ParsePair(cmp.Or(o.KVType, p.Meta.KVType, codec.Default.Name))
	if err != nil {
		return err
	}
	o.kv, o.KVType = kv, kv.String()
	if o.Context == 0 {
		o.Context = DefaultContext
		if c := p.Meta.ContextLength; c > 0 && c < o.Context {
			o.Context = c
		}
	}
	if o.MaxRows == 0 {
		o.MaxRows = DefaultRows
	}
	o.MaxRows = min(o.MaxRows, o.MaxChunk)
	if o.MaxMemory < 0 || o.MaxSessions < 0 {
		return fmt.Errorf("a bound of %d bytes for %d sessions", o.MaxMemory, o.MaxSessions)
	}
	if o.MaxChunk < 1 || o.Context < 1 || o.MaxRows < 1 {
		return fmt.Errorf("a context of %d positions with steps of %d tokens and %d rows", o.Context, o.MaxChunk, o.MaxRows)
	}
	return nil
}

// device is the part of the options that a backend asks for.
func (o *Options) device() backend.Options {
	return backend.Options{Threads: o.Threads, PartialBytes: o.PartialBytes, Trace: o.Trace, Timing: o.Timing}
}

// add compiles a segment and wires its buffers by name.
func (m *Model) add(s ir.Segment) error {
	e, err := m.dev.Compile(s.Name, s.Graph, backend.Size{Tokens: m.opt.MaxChunk, Rows: m.opt.MaxRows})
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
		if m.buffers[v.Name] == nil {
			if err := m.newBuffer(v, bufferRows(v, backend.Size{Tokens: m.opt.MaxChunk, Rows: m.opt.MaxRows})); err != nil {
				return nil, err
			}
		}
		all[i] = m.buffers[v.Name]
	}
	return all, nil
}

// bufferRows is the number of rows that the buffer of v starts with; those for
// adjustments and masks grow with what is asked for.
func bufferRows(v *ir.Value, max backend.Size) int {
	switch d := v.Type.Shape[0]; d {
	case ir.S:
		return max.Tokens
	case ir.R:
		return max.Rows
	case ir.A, ir.M:
		return 0
	default:
		return int(d)
	}
}

func (m *Model) newBuffer(v *ir.Value, rows int) error {
	b, err := m.dev.NewBuffer(v.Type, rows)
	if err != nil {
		return fmt.Errorf("%s: %w", v.Name, err)
	}
	m.buffers[v.Name], m.rows[v.Name] = b, rows
	return nil
}

// reserve makes room for n rows in the buffer of an external input.
func (m *Model) reserve(name string, n int) error {
	if n <= m.rows[name] {
		return nil
	}
	old := m.buffers[name]
	for i, s := range m.prog.Segments {
		for j, id := range s.Graph.Inputs {
			if m.in[i][j] != old {
				continue
			}
			if m.buffers[name] == old {
				if err := m.newBuffer(s.Graph.Value(id), max(n, 2*m.rows[name])); err != nil {
					return err
				}
			}
			m.in[i][j] = m.buffers[name]
		}
	}
	return old.Close()
}

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
		t.Stage += s.Stage
		t.Tables += s.Tables
		t.Scratch = max(t.Scratch, s.Scratch)
		t.Partials = max(t.Partials, s.Partials)
	}
	return t
}

// Memory is Program.Memory of the model's program and options.
func (m *Model) Memory(l Load) (Memory, error) { return m.prog.Memory(m.opt, l) }

// Sessions is Program.Sessions of the model's program and options.
func (m *Model) Sessions(positions int, bound int64) (int, Memory, error) {
	return m.prog.Sessions(m.opt, positions, bound)
}

// Close releases everything the model has opened, and the program. Sessions
// cannot be used afterwards. Closing twice is harmless; within a step it is refused.
func (m *Model) Close() error {
	if m.closed {
		return nil
	}
	if m.running {
		return errRunning
	}
	m.closed = true
	var all []error
	for _, e := range m.exec {
		all = append(all, e.Close())
	}
	for _, b := range m.buffers {
		all = append(all, b.Close())
	}
	if m.dev != nil {
		all = append(all, m.dev.Close())
	}
	if m.prog.Close != nil {
		all = append(all, m.prog.Close())
	}
	return errors.Join(all...)
}
