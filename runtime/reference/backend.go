package reference

import (
	"context"
	"fmt"
	"slices"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Backend is the reference interpreter as a backend.
type Backend struct {
	// ExactActivations makes quantize_act the identity.
	ExactActivations bool
}

var _ backend.Backend = Backend{}

// Name is "reference".
func (Backend) Name() string { return "reference" }

// Target is "": the interpreter knows every op by its definition.
func (Backend) Target() string { return "" }

// Open makes a device over the weights w. Threads is ignored.
func (b Backend) Open(w backend.Weights, o backend.Options) (backend.Device, error) {
	return &device{weights: w, trace: o.Trace, exact: b.ExactActivations}, nil
}

type device struct {
	weights backend.Weights
	trace   func(*ir.Value, int, []float32)
	exact   bool
}

func (d *device) Close() error { return nil }

// NewState ignores the cache type: the reference keeps float64.
func (d *device) NewState(specs []*ir.State, kv string, maxPos int) (backend.State, error) {
	s := &state{max: maxPos, layers: map[string]*layer{}}
	for _, sp := range specs {
		s.names = append(s.names, sp.Name)
		s.layers[sp.Name] = &layer{width: int(sp.Heads * sp.HeadDim)}
	}
	return s, nil
}

// layer is K and V of one layer: positions × width.
type layer struct {
	width int
	k, v  []float64
}

func (l *layer) len() int { return len(l.k) / l.width }

func (l *layer) truncate(n int) { l.k, l.v = l.k[:n*l.width], l.v[:n*l.width] }

type state struct {
	max    int
	names  []string
	layers map[string]*layer
}

func (s *state) Len() int {
	n := 0
	for i, name := range s.names {
		if l := s.layers[name].len(); i == 0 || l < n {
			n = l
		}
	}
	return n
}

func (s *state) Truncate(n int) error {
	if n < 0 || n > s.Len() {
		return fmt.Errorf("truncate a state of %d positions to %d", s.Len(), n)
	}
	for _, l := range s.layers {
		l.truncate(n)
	}
	return nil
}

func (s *state) Fork() (backend.State, error) {
	f := &state{max: s.max, names: s.names, layers: map[string]*layer{}}
	for name, l := range s.layers {
		f.layers[name] = &layer{width: l.width, k: slices.Clone(l.k), v: slices.Clone(l.v)}
	}
	return f, nil
}

func (s *state) Bytes() int64 {
	var n int64
	for _, l := range s.layers {
		n += int64(8 * (len(l.k) + len(l.v)))
	}
	return n
}

func (s *state) Save() ([]backend.StateData, error) {
	return nil, fmt.Errorf("the reference interpreter does not save states")
}

func (s *state) Load([]backend.StateData) error {
	return fmt.Errorf("the reference interpreter does not load states")
}

// buffer holds float64 or int32 rows.
type buffer struct {
	elem ir.Elem
	cols int
	f    []float64
	i    []int32
}

func (d *device) NewBuffer(t ir.Type, rows int) (backend.Buffer, error) {
	b := &buffer{elem: t.Elem, cols: 1}
	if len(t.Shape) == 2 {
		b.cols = int(t.Shape[1])
	}
	return b, nil
}

func (b *buffer) Rows() int { return max(len(b.f), len(b.i)) / b.cols }
func (b *buffer) Cols() int { return b.cols }

func (b *buffer) SetInt32(v []int32) error {
	if b.elem != ir.I32 || len(v)%b.cols != 0 {
		return fmt.Errorf("%d i32 for a buffer of %s × %d", len(v), b.elem, b.cols)
	}
	b.i = slices.Clone(v)
	return nil
}

func (b *buffer) SetFloat32(v []float32) error {
	if b.elem != ir.F32 || len(v)%b.cols != 0 {
		return fmt.Errorf("%d f32 for a buffer of %s × %d", len(v), b.elem, b.cols)
	}
	b.f = make([]float64, len(v))
	for i, x := range v {
		b.f[i] = float64(x)
	}
	return nil
}

func (b *buffer) Int32() []int32 { return b.i }

func (b *buffer) Float32() []float32 {
	if b.elem != ir.F32 {
		return nil
	}
	return narrow(b.f)
}

func narrow(x []float64) []float32 {
	f := make([]float32, len(x))
	for i, v := range x {
		f[i] = float32(v)
	}
	return f
}

func (d *device) Compile(segment string, g *ir.Graph, maxTokens int) (backend.Executable, error) {
	c := g.Clone()
	if err := ir.Expand(c, nil); err != nil {
		return nil, fmt.Errorf("segment %s: %w", segment, err)
	}
	if err := ir.Verify(c); err != nil {
		return nil, fmt.Errorf("segment %s: %w", segment, err)
	}
	return &executable{d: d, g: c, source: backend.Slices(d.weights, g), segment: segment, weights: map[string]*matrix{}}, nil
}

type executable struct {
	d       *device
	g       *ir.Graph // expanded
	source  backend.Weights
	segment string
	weights map[string]*matrix // decoded, by name
}

func (e *executable) Graph() *ir.Graph { return e.g }

func (e *executable) Stats() backend.Stats { return backend.Stats{Nodes: len(e.g.Nodes)} }

func (e *executable) Run(ctx context.Context, st backend.State, in, out []backend.Buffer) error {
	s, _ := st.(*state)
	vals := make([]value, e.g.NumValues())
	for i, id := range e.g.Inputs {
		b, ok := in[i].(*buffer)
		if !ok {
			return fmt.Errorf("segment %s: input %d is a buffer of another backend", e.segment, i)
		}
		vals[id] = value{f: b.f, i: b.i, cols: b.cols}
	}
	for _, n := range e.g.Nodes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := e.eval(n, vals, s); err != nil {
			return fmt.Errorf("segment %s: %s (%s): %w", e.segment, n.Op, e.g.Value(n.Out[0]).Name, err)
		}
		for _, v := range n.Out {
			if val := e.g.Value(v); e.d.trace != nil && val.Type.Elem != ir.I32 {
				e.d.trace(val, vals[v].rows(), narrow(vals[v].f))
			}
		}
	}
	for i, id := range e.g.Outputs {
		b, ok := out[i].(*buffer)
		if !ok {
			return fmt.Errorf("segment %s: output %d is a buffer of another backend", e.segment, i)
		}
		b.f, b.i = vals[id].f, vals[id].i
	}
	return nil
}
