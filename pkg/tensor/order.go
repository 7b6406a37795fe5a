package tensor

import "fmt"

// Elem is what an activation holds per element.
type Elem uint8

// Elements of activations. The zero Elem is invalid, so that a forgotten field
// is noticed.
const (
	ElemInvalid Elem = iota
	ElemF32
	ElemI8 // quantised; a scheme says how
	ElemI32
	numElems
)

var elemNames = [numElems]string{ElemInvalid: "invalid", ElemF32: "f32", ElemI8: "i8", ElemI32: "i32"}

func (e Elem) String() string { return enumName("elem", elemNames[:], uint8(e)) }

// ParseElem is the inverse of String; "invalid" is none.
func ParseElem(s string) (Elem, error) {
	e, err := parseEnum("element type", elemNames[:], s)
	if err == nil && e == 0 {
		err = fmt.Errorf("unknown element type %q", s)
	}
	return Elem(e), err
}

// Layout is the order of an activation in memory. It never changes a number.
type Layout uint8

const (
	// LayoutPlain is row-major [S, C].
	LayoutPlain Layout = iota
	// LayoutC4 is the channel-packed, token-tiled form in which a matmul wants
	// its input; its exact order belongs to the target.
	LayoutC4
	numLayouts
)

var layoutNames = [numLayouts]string{LayoutPlain: "plain", LayoutC4: "c4"}

func (l Layout) String() string { return enumName("layout", layoutNames[:], uint8(l)) }

// Valid reports whether l is a known layout.
func (l Layout) Valid() bool { return l < numLayouts }

// ParseLayout is the inverse of String.
func ParseLayout(s string) (Layout, error) {
	l, err := parseEnum("layout", layoutNames[:], s)
	return Layout(l), err
}

// Form is the order of a stored weight.
type Form uint8

const (
	// FormRows is row-major, blocks along the row, as in GGUF.
	FormRows Form = iota
	// FormP16 is panels of 16 rows; see pkg/pack.
	FormP16
	numForms
)

var formNames = [numForms]string{FormRows: "rows", FormP16: "p16"}

func (f Form) String() string { return enumName("form", formNames[:], uint8(f)) }

// Valid reports whether f is a known form.
func (f Form) Valid() bool { return f < numForms }

// ParseForm is the inverse of String.
func ParseForm(s string) (Form, error) {
	f, err := parseEnum("packing form", formNames[:], s)
	return Form(f), err
}

// enumName is names[v]; a value without a name says so and is never taken for
// another.
func enumName(what string, names []string, v uint8) string {
	if int(v) >= len(names) {
		return fmt.Sprintf("%s(%d)", what, v)
	}
	return names[v]
}

func parseEnum(what string, names []string, s string) (uint8, error) {
	for i, n := range names {
		if n == s {
			return uint8(i), nil
		}
	}
	return 0, fmt.Errorf("unknown %s %q", what, s)
}
