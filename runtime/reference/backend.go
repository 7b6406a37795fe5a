package reference

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/tessera-llm/tessera/pkg/codec"
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
	closed  bool
}

func (d *device) Close() error {
	d.closed = true
	return nil
}

// open says whether the device may be used.
func (d *device) open() error {
	if d.closed {
		return fmt.Errorf("the device: %w", backend.ErrClosed)
	}
	return nil
}

// Wait has nothing to wait for: a run is over when it returns.
func (d *device) Wait(context.Context) error { return nil }

// NewState makes room for maxPos positions. Any codec will do, as the reference
// keeps float64; but a v that is part of k has no codec of its own.
func (d *device) NewState(specs []*ir.State, kv codec.Pair, maxPos int) (backend.State, error) {
	if err := d.open(); err != nil {
		return nil, err
	}
	if kv.K == nil || kv.V == nil {
		return nil, fmt.Errorf("a state without codecs: want %s", codec.Names())
	}
	if maxPos <= 0 {
		return nil, fmt.Errorf("a state for %d positions", maxPos)
	}
	s := &state{d: d, max: maxPos, layers: map[string]*layer{}}
	for _, sp := range specs {
		l, err := newLayer(sp)
		if err != nil {
			return nil, fmt.Errorf("state %s: %w", sp.Name, err)
		}
		if sp.VOfK {
			if err := kv.Fits(int(sp.KDim), int(sp.VDim), true); err != nil {
				return nil, fmt.Errorf("state %s: %w", sp.Name, err)
			}
		}
		s.names = append(s.names, sp.Name)
		s.layers[sp.Name] = l
	}
	return s, nil
}

// layer is what one layer keeps of every position: heads × kdim of K and × vkept
// of V. A recurrence keeps as K what its device keeps of the positions of the open
// chunk only, and has no base: what it carries follows from all of them.
type layer struct {
	heads, kdim, vdim int
	vkept             int // vdim, or 0 where v is the first channels of k
	k, v              []float64
}

func newLayer(sp *ir.State) (*layer, error) {
	l := &layer{heads: int(sp.Heads), kdim: int(sp.KDim), vdim: int(sp.VDim), vkept: int(sp.VDim)}
	switch sp.Kind {
	case ir.KV:
		if sp.VOfK {
			l.vkept = 0
		}
	case ir.Recurrent:
		l.heads, l.kdim = 1, int(sp.Row)
	default:
		return nil, fmt.Errorf("the reference interpreter keeps no %s state", sp.Kind)
	}
	if l.heads <= 0 || l.kdim <= 0 || l.vdim < 0 {
		return nil, fmt.Errorf("%d heads of %d and %d channels", l.heads, l.kdim, l.vdim)
	}
	return l, nil
}

func (l *layer) len() int { return len(l.k) / (l.heads * l.kdim) }

func (l *layer) truncate(n int) { l.k, l.v = l.k[:n*l.heads*l.kdim], l.v[:n*l.heads*l.vkept] }

// key and value are the rows of one position and head.
func (l *layer) key(pos, head int) []float64 { return l.k[(pos*l.heads+head)*l.kdim:][:l.kdim] }

// value is described at key.
func (l *layer) value(pos, head int) []float64 {
	if l.vkept == 0 {
		return l.key(pos, head)[:l.vdim]
	}
	return l.v[(pos*l.heads+head)*l.vdim:][:l.vdim]
}

type state struct {
	d      *device
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

// open says whether the state may be used.
func (s *state) open() error {
	if s.layers == nil {
		return fmt.Errorf("the state: %w", backend.ErrClosed)
	}
	return nil
}

func (s *state) Truncate(n int) error {
	if err := s.open(); err != nil {
		return err
	}
	if n < 0 || n > s.Len() {
		return fmt.Errorf("truncate a state of %d positions to %d", s.Len(), n)
	}
	for _, l := range s.layers {
		l.truncate(n)
	}
	return nil
}

func (s *state) Fork() (backend.State, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	f := &state{d: s.d, max: s.max, names: s.names, layers: map[string]*layer{}}
	for name, l := range s.layers {
		c := *l
		c.k, c.v = slices.Clone(l.k), slices.Clone(l.v)
		f.layers[name] = &c
	}
	return f, nil
}

func (s *state) Memory() backend.Memory {
	var n int64
	for _, l := range s.layers {
		n += int64(8 * (len(l.k) + len(l.v)))
	}
	return backend.Memory{Own: n, Fair: n}
}

// Trim does nothing: the reference keeps every position.
func (s *state) Trim() {}

// saved is the cache type of saved states.
const saved = "f64"

func (s *state) Save(context.Context) ([]backend.StateData, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	var all []backend.StateData
	n := s.Len()
	for _, name := range s.names {
		l := s.layers[name]
		var data []byte
		for _, x := range slices.Concat(l.k[:n*l.heads*l.kdim], l.v[:n*l.heads*l.vkept]) {
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(x))
		}
		all = append(all, backend.StateData{Name: name, KV: saved, Len: n, Data: data})
	}
	return all, nil
}

func (s *state) Load(data []backend.StateData) error {
	if err := s.open(); err != nil {
		return err
	}
	if len(data) != len(s.names) {
		return fmt.Errorf("%d saved states, want %d (%v)", len(data), len(s.names), s.names)
	}
	for i, d := range data {
		l := s.layers[d.Name]
		switch {
		case l == nil || d.Name != s.names[i]:
			return fmt.Errorf("saved state %d is %s, want %s", i, d.Name, s.names[i])
		case d.KV != saved:
			return fmt.Errorf("saved state %s has cache type %s, the reference keeps %s", d.Name, d.KV, saved)
		case d.Len != data[0].Len || d.Len < 0 || d.Len > s.max:
			return fmt.Errorf("saved state %s has %d positions, another has %d, and there is room for %d", d.Name, d.Len, data[0].Len, s.max)
		case d.From != 0 || len(d.Data) != 8*d.Len*l.heads*(l.kdim+l.vkept):
			return fmt.Errorf("saved state %s: %d bytes for positions %d to %d of %d heads of %d and %d channels",
				d.Name, len(d.Data), d.From, d.Len-1, l.heads, l.kdim, l.vkept)
		}
	}
	for _, d := range data {
		l := s.layers[d.Name]
		x := make([]float64, len(d.Data)/8)
		for i := range x {
			x[i] = math.Float64frombits(binary.LittleEndian.Uint64(d.Data[8*i:]))
		}
		at := d.Len * l.heads * l.kdim
		l.k, l.v = x[:at:at], x[at:]
	}
	return nil
}

func (s *state) Close() error {
	s.layers, s.names = nil, nil
	return nil
}

// buffer holds float64 or int32 rows.
type buffer struct {
	elem ir.Elem
	cols int
	max  int // rows; -1 when closed
	f    []float64
	i    []int32
}

// maxElems bounds a buffer: sizes come from files.
const maxElems = 1 << 31

func (d *device) NewBuffer(t ir.Type, rows int) (backend.Buffer, error) {
	if err := d.open(); err != nil {
		return nil, err
	}
	b := &buffer{elem: t.Elem, cols: 1, max: rows}
	if len(t.Shape) == 2 {
		b.cols = int(t.Shape[1])
	}
	if len(t.Shape) < 1 || len(t.Shape) > 2 || t.Elem != ir.F32 && t.Elem != ir.I32 {
		return nil, fmt.Errorf("buffer for %s: want f32 or i32 of rank 1 or 2", t)
	}
	if rows < 0 || b.cols <= 0 || rows > maxElems/b.cols {
		return nil, fmt.Errorf("buffer for %s with %d rows: too large", t, rows)
	}
	return b, nil
}

// fits says whether n elements of type e are whole rows and have room.
func (b *buffer) fits(e ir.Elem, n int) error {
	if b.max < 0 {
		return fmt.Errorf("a buffer of %s × %d: %w", b.elem, b.cols, backend.ErrClosed)
	}
	if b.elem != e || n%b.cols != 0 || n/b.cols > b.max {
		return fmt.Errorf("%d %s for a buffer of %s × %d with room for %d rows", n, e, b.elem, b.cols, b.max)
	}
	return nil
}

func (b *buffer) Rows() int { return max(len(b.f), len(b.i)) / b.cols }
func (b *buffer) Cols() int { return b.cols }

func (b *buffer) SetInt32(v []int32) error {
	if err := b.fits(ir.I32, len(v)); err != nil {
		return err
	}
	b.i = slices.Clone(v)
	return nil
}

func (b *buffer) SetFloat32(v []float32) error {
	if err := b.fits(ir.F32, len(v)); err != nil {
		return err
	}
	b.f = make([]float64, len(v))
	for i, x := range v {
		b.f[i] = float64(x)
	}
	return nil
}

// Int32 does not wait: a run is over when it returns.
func (b *buffer) Int32(context.Context) ([]int32, error) {
	if err := b.fits(ir.I32, 0); err != nil {
		return nil, err
	}
	return b.i, nil
}

// Float32 does not wait either.
func (b *buffer) Float32(context.Context) ([]float32, error) {
	if err := b.fits(ir.F32, 0); err != nil {
		return nil, err
	}
	return narrow(b.f), nil
}

// Close forgets the content.
func (b *buffer) Close() error {
	b.f, b.i, b.max = nil, nil, -1
	return nil
}

func narrow(x []float64) []float32 {
	f := make([]float32, len(x))
	for i, v := range x {
		f[i] = float32(v)
	}
	return f
}

func (d *device) Compile(segment string, g *ir.Graph, max backend.Size) (backend.Executable, error) {
	if err := d.open(); err != nil {
		return nil, err
	}
	if err := checkSize(max); err != nil {
		return nil, fmt.Errorf("segment %s: %w", segment, err)
	}
	c, err := expanded(g)
	if err != nil {
		return nil, fmt.Errorf("segment %s: %w", segment, err)
	}
	e := &executable{d: d, g: c, source: backend.Slices(d.weights, g), segment: segment, max: max, weights: map[string]*matrix{}}
	for _, w := range c.Weights {
		if _, err := e.weight(w.Name); err != nil {
			return nil, fmt.Errorf("segment %s: %w", segment, err)
		}
	}
	return e, nil
}

func checkSize(max backend.Size) error {
	if max.Tokens < 1 || max.Rows < 1 || max.Rows > max.Tokens {
		return fmt.Errorf("calls of %d tokens that want %d rows", max.Tokens, max.Rows)
	}
	return nil
}

// expanded is g in simple ops.
func expanded(g *ir.Graph) (*ir.Graph, error) {
	c := g.Clone()
	if err := ir.Expand(c, nil); err != nil {
		return nil, err
	}
	return c, ir.Verify(c)
}

type executable struct {
	d       *device
	g       *ir.Graph // expanded
	source  backend.Weights
	segment string
	max     backend.Size
	weights map[string]*matrix // decoded, by name; nil when closed
}

func (e *executable) Graph() *ir.Graph { return e.g }

func (e *executable) Stats() backend.Stats { return backend.Stats{Nodes: len(e.g.Nodes)} }

func (e *executable) Close() error {
	e.weights = nil
	return nil
}
