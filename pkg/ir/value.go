package ir

import (
	"strconv"
	"strings"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Elem is what a value holds per element, Layout its order in memory, which
// never changes a number, and Form the order of a stored weight. Each is one
// enum for graph, target and kernels.
type (
	Elem   = tensor.Elem
	Layout = tensor.Layout
	Form   = tensor.Form
)

// The enums' values by the names that the graph uses.
const (
	F32 = tensor.ElemF32
	I8  = tensor.ElemI8 // quantised activation; the value's Scheme says how
	I32 = tensor.ElemI32

	Plain = tensor.LayoutPlain
	C4    = tensor.LayoutC4

	Rows = tensor.FormRows
	P16  = tensor.FormP16
)

// Dim is a dimension: a fixed size, or a symbol when negative.
type Dim int64

// Symbolic dimensions. -2 is no symbol: it was one that nothing used.
const (
	S Dim = -1 // tokens of this call
	R Dim = -3 // rows that the spans want logits of
	A Dim = -4 // sparse logit adjustments
	M Dim = -5 // rows with a mask
)

func (d Dim) String() string {
	switch d {
	case S:
		return "S"
	case R:
		return "R"
	case A:
		return "A"
	case M:
		return "M"
	}
	return strconv.FormatInt(int64(d), 10)
}

// Symbolic reports whether d is a symbol.
func (d Dim) Symbolic() bool { return d == S || d == R || d == A || d == M }

// Shape lists dimensions, outermost first.
type Shape []Dim

func (s Shape) String() string {
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = d.String()
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// Equal reports whether both shapes have the same dimensions.
func (s Shape) Equal(o Shape) bool {
	if len(s) != len(o) {
		return false
	}
	for i := range s {
		if s[i] != o[i] {
			return false
		}
	}
	return true
}

// Last is the number of channels, 0 for a scalar.
func (s Shape) Last() int64 {
	if len(s) == 0 {
		return 0
	}
	return int64(s[len(s)-1])
}

// ValueID identifies a value inside one graph.
type ValueID int32

// None is no value.
const None ValueID = -1

// Type is what a shape rule computes: everything about a value but its name
// and its layout.
type Type struct {
	Elem   Elem
	Shape  Shape
	Scheme string // activation quantisation, for I8
}

func (t Type) String() string {
	s := t.Elem.String() + t.Shape.String()
	if t.Scheme != "" {
		s += ":" + t.Scheme
	}
	return s
}

// Equal reports whether both types are the same.
func (t Type) Equal(o Type) bool {
	return t.Elem == o.Elem && t.Scheme == o.Scheme && t.Shape.Equal(o.Shape)
}

// Value is an activation.
type Value struct {
	ID     ValueID
	Name   string // stable, unique: "blk.3.attn_norm"
	Type   Type
	Layout Layout
	// Mark is the name of a boundary that was not chosen as a cut and stands
	// at this value; "" if none. A re-cut may choose it later.
	Mark string
	// MarkAt is the value's place among those of the boundary, 0 without a mark.
	MarkAt int
}

// Channels is the last dimension of the value's shape.
func (v *Value) Channels() int64 { return v.Type.Shape.Last() }

// StateKind says what a state keeps.
type StateKind uint8

const (
	// KV is the keys and values of every position that is still visible.
	KV StateKind = iota
	// Recurrent is what a recurrence carries from position to position.
	Recurrent
)

// State is memory that persists across calls. One node appends to it, any
// number of later ones read it. How a device keeps it (its codec) is no part of the
// graph.
type State struct {
	Name string // "kv.3"
	Kind StateKind

	// A KV state: positions × Heads × KDim for K and × VDim for V.
	Heads int64 // KV heads
	KDim  int64
	VDim  int64
	// VOfK says that V is the first VDim channels of K: it is not kept twice.
	VOfK bool
	// Window is the number of positions that the reader which looks back the
	// furthest sees, its own included; 0 is all of them. What is behind may be forgotten.
	Window int64

	// A recurrent state: Base f32 numbers at the start of a chunk of positions,
	// and Row f32 numbers for every position of the open chunk.
	Base, Row int64
}
