package target

import (
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

func TestLookup(t *testing.T) {
	for _, want := range All {
		if got, err := Lookup(want.Name); err != nil || got != want {
			t.Errorf("Lookup(%s) = %v, %v", want.Name, got, err)
		}
	}
	if _, err := Lookup("gpu"); err == nil || !strings.Contains(err.Error(), "cpu") {
		t.Errorf("an unknown target is not answered with the list: %v", err)
	}
}

func TestCPU(t *testing.T) {
	weight := func(ty tensor.Type, k int64) *ir.Expr { return ir.TensorExpr("w", ty, tensor.Shape{16, k}) }
	for _, c := range []struct {
		w    *ir.Expr
		want string
	}{
		{weight(tensor.F32, 32), ""},
		{weight(tensor.BF16, 32), ""},
		{weight(tensor.Q8_0, 32), "s256e32"},
		{weight(tensor.Q4_K, 256), "s256e32"},
		{weight(tensor.Q4_K, 128), ""}, // no whole block
		{weight(tensor.I32, 32), ""},   // no row
	} {
		if got := CPU.Scheme(c.w); got != c.want {
			t.Errorf("scheme of %s with K = %d: %q, want %q", c.w.Type, c.w.Shape.Last(), got, c.want)
		}
	}
	if _, ok := CPU.Matmul(tensor.I32); ok {
		t.Error("there is a row for i32")
	}
	if !CPU.CanWriteC4("add_rms_norm", 1) || CPU.CanWriteC4("add_rms_norm", 0) || CPU.CanWriteC4("add", 0) || CPU.CanWriteC4("rms_norm", 40) {
		t.Error("c4 outputs are wrong")
	}
	if !CPU.CanGather(tensor.Q4_K, ir.P16) || CPU.CanGather(tensor.I32, ir.Rows) {
		t.Error("gathers are wrong")
	}
	if !CPU.Executes(ir.OpRopeQK) || CPU.Executes("conjure") || !CPU.Executes("attention_quant") || CPU.Executes("matmul_quant") {
		t.Error("what it executes is wrong")
	}
}
