package ir

import (
	"fmt"
	"math"
	"slices"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// ExprKind names a way to make the bytes of a weight.
type ExprKind uint8

// Expression kinds. All but Cast, Quantize and PlusOne move stored values
// without changing them.
const (
	ExprTensor     ExprKind = iota + 1 // a tensor of the checkpoint, by its name there
	ExprConst                          // f32 values held by the graph itself
	ExprStored                         // a weight of the bundle that holds the graph
	ExprConcatRows                     // rows of Args one after the other; equal type and K
	ExprSliceRows                      // rows [Lo, Hi) of Args[0]
	ExprUnrotate                       // q/k rows from interleaved to half rotation
	ExprTranspose                      // columns of Args[0], a matrix of floats, as rows
	ExprFlatten                        // the matrices of a stack one below the other, each a member
	ExprPlusOne                        // 1 + Args[0], a float vector, as f32
	ExprCast                           // Args[0] as float type To
	ExprQuantize                       // Args[0] as block type To
	ExprPack                           // Args[0] in packing form Form, which may be rows again
)

var exprNames = map[ExprKind]string{
	ExprTensor: "tensor", ExprConst: "const", ExprStored: "stored", ExprConcatRows: "concat", ExprSliceRows: "slice",
	ExprUnrotate: "unrotate", ExprTranspose: "transpose", ExprFlatten: "flatten", ExprPlusOne: "plus_one", ExprCast: "cast", ExprQuantize: "quantize", ExprPack: "pack",
}

func (k ExprKind) String() string { return exprNames[k] }

// Expr is a lazy weight: a small tree evaluated once, at export, by row
// blocks (pkg/weights). Trees are immutable and may be shared.
type Expr struct {
	Kind  ExprKind
	Name  string // Tensor, Stored: the name there
	Args  []*Expr
	Lo    int64 // SliceRows
	Hi    int64
	Heads int64       // Unrotate: heads in the rows
	To    tensor.Type // Cast, Quantize
	Data  []float32   // Const

	// What the expression yields.
	Type  tensor.Type
	Shape tensor.Shape
	Form  Form
	// Rows lists the row counts of the members of a concatenation or a stack, in
	// order; their sum is the number of rows. Every member starts on a panel in P16.
	Rows []int64
}

func rowsOf(s tensor.Shape) int64 {
	if len(s) == 0 {
		return 1
	}
	return s[0]
}

// TensorExpr is the tensor called name in the checkpoint.
func TensorExpr(name string, t tensor.Type, s tensor.Shape) *Expr {
	return &Expr{Kind: ExprTensor, Name: name, Type: t, Shape: slices.Clone(s), Rows: []int64{rowsOf(s)}}
}

// StoredExpr is a weight that the bundle already holds in its final form.
func StoredExpr(name string, t tensor.Type, s tensor.Shape, f Form, rows []int64) *Expr {
	return &Expr{Kind: ExprStored, Name: name, Type: t, Shape: slices.Clone(s), Form: f, Rows: slices.Clone(rows)}
}

// ConstExpr is a vector of f32 values.
func ConstExpr(data []float32) *Expr {
	n := int64(len(data))
	return &Expr{Kind: ExprConst, Data: data, Type: tensor.F32, Shape: tensor.Shape{n}, Rows: []int64{n}}
}

// Concat joins rows of the arguments, first argument first. Types and K must
// be equal: then joining rows joins raw blocks.
func Concat(args ...*Expr) (*Expr, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("concat of nothing")
	}
	e := &Expr{Kind: ExprConcatRows, Args: args, Type: args[0].Type}
	if len(args[0].Shape) == 0 {
		return nil, fmt.Errorf("concat of a scalar")
	}
	var n int64
	for _, a := range args {
		if a.Type != e.Type {
			return nil, fmt.Errorf("concat of %s and %s: types differ", e.Type, a.Type)
		}
		if a.Form != Rows {
			return nil, fmt.Errorf("concat of a packed weight")
		}
		if len(a.Shape) != len(args[0].Shape) || len(a.Shape) == 2 && a.Shape[1] != args[0].Shape[1] || len(a.Shape) > 2 {
			return nil, fmt.Errorf("concat of shapes %v and %v: K differs", args[0].Shape, a.Shape)
		}
		if n > math.MaxInt64-a.Shape[0] {
			return nil, fmt.Errorf("concat: number of rows overflows")
		}
		n += a.Shape[0]
		e.Rows = append(e.Rows, a.Rows...)
	}
	e.Shape = slices.Clone(args[0].Shape)
	e.Shape[0] = n
	return e, nil
}

// Slice is rows [lo, hi) of x. In a packed weight the range must be a run of
// whole members.
func Slice(x *Expr, lo, hi int64) (*Expr, error) {
	n := rowsOf(x.Shape)
	if len(x.Shape) == 0 || lo < 0 || hi <= lo || hi > n {
		return nil, fmt.Errorf("rows [%d, %d) of a weight with %d rows", lo, hi, n)
	}
	e := &Expr{Kind: ExprSliceRows, Args: []*Expr{x}, Lo: lo, Hi: hi, Type: x.Type, Form: x.Form, Shape: slices.Clone(x.Shape)}
	e.Shape[0] = hi - lo
	var at int64
	for _, r := range x.Rows {
		if at >= lo && at+r <= hi {
			e.Rows = append(e.Rows, r)
		}
		at += r
	}
	var sum int64
	for _, r := range e.Rows {
		sum += r
	}
	if sum != hi-lo {
		if x.Form != Rows {
			return nil, fmt.Errorf("rows [%d, %d) cut through a member of a packed weight with members %v", lo, hi, x.Rows)
		}
		e.Rows = []int64{hi - lo}
	}
	return e, nil
}

// Unrotate reorders the rows of a q or k projection (weight or bias) from
// interleaved rotation, pairs (2j, 2j+1), to half rotation, pairs
// (j, j+hd/2): row s·hd/2+j of a head is row 2j+s of the source.
func Unrotate(x *Expr, heads int64) (*Expr, error) {
	n := rowsOf(x.Shape)
	if len(x.Shape) == 0 || x.Form != Rows || heads <= 0 || n%heads != 0 || (n/heads)%2 != 0 {
		return nil, fmt.Errorf("unrotate of shape %v with %d heads", x.Shape, heads)
	}
	if len(x.Shape) == 1 && x.Type.BlockElems() > 1 {
		return nil, fmt.Errorf("unrotate of a quantised vector")
	}
	return &Expr{Kind: ExprUnrotate, Args: []*Expr{x}, Heads: heads, Type: x.Type, Shape: slices.Clone(x.Shape), Rows: slices.Clone(x.Rows)}, nil
}

// Transpose is the columns of x as rows. Blocks of quantised types run along
// rows, so x must be of floats.
func Transpose(x *Expr) (*Expr, error) {
	if len(x.Shape) != 2 || x.Form != Rows || !x.Type.Float() {
		return nil, fmt.Errorf("transpose of %s%v %s, want a matrix of floats", x.Type, x.Shape, x.Form)
	}
	n := x.Shape[1]
	return &Expr{Kind: ExprTranspose, Args: []*Expr{x}, Type: x.Type, Shape: tensor.Shape{n, x.Shape[0]}, Rows: []int64{n}}, nil
}

// Flatten is a stack [E, N, K] as [E·N, K]: the same bytes, every matrix of the
// stack a member.
func Flatten(x *Expr) (*Expr, error) {
	if len(x.Shape) != 3 || x.Form != Rows {
		return nil, fmt.Errorf("flatten of %v %s, want a stack of matrices", x.Shape, x.Form)
	}
	e, n := x.Shape[0], x.Shape[1]
	if e < 1 || e > MaxMembers || n > math.MaxInt64/e {
		return nil, fmt.Errorf("flatten of %v, want 1 to %d matrices", x.Shape, MaxMembers)
	}
	return &Expr{Kind: ExprFlatten, Args: []*Expr{x}, Type: x.Type, Shape: tensor.Shape{e * n, x.Shape[2]}, Rows: slices.Repeat([]int64{n}, int(e))}, nil
}

// MaxMembers bounds the matrices of a stack.
const MaxMembers = 1 << 16

// PlusOne is 1 + x in f32: norms that a checkpoint keeps as the distance from
// one.
func PlusOne(x *Expr) (*Expr, error) {
	if len(x.Shape) != 1 || !x.Type.Float() || x.Form != Rows {
		return nil, fmt.Errorf("plus one of %s%v, want a vector of floats", x.Type, x.Shape)
	}
	return &Expr{Kind: ExprPlusOne, Args: []*Expr{x}, Type: tensor.F32, Shape: slices.Clone(x.Shape), Rows: slices.Clone(x.Rows)}, nil
}

// Cast is x as float type to; x itself when it has that type already.
func Cast(x *Expr, to tensor.Type) (*Expr, error) {
	if x.Type == to {
		return x, nil
	}
	if !to.Float() {
		return nil, fmt.Errorf("cast to %s: not a float type", to)
	}
	return convert(ExprCast, x, to)
}

// Quantize is x as block type to; x itself when it has that type already.
func Quantize(x *Expr, to tensor.Type) (*Expr, error) {
	if x.Type == to {
		return x, nil
	}
	if !to.Quantised() {
		return nil, fmt.Errorf("quantize to %s: not a block type", to)
	}
	return convert(ExprQuantize, x, to)
}

func convert(k ExprKind, x *Expr, to tensor.Type) (*Expr, error) {
	if x.Form != Rows {
		return nil, fmt.Errorf("%s of a packed weight", k)
	}
	if _, err := tensor.Bytes(to, x.Shape); err != nil {
		return nil, fmt.Errorf("%s to %s: %w", k, to, err)
	}
	return &Expr{Kind: k, Args: []*Expr{x}, To: to, Type: to, Shape: slices.Clone(x.Shape), Rows: slices.Clone(x.Rows)}, nil
}

// PackAs is x in packing form f, or unpacked when f is rows; x itself when it
// has that form already.
func PackAs(x *Expr, f Form) (*Expr, error) {
	if x.Form == f {
		return x, nil
	}
	if f != Rows && x.Form != Rows || len(x.Shape) != 2 {
		return nil, fmt.Errorf("pack of shape %v from %s to %s", x.Shape, x.Form, f)
	}
	return &Expr{Kind: ExprPack, Args: []*Expr{x}, Type: x.Type, Shape: slices.Clone(x.Shape), Form: f, Rows: slices.Clone(x.Rows)}, nil
}

// Equal reports whether both trees describe the same bytes by the same steps.
func (e *Expr) Equal(o *Expr) bool {
	if e == o {
		return true
	}
	if e.Kind != o.Kind || e.Name != o.Name || e.Lo != o.Lo || e.Hi != o.Hi || e.Heads != o.Heads || e.To != o.To ||
		e.Type != o.Type || !e.Shape.Equal(o.Shape) || e.Form != o.Form || !slices.Equal(e.Rows, o.Rows) ||
		len(e.Args) != len(o.Args) || len(e.Data) != len(o.Data) {
		return false
	}
	for i := range e.Data {
		if math.Float32bits(e.Data[i]) != math.Float32bits(o.Data[i]) {
			return false
		}
	}
	for i := range e.Args {
		if !e.Args[i].Equal(o.Args[i]) {
			return false
		}
	}
	return true
}

// Walk calls f for e and everything below it, parents first.
func (e *Expr) Walk(f func(*Expr)) {
	f(e)
	for _, a := range e.Args {
		a.Walk(f)
	}
}
