package ir

import (
	"fmt"
	"testing"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

func TestRuns(t *testing.T) {
	ok := func(e *Expr, err error) *Expr {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	a := TensorExpr("a", tensor.F32, tensor.Shape{10, 32})
	b := StoredExpr("b", tensor.F32, tensor.Shape{20, 32}, P16, []int64{20})
	rows := ok(PackAs(b, Rows))
	for _, c := range []struct {
		e    *Expr
		want string
	}{
		{a, "a[0:10]"},
		{b, "b[0:20]"},
		{ok(Slice(rows, 3, 9)), "b[3:9]"},
		{ok(Concat(a, rows, a)), "a[0:10] b[0:20] a[0:10]"},
		{ok(Slice(ok(Concat(a, rows)), 8, 13)), "a[8:10] b[0:3]"},
		{ok(PackAs(ok(Concat(ok(Slice(a, 0, 4)), ok(Slice(a, 4, 10)))), P16)), "a[0:10]"},
		{ok(Slice(ok(Slice(rows, 5, 15)), 2, 3)), "b[7:8]"},
		{ConstExpr([]float32{1, 2, 3}), "[0:3]"},
		{ok(Cast(ok(Slice(a, 2, 4)), tensor.F16)), "[0:2]"},
	} {
		got := ""
		for i, r := range c.e.Runs() {
			if i > 0 {
				got += " "
			}
			got += fmt.Sprintf("%s[%d:%d]", r.Leaf.Name, r.Lo, r.Hi)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", exprText(c.e), got, c.want)
		}
	}
}
