package runtime

import (
	"context"
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
	context int
	kv      string
}

// NewSegment compiles the named segment of p for calls of at most o.MaxChunk
// tokens. Closing it leaves p open.
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
	dev, err := o.Backend.Open(p.Weights, o.device())
	if err != nil {
		return nil, err
	}
	s := &Segment{Segment: p.Segments[i], dev: dev, context: o.Context, kv: o.KVType}
	if err := s.compile(o); err != nil {
		dev.Close()
		return nil, err
	}
	return s, nil
}

func (s *Segment) compile(o Options) error {
	var err error
	if s.exec, err = s.dev.Compile(s.Name, s.Graph, o.MaxChunk); err != nil {
		return err
	}
	if len(s.Graph.States) > 0 {
		if s.st, err = s.dev.NewState(s.Graph.States, o.KVType, o.Context); err != nil {
			return fmt.Errorf("segment %s: %w", s.Name, err)
		}
	}
	for i, id := range slices.Concat(s.Graph.Inputs, s.Graph.Outputs) {
		v := s.Graph.Value(id)
		rows := o.MaxChunk
		if v.Type.Shape[0] == ir.A {
			rows = MaxAdjustments
		}
		b, err := s.dev.NewBuffer(v.Type, rows)
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

// Close releases the device.
func (s *Segment) Close() error { return s.dev.Close() }

// Run executes the segment once and returns its outputs, which are copies.
// Inputs left out have defaults where the runtime gives them some: positions
// continue the state, rows is the last token, there are no adjustments.
func (s *Segment) Run(ctx context.Context, in map[string]Array) (map[string]Array, error) {
	for name := range in {
		if v := s.Graph.ValueByName(name); v == nil || !slices.Contains(s.Graph.Inputs, v.ID) {
			return nil, fmt.Errorf("segment %s has no input %.60q: it takes %s", s.Name, name, s.describe(s.Graph.Inputs))
		}
	}
	tokens := s.tokens(in)
	for i, id := range s.Graph.Inputs {
		v := s.Graph.Value(id)
		a, ok := in[v.Name]
		if !ok {
			if a, ok = s.missing(v.Name, tokens); !ok {
				return nil, fmt.Errorf("segment %s needs input %s: it takes %s", s.Name, v.Name, s.describe(s.Graph.Inputs))
			}
		}
		if err := set(s.in[i], v, a); err != nil {
			return nil, fmt.Errorf("segment %s: input %s: %w", s.Name, v.Name, err)
		}
	}
	if err := s.exec.Run(ctx, s.st, s.in, s.out); err != nil {
		return nil, err
	}
	out := map[string]Array{}
	for i, id := range s.Graph.Outputs {
		b, v := s.out[i], s.Graph.Value(id)
		a := Array{Shape: []int{b.Rows()}}
		if len(v.Type.Shape) == 2 {
			a.Shape = append(a.Shape, b.Cols())
		}
		if v.Type.Elem == ir.I32 {
			a.I32 = slices.Clone(b.Int32())
		} else {
			a.F32 = slices.Clone(b.Float32())
		}
		out[v.Name] = a
	}
	return out, nil
}

// tokens is S as the given inputs tell it; 0 when none does.
func (s *Segment) tokens(in map[string]Array) int {
	for _, id := range s.Graph.Inputs {
		v := s.Graph.Value(id)
		if a, ok := in[v.Name]; ok && v.Type.Shape[0] == ir.S && len(a.Shape) > 0 {
			return a.Shape[0]
		}
	}
	return 0
}

// missing is what an input that was not given holds.
func (s *Segment) missing(name string, tokens int) (Array, bool) {
	switch name {
	case "adj_ids":
		return Array{Shape: []int{0}, I32: []int32{}}, true
	case "adj_scale", "adj_bias":
		return Array{Shape: []int{0}, F32: []float32{}}, true
	}
	if tokens == 0 {
		return Array{}, false
	}
	switch name {
	case "rows":
		return Array{Shape: []int{1}, I32: []int32{int32(tokens - 1)}}, true
	case "positions":
		start := 0
		if s.st != nil {
			start = s.st.Len()
		}
		p := make([]int32, tokens)
		for i := range p {
			p[i] = int32(start + i)
		}
		return Array{Shape: []int{tokens}, I32: p}, true
	}
	return Array{}, false
}

// set checks an array against the value it stands for.
func set(b backend.Buffer, v *ir.Value, a Array) error {
	got := "f32"
	if a.I32 != nil {
		got = "i32"
	}
	ok := len(a.Shape) == len(v.Type.Shape) && (a.I32 != nil) == (v.Type.Elem == ir.I32)
	for i, d := range v.Type.Shape {
		ok = ok && (d.Symbolic() || int(d) == a.Shape[i])
	}
	if !ok {
		return fmt.Errorf("%s%v, want %s", got, a.Shape, v.Type)
	}
	if a.I32 != nil {
		return b.SetInt32(a.I32)
	}
	return b.SetFloat32(a.F32)
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
