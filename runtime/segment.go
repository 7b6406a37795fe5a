package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/runtime/backend"
)

// Array is a value that enters or leaves a segment, in row-major order:
// exactly one of F32 and I32 is not nil.
type Array struct {
	Shape []int
	F32   []float32
	I32   []int32
}

// Segment is one segment of a program, compiled alone: nothing of the others
// is read. It is used by one goroutine at a time.
type Segment struct {
	ir.Segment
	dev     backend.Device
	exec    backend.Executable
	st      backend.State // nil without states
	in, out []backend.Buffer
	size    backend.Size
	kv      string
}

// NewSegment compiles the named segment of p for calls of at most o.MaxChunk
// tokens. It borrows p: closing the segment leaves p open, and p must stay open
// as long as the segment.
func NewSegment(p *Program, name string, o Options) (*Segment, error) {
	i := slices.IndexFunc(p.Segments, func(s ir.Segment) bool { return s.Name == name })
	if i < 0 {
		var names []string
		for _, s := range p.Segments {
			names = append(names, s.Name)
		}
		return nil, fmt.Errorf("no segment %.60q: the program has %s", name, strings.Join(names, ", "))
	}
	if err := o.complete(p); err != nil {
		return nil, err
	}
	one := *p
	one.Segments = p.Segments[i : i+1]
	if err := one.bounded(o, backend.Size{Tokens: o.MaxChunk, Rows: o.MaxChunk}); err != nil {
		return nil, err
	}
	dev, err := o.Backend.Open(p.Weights, o.device())
	if err != nil {
		return nil, err
	}
	s := &Segment{Segment: p.Segments[i], dev: dev, size: backend.Size{Tokens: o.MaxChunk, Rows: o.MaxChunk}, kv: o.KVType}
	if err := s.compile(o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Segment) compile(o Options) error {
	var err error
	if s.exec, err = s.dev.Compile(s.Name, s.Graph, s.size); err != nil {
		return err
	}
	if len(s.Graph.States) > 0 {
		if s.st, err = s.dev.NewState(s.Graph.States, o.kv, o.Context); err != nil {
			return fmt.Errorf("segment %s: %w", s.Name, err)
		}
	}
	for i, id := range slices.Concat(s.Graph.Inputs, s.Graph.Outputs) {
		v := s.Graph.Value(id)
		b, err := s.dev.NewBuffer(v.Type, bufferRows(v, s.size))
		if err != nil {
			return fmt.Errorf("segment %s: %s: %w", s.Name, v.Name, err)
		}
		if i < len(s.Graph.Inputs) {
			s.in = append(s.in, b)
		} else {
			s.out = append(s.out, b)
		}
	}
	return nil
}

// State is the segment's part of a sequence; nil when it has none. Save and
// Load carry it from one run to another.
func (s *Segment) State() backend.State { return s.st }

// KVType is the cache type of State.
func (s *Segment) KVType() string { return s.kv }

// Close releases what the segment has opened. Closing twice is harmless.
func (s *Segment) Close() error {
	if s.dev == nil {
		return nil
	}
	var all []error
	if s.exec != nil {
		all = append(all, s.exec.Close())
	}
	if s.st != nil {
		all = append(all, s.st.Close())
	}
	for _, b := range slices.Concat(s.in, s.out) {
		all = append(all, b.Close())
	}
	all = append(all, s.dev.Close())
	s.dev, s.in, s.out = nil, nil, nil
	return errors.Join(all...)
}

// Run executes the segment once, for a span of the sequence in State, and
// returns its outputs, which are copies. want lists the tokens that the rows behind the
// decoder are for; nil is the last. External inputs left out are what ir.Externals says.
func (s *Segment) Run(ctx context.Context, in map[string]Array, want []int32) (map[string]Array, error) {
	if s.dev == nil {
		return nil, fmt.Errorf("segment %s: %w", s.Name, backend.ErrClosed)
	}
	for name := range in {
		if v := s.Graph.ValueByName(name); v == nil || !slices.Contains(s.Graph.Inputs, v.ID) {
			return nil, fmt.Errorf("segment %s has no input %.60q: it takes %s", s.Name, name, s.describe(s.Graph.Inputs))
		}
	}
	span, held := s.span(in, want), 0
	if s.st != nil {
		held = s.st.Len()
	}
	for i, id := range s.Graph.Inputs {
		v := s.Graph.Value(id)
		a, ok := in[v.Name]
		if !ok {
			if a, ok = missing(v, span); !ok {
				return nil, fmt.Errorf("segment %s needs input %s: it takes %s", s.Name, v.Name, s.describe(s.Graph.Inputs))
			}
		}
		if err := s.set(i, v, a); err != nil {
			return nil, fmt.Errorf("segment %s: input %s: %w", s.Name, v.Name, err)
		}
	}
	if err := s.exec.Run(ctx, []backend.Span{span}, s.in, s.out); err != nil {
		return nil, err
	}
	out, err := s.read(ctx)
	if err == nil {
		err = s.dev.Wait(ctx)
	}
	if err != nil { // what is under way is waited for, and its error stays here
		_ = s.dev.Wait(context.WithoutCancel(ctx))
		if s.st != nil {
			err = errors.Join(err, s.st.Truncate(held))
		}
		return nil, err
	}
	if s.st != nil {
		s.st.Trim()
	}
	return out, nil
}

// read copies the outputs.
func (s *Segment) read(ctx context.Context) (map[string]Array, error) {
	out := map[string]Array{}
	for i, id := range s.Graph.Outputs {
		b, v := s.out[i], s.Graph.Value(id)
		a := Array{Shape: []int{b.Rows()}}
		if len(v.Type.Shape) == 2 {
			a.Shape = append(a.Shape, b.Cols())
		}
		var err error
		if v.Type.Elem == ir.I32 {
			a.I32, err = b.Int32(ctx)
			a.I32 = slices.Clone(a.I32)
		} else {
			a.F32, err = b.Float32(ctx)
			a.F32 = slices.Clone(a.F32)
		}
		if err != nil {
			return nil, fmt.Errorf("segment %s: output %s: %w", s.Name, v.Name, err)
		}
		out[v.Name] = a
	}
	return out, nil
}

// span is the batch that the given inputs make: as many tokens as they have
// rows; where they have rows of wanted tokens already, those are the tokens.
func (s *Segment) span(in map[string]Array, want []int32) backend.Span {
	sp := backend.Span{State: s.st, Want: want}
	selected := false
	for _, id := range s.Graph.Inputs {
		v := s.Graph.Value(id)
		a, ok := in[v.Name]
		if !ok || len(a.Shape) == 0 {
			continue
		}
		if d := v.Type.Shape[0]; d == ir.S || d == ir.R {
			sp.Rows = max(sp.Rows, a.Shape[0])
			selected = selected || d == ir.R
		}
	}
	switch {
	case want != nil || sp.Rows == 0:
	case selected:
		for i := range sp.Rows {
			sp.Want = append(sp.Want, int32(i))
		}
	case mentionsRows(s.Graph):
		sp.Want = []int32{int32(sp.Rows - 1)}
	}
	return sp
}

// missing is what an input that was not given holds.
func missing(v *ir.Value, span backend.Span) (Array, bool) {
	x := ir.ExternalByName(v.Name)
	if x == nil || !x.Optional {
		return Array{}, false
	}
	n := 0
	if x.Rows == ir.R {
		n = len(span.Want)
	}
	a := Array{Shape: []int{n}}
	if len(v.Type.Shape) == 2 {
		a.Shape = append(a.Shape, int(v.Channels()))
		n *= int(v.Channels())
	}
	if x.Elem == ir.I32 {
		a.I32 = make([]int32, n)
		for i := range a.I32 {
			a.I32[i] = int32(x.Fill)
		}
		return a, true
	}
	a.F32 = make([]float32, n)
	for i := range a.F32 {
		a.F32[i] = x.Fill
	}
	return a, true
}

// set checks an array against input i and hands it over.
func (s *Segment) set(i int, v *ir.Value, a Array) error {
	got := "f32"
	if a.I32 != nil {
		got = "i32"
	}
	ok := len(a.Shape) == len(v.Type.Shape) && (a.I32 != nil) == (v.Type.Elem == ir.I32)
	for j, d := range v.Type.Shape {
		ok = ok && (d.Symbolic() || int(d) == a.Shape[j])
	}
	if !ok {
		return fmt.Errorf("%s%v, want %s", got, a.Shape, v.Type)
	}
	if d := v.Type.Shape[0]; d == ir.A || d == ir.M { // as many as there are
		b, err := s.dev.NewBuffer(v.Type, a.Shape[0])
		if err != nil {
			return err
		}
		old := s.in[i]
		s.in[i] = b
		if err := old.Close(); err != nil {
			return err
		}
	}
	if a.I32 != nil {
		return s.in[i].SetInt32(a.I32)
	}
	return s.in[i].SetFloat32(a.F32)
}

// describe lists values with their types.
func (s *Segment) describe(ids []ir.ValueID) string {
	var all []string
	for _, id := range ids {
		v := s.Graph.Value(id)
		all = append(all, fmt.Sprintf("%s %s", v.Name, v.Type))
	}
	return strings.Join(all, ", ")
}
