package ir

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

func matrixOf(t tensor.Type, n, k int64) *Expr { return TensorExpr("w", t, tensor.Shape{n, k}) }

// must returns a constructor's result.
func must(e *Expr, err error) *Expr {
	if err != nil {
		panic(err)
	}
	return e
}

// What every constructor yields.
func TestExprYields(t *testing.T) {
	q := matrixOf(tensor.Q8_0, 40, 96)
	two := must(Concat(q, matrixOf(tensor.Q8_0, 17, 96)))
	packed := must(PackAs(two, P16))
	stack := must(Flatten(TensorExpr("experts", tensor.Q8_0, tensor.Shape{3, 5, 96})))
	for _, c := range []struct {
		name  string
		e     *Expr
		typ   tensor.Type
		shape tensor.Shape
		form  Form
		rows  []int64
	}{
		{"tensor", q, tensor.Q8_0, tensor.Shape{40, 96}, Rows, []int64{40}},
		{"scalar", TensorExpr("s", tensor.F32, nil), tensor.F32, tensor.Shape{}, Rows, []int64{1}},
		{"const", ConstExpr([]float32{1, 2}), tensor.F32, tensor.Shape{2}, Rows, []int64{2}},
		{"stored", StoredExpr("x", tensor.Q8_0, tensor.Shape{57, 96}, P16, []int64{40, 17}), tensor.Q8_0, tensor.Shape{57, 96}, P16, []int64{40, 17}},
		{"concat", two, tensor.Q8_0, tensor.Shape{57, 96}, Rows, []int64{40, 17}},
		{"concat keeps members", must(Concat(two, q)), tensor.Q8_0, tensor.Shape{97, 96}, Rows, []int64{40, 17, 40}},
		{"concat of vectors", must(Concat(ConstExpr([]float32{1}), ConstExpr([]float32{2, 3}))), tensor.F32, tensor.Shape{3}, Rows, []int64{1, 2}},
		{"slice", must(Slice(q, 3, 20)), tensor.Q8_0, tensor.Shape{17, 96}, Rows, []int64{17}},
		{"slice of a member", must(Slice(two, 40, 57)), tensor.Q8_0, tensor.Shape{17, 96}, Rows, []int64{17}},
		{"slice of both members", must(Slice(two, 0, 57)), tensor.Q8_0, tensor.Shape{57, 96}, Rows, []int64{40, 17}},
		{"slice across members", must(Slice(two, 30, 50)), tensor.Q8_0, tensor.Shape{20, 96}, Rows, []int64{20}},
		{"slice of a packed member", must(Slice(packed, 40, 57)), tensor.Q8_0, tensor.Shape{17, 96}, P16, []int64{17}},
		{"unrotate", must(Unrotate(q, 4)), tensor.Q8_0, tensor.Shape{40, 96}, Rows, []int64{40}},
		{"unrotate a bias", must(Unrotate(ConstExpr(make([]float32, 8)), 2)), tensor.F32, tensor.Shape{8}, Rows, []int64{8}},
		{"transpose", must(Transpose(matrixOf(tensor.BF16, 2, 3))), tensor.BF16, tensor.Shape{3, 2}, Rows, []int64{3}},
		{"flatten", stack, tensor.Q8_0, tensor.Shape{15, 96}, Rows, []int64{5, 5, 5}},
		{"slice of a matrix of a stack", must(Slice(stack, 5, 10)), tensor.Q8_0, tensor.Shape{5, 96}, Rows, []int64{5}},
		{"pack a stack", must(PackAs(stack, P16)), tensor.Q8_0, tensor.Shape{15, 96}, P16, []int64{5, 5, 5}},
		{"plus one", must(PlusOne(TensorExpr("g", tensor.BF16, tensor.Shape{7}))), tensor.F32, tensor.Shape{7}, Rows, []int64{7}},
		{"cast", must(Cast(matrixOf(tensor.BF16, 2, 3), tensor.F32)), tensor.F32, tensor.Shape{2, 3}, Rows, []int64{2}},
		{"quantize", must(Quantize(matrixOf(tensor.F32, 2, 256), tensor.Q4_K)), tensor.Q4_K, tensor.Shape{2, 256}, Rows, []int64{2}},
		{"pack", packed, tensor.Q8_0, tensor.Shape{57, 96}, P16, []int64{40, 17}},
	} {
		if c.e.Type != c.typ || !c.e.Shape.Equal(c.shape) || c.e.Form != c.form || !slices.Equal(c.e.Rows, c.rows) {
			t.Errorf("%s yields %s%v %s %v", c.name, c.e.Type, c.e.Shape, c.e.Form, c.e.Rows)
		}
		if err := verifyExpr(c.e); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		// The text form rebuilds the same tree.
		if c.name == "scalar" {
			continue
		}
		s := &scanner{text: exprText(c.e)}
		back, err := s.expr(0)
		if err != nil || !back.Equal(c.e) {
			t.Errorf("%s: %s reads back as %v, %v", c.name, exprText(c.e), back, err)
		}
	}
	// Nothing to do is no step.
	if must(Cast(q, tensor.Q8_0)) != q || must(Quantize(q, tensor.Q8_0)) != q || must(PackAs(packed, P16)) != packed {
		t.Error("a step to the same type or form is a step")
	}
}

func TestExprRefuses(t *testing.T) {
	f := matrixOf(tensor.F32, 40, 96)
	packed := must(PackAs(must(Concat(f, f)), P16))
	huge := StoredExpr("h", tensor.F32, tensor.Shape{math.MaxInt64, 1}, Rows, []int64{math.MaxInt64})
	for _, c := range []struct {
		name string
		make func() (*Expr, error)
		want string
	}{
		{"concat of nothing", func() (*Expr, error) { return Concat() }, "nothing"},
		{"concat of a scalar", func() (*Expr, error) { return Concat(TensorExpr("s", tensor.F32, nil)) }, "scalar"},
		{"concat of types", func() (*Expr, error) { return Concat(f, matrixOf(tensor.F16, 40, 96)) }, "f32 and f16"},
		{"concat of K", func() (*Expr, error) { return Concat(f, matrixOf(tensor.F32, 40, 95)) }, "K differs"},
		{"concat of ranks", func() (*Expr, error) { return Concat(f, ConstExpr([]float32{1})) }, "K differs"},
		{"concat of rank 3", func() (*Expr, error) { x := TensorExpr("x", tensor.F32, tensor.Shape{2, 2, 2}); return Concat(x, x) }, "K differs"},
		{"concat of packed", func() (*Expr, error) { return Concat(packed, packed) }, "packed"},
		{"concat overflows", func() (*Expr, error) { return Concat(huge, huge) }, "overflows"},
		{"slice of nothing", func() (*Expr, error) { return Slice(f, 3, 3) }, "rows [3, 3)"},
		{"slice backwards", func() (*Expr, error) { return Slice(f, 3, 2) }, "rows [3, 2)"},
		{"slice below", func() (*Expr, error) { return Slice(f, -1, 2) }, "rows [-1, 2)"},
		{"slice beyond", func() (*Expr, error) { return Slice(f, 0, 41) }, "40 rows"},
		{"slice of a scalar", func() (*Expr, error) { return Slice(TensorExpr("s", tensor.F32, nil), 0, 1) }, "1 rows"},
		{"slice through a packed member", func() (*Expr, error) { return Slice(packed, 0, 41) }, "cut through a member"},
		{"unrotate of odd heads", func() (*Expr, error) { return Unrotate(f, 8) }, "8 heads"},
		{"unrotate of no heads", func() (*Expr, error) { return Unrotate(f, 0) }, "0 heads"},
		{"unrotate of negative heads", func() (*Expr, error) { return Unrotate(f, -4) }, "-4 heads"},
		{"unrotate of packed", func() (*Expr, error) { return Unrotate(packed, 4) }, "unrotate"},
		{"unrotate of a quantised vector", func() (*Expr, error) { return Unrotate(TensorExpr("v", tensor.Q8_0, tensor.Shape{64}), 2) }, "quantised vector"},
		{"transpose of blocks", func() (*Expr, error) { return Transpose(matrixOf(tensor.Q8_0, 32, 32)) }, "matrix of floats"},
		{"transpose of packed", func() (*Expr, error) { return Transpose(packed) }, "matrix of floats"},
		{"transpose of a vector", func() (*Expr, error) { return Transpose(ConstExpr([]float32{1})) }, "matrix of floats"},
		{"flatten of a matrix", func() (*Expr, error) { return Flatten(f) }, "stack of matrices"},
		{"flatten of too many", func() (*Expr, error) { return Flatten(TensorExpr("s", tensor.F32, tensor.Shape{MaxMembers + 1, 1, 1})) }, "65536 matrices"},
		{"flatten overflows", func() (*Expr, error) { return Flatten(TensorExpr("s", tensor.F32, tensor.Shape{3, math.MaxInt64, 1})) }, "matrices"},
		{"plus one of blocks", func() (*Expr, error) { return PlusOne(TensorExpr("v", tensor.Q8_0, tensor.Shape{64})) }, "vector of floats"},
		{"plus one of a matrix", func() (*Expr, error) { return PlusOne(f) }, "vector of floats"},
		{"cast to blocks", func() (*Expr, error) { return Cast(f, tensor.Q8_0) }, "not a float type"},
		{"quantize to floats", func() (*Expr, error) { return Quantize(f, tensor.F16) }, "not a block type"},
		{"quantize of split blocks", func() (*Expr, error) { return Quantize(f, tensor.Q4_K) }, "q4_k"},
		{"quantize of packed", func() (*Expr, error) { return Quantize(packed, tensor.Q8_0) }, "packed"},
		{"pack of a vector", func() (*Expr, error) { return PackAs(ConstExpr([]float32{1}), P16) }, "pack of shape"},
	} {
		e, err := c.make()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v; want an error with %q", c.name, e, err, c.want)
		}
	}
}

func TestExprEqual(t *testing.T) {
	base := func() *Expr { return must(Slice(must(Unrotate(matrixOf(tensor.F32, 40, 96), 2)), 0, 20)) }
	if !base().Equal(base()) {
		t.Error("equal trees differ")
	}
	nan := math.Float32frombits(0x7fc00001)
	if !ConstExpr([]float32{nan}).Equal(ConstExpr([]float32{nan})) || ConstExpr([]float32{0}).Equal(ConstExpr([]float32{float32(math.Copysign(0, -1))})) {
		t.Error("constants do not compare by bits")
	}
	for name, o := range map[string]*Expr{
		"rows":  must(Slice(must(Unrotate(matrixOf(tensor.F32, 40, 96), 2)), 1, 21)),
		"heads": must(Slice(must(Unrotate(matrixOf(tensor.F32, 40, 96), 4)), 0, 20)),
		"name":  must(Slice(must(Unrotate(TensorExpr("v", tensor.F32, tensor.Shape{40, 96}), 2)), 0, 20)),
		"step":  must(Slice(matrixOf(tensor.F32, 40, 96), 0, 20)),
		"type":  must(Cast(base(), tensor.F16)),
		"form":  must(PackAs(base(), P16)),
	} {
		if base().Equal(o) || o.Equal(base()) {
			t.Errorf("%s: different trees are equal", name)
		}
	}
}
