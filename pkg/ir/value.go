package ir

import (
	"fmt"
	"strconv"
	"strings"
)

// Elem is what a value holds per element.
type Elem uint8

// The zero Elem is invalid.
const (
	ElemInvalid Elem = iota
	F32
	F16
	BF16
	I8 // quantised activation; the value's Scheme says how
	I32
)

var elemNames = [...]string{"invalid", "f32", "f16", "bf16", "i8", "i32"}

func (e Elem) String() string {
	if int(e) >= len(elemNames) {
		return fmt.Sprintf("elem(%d)", uint8(e))
	}
	return elemNames[e]
}

// ParseElem is the inverse of String.
func ParseElem(s string) (Elem, error) {
	for i, n := range elemNames {
		if i > 0 && n == s {
			return Elem(i), nil
		}
	}
	return ElemInvalid, fmt.Errorf("unknown element type %q", s)
}

// Layout is the order of a value in memory. It never changes a number.
type Layout uint8

const (
	// Plain is row-major [S, C].
	Plain Layout = iota
	// C4 is the channel-packed, token-tiled form in which a matmul wants its
	// input; its exact order belongs to the target.
	C4
)

func (l Layout) String() string {
	if l == C4 {
		return "c4"
	}
	return "plain"
}

// Dim is a dimension: a fixed size, or a symbol when negative.
type Dim int64

// Symbolic dimensions.
const (
	S Dim = -1 // tokens of this call
	T Dim = -2 // positions in the cache
	R Dim = -3 // selected rows
	A Dim = -4 // sparse logit adjustments
)

func (d Dim) String() string {
	switch d {
	case S:
		return "S"
	case T:
		return "T"
	case R:
		return "R"
	case A:
		return "A"
	}
	return strconv.FormatInt(int64(d), 10)
}

// Symbolic reports whether d is a symbol.
func (d Dim) Symbolic() bool { return d < 0 }

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
}

// Channels is the last dimension of the value's shape.
func (v *Value) Channels() int64 { return v.Type.Shape.Last() }

// State is memory that persists across calls: the key/value cache of one
// layer, positions × heads × head dim, for K and for V.
type State struct {
	Name    string // "kv.3"
	Heads   int64  // KV heads
	HeadDim int64
	Elem    string // default cache type: f32, f16 or q8_0; a session may choose another
}
