package backend

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/ir"
	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// stored gives every weight of a bundle as bytes that count up.
type stored struct{ size int64 }

func (s stored) Bytes(string, *ir.Weight) ([]byte, error) {
	b := make([]byte, s.size)
	for i := range b {
		b[i] = byte(i / 64)
	}
	return b, nil
}

func TestSlices(t *testing.T) {
	shape, rows := tensor.Shape{57, 64}, []int64{40, 17}
	for _, form := range []ir.Form{ir.Rows, ir.P16} {
		whole := ir.StoredExpr("w", tensor.Q8_0, shape, form, rows)
		g := ir.NewGraph("g")
		if _, err := g.AddWeight("w", whole); err != nil {
			t.Fatal(err)
		}
		size, err := tensor.Bytes(tensor.Q8_0, shape)
		if form == ir.P16 {
			size, err = pack.P16.Size(tensor.Q8_0, rows, 64)
		}
		if err != nil {
			t.Fatal(err)
		}
		src := stored{size}
		all, _ := src.Bytes("", nil)
		w := Slices(src, g)
		part, err := ir.Slice(whole, 40, 57)
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.Bytes("decoder-0", &ir.Weight{Name: "w.1", Expr: part})
		if err != nil {
			t.Fatal(err)
		}
		want := all[40*2*34:]
		if form == ir.P16 {
			want = all[3*1088:] // 40 rows are three panels of one record
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the second member is %d bytes, want %d, or other ones", form, len(got), len(want))
		}
		if got, err := w.Bytes("decoder-0", g.Weights[0]); err != nil || !bytes.Equal(got, all) {
			t.Errorf("%s: the whole weight is not handed through: %v", form, err)
		}
		other := *whole
		stray, err := ir.Slice(&other, 40, 57)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Bytes("decoder-0", &ir.Weight{Name: "x", Expr: stray}); err == nil || !strings.Contains(err.Error(), "no weight of segment decoder-0") {
			t.Errorf("%s: a stray slice: %v", form, err)
		}
		both, err := ir.Slice(whole, 0, 57)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := w.Bytes("decoder-0", &ir.Weight{Name: "w.01", Expr: both}); err != nil || !bytes.Equal(got, all) {
			t.Errorf("%s: a slice of both members is not the whole weight: %v", form, err)
		}
	}
}
