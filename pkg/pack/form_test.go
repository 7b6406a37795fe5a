package pack

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// TestForms: what every row of the table of forms must do, whatever its units: sizes
// add up, Unpack is the inverse of Pack, Slice and Span find members, Gather decodes
// the rows.
func TestForms(t *testing.T) {
	rows, k := []int64{17, 16, 3}, int64(512)
	for order := tensor.Form(0); order.Valid(); order++ {
		f, err := Of(order)
		if err != nil {
			t.Fatal(err)
		}
		for _, ty := range Types() {
			var stored []byte
			var src [][]byte
			for m, n := range rows {
				b := randomRows(ty, n, k, uint64(m), false)
				size, err := f.Size(ty, []int64{n}, k)
				if err != nil {
					t.Fatal(err)
				}
				part := make([]byte, size)
				if err := f.Pack(part, b, ty, n, k); err != nil {
					t.Fatal(err)
				}
				src, stored = append(src, b), append(stored, part...)
			}
			if size, err := f.Bytes(ty, tensor.Shape{36, k}, rows); err != nil || size != int64(len(stored)) {
				t.Fatalf("%s %s: %d bytes of members, Bytes says %d, %v", f.Order, ty, len(stored), size, err)
			}
			first, row := int64(0), int64(0)
			got, want := make([]float32, k), make([]float32, k)
			for m, n := range rows {
				part, err := f.Slice(stored, ty, rows, k, m)
				if err != nil {
					t.Fatal(err)
				}
				off, size, err := f.Span(ty, rows, k, first, first+n)
				if err != nil || !bytes.Equal(stored[off:off+size], part) {
					t.Fatalf("%s %s: Span and Slice of member %d differ: %v", f.Order, ty, m, err)
				}
				back := make([]byte, len(src[m]))
				if err := f.Unpack(back, part, ty, n, k); err != nil || !bytes.Equal(back, src[m]) {
					t.Fatalf("%s %s: member %d unpacked is not what was packed: %v", f.Order, ty, m, err)
				}
				each := int64(len(back)) / n
				for i := range n {
					if err := f.Gather(got, stored, ty, rows, k, row); err != nil {
						t.Fatal(err)
					}
					DecodeRows(want, back[i*each:][:each], ty)
					for c := range want {
						if got[c] != want[c] && want[c] == want[c] {
							t.Fatalf("%s %s row %d channel %d: %v, want %v", f.Order, ty, row, c, got[c], want[c])
						}
					}
					row++
				}
				first += n
			}
			if err := f.Gather(got, stored, ty, rows, k, row); err == nil {
				t.Errorf("%s %s: a row behind the last is gathered", f.Order, ty)
			}
		}
		if _, _, err := f.Span(tensor.F32, rows, k, 5, 17); (err == nil) != (f.Unit == 1) {
			t.Errorf("%s: rows from the middle of a unit: %v", f.Order, err)
		}
		if _, _, err := f.Span(tensor.F32, rows, k, 0, 37); err == nil {
			t.Errorf("%s: a span ends behind the weight", f.Order)
		}
	}
	if _, err := Of(200); err == nil || !strings.Contains(err.Error(), "form(200)") {
		t.Errorf("a form without a row: %v", err)
	}
}
