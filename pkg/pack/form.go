package pack

import (
	"fmt"
	"math/bits"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Form is one row of the table of forms: an order in which a weight is stored. A weight
// of [N, K] is a sequence of units, runs of rows that lie together; each of its members
// (q|k|v in one weight) starts on a unit.
type Form struct {
	Order tensor.Form
	Unit  int64 // rows of a unit

	matrices bool // only [N, K] has this form
	has      func(tensor.Type) bool
	bytes    func(t tensor.Type, k int64) (int64, error) // of a unit; lengths are checked by Form

	// Of n rows from the first of a unit on, between units and GGUF rows of row bytes.
	pack, unpack func(units, rows []byte, t tensor.Type, n, k, unit, row int64) error

	decode func(dst []float32, unit []byte, t tensor.Type, r int) // row r of a unit
}

// The table of forms.
var (
	// Rows is row-major, blocks along the row, as in GGUF.
	Rows = &Form{
		Order: tensor.FormRows, Unit: 1,
		has:    tensor.Type.Valid,
		bytes:  tensor.Type.RowBytes,
		pack:   func(units, rows []byte, _ tensor.Type, _, _, _, _ int64) error { copy(units, rows); return nil },
		unpack: func(units, rows []byte, _ tensor.Type, _, _, _, _ int64) error { copy(rows, units); return nil },
		decode: func(dst []float32, unit []byte, t tensor.Type, _ int) { DecodeRows(dst, unit, t) },
	}
	// P16 is panels of 16 rows, see the documentation of the package.
	P16 = &Form{
		Order: tensor.FormP16, Unit: PanelRows, matrices: true,
		has:    Supported,
		bytes:  panelBytes,
		pack:   packPanels,
		unpack: unpackPanels,
		decode: DecodeRow,
	}

	forms = []*Form{Rows, P16}
)

// Of returns the row of a form.
func Of(order tensor.Form) (*Form, error) {
	for _, f := range forms {
		if f.Order == order {
			return f, nil
		}
	}
	return nil, fmt.Errorf("packing form %s has no row in the table", order)
}

// Has reports whether weights of type t have the form.
func (f *Form) Has(t tensor.Type) bool { return f.has(t) }

// Units is the number of units that n rows of one member fill.
func (f *Form) Units(n int64) int64 { return n/f.Unit + min(n%f.Unit, 1) }

// UnitBytes is the size of one unit: all k channels of its rows. k must be positive
// and fill whole blocks of t.
func (f *Form) UnitBytes(t tensor.Type, k int64) (int64, error) {
	if !f.has(t) {
		return 0, fmt.Errorf("type %s has no %s form", t, f.Order)
	}
	if e := int64(t.BlockElems()); k <= 0 || k%e != 0 {
		return 0, fmt.Errorf("%s weight with %d channels: want a positive multiple of %d", t, k, e)
	}
	return f.bytes(t, k)
}

// Size is the size of a weight whose members have the given row counts, each
// padded to whole units.
func (f *Form) Size(t tensor.Type, rows []int64, k int64) (int64, error) {
	unit, err := f.UnitBytes(t, k)
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for i, n := range rows {
		if n < 0 {
			return 0, fmt.Errorf("member %d has %d rows", i, n)
		}
		b, ok := mul(f.Units(n), unit)
		if !ok || total+b < total {
			return 0, fmt.Errorf("%s weight of %v rows, %d channels: size overflows", t, rows, k)
		}
		total += b
	}
	return total, nil
}

// Bytes is Size for any shape that the form is made for; rows are the members.
func (f *Form) Bytes(t tensor.Type, shape tensor.Shape, rows []int64) (int64, error) {
	if !f.matrices {
		return tensor.Bytes(t, shape)
	}
	if len(shape) != 2 {
		return 0, fmt.Errorf("shape %v of a packed weight, want [N, K]", shape)
	}
	return f.Size(t, rows, shape[1])
}

// Span is where rows [lo, hi) of a weight lie: byte offset and size. They must begin
// on a unit and end on one or with a member.
func (f *Form) Span(t tensor.Type, rows []int64, k, lo, hi int64) (off, size int64, err error) {
	if lo < 0 || hi < lo {
		return 0, 0, fmt.Errorf("rows %d to %d of a weight", lo, hi)
	}
	unit, err := f.UnitBytes(t, k)
	if err != nil {
		return 0, 0, err
	}
	if _, err := f.Size(t, rows, k); err != nil { // nothing below overflows
		return 0, 0, err
	}
	from, ok := f.unitAt(rows, lo)
	to, ok2 := f.unitAt(rows, hi)
	if !ok || !ok2 {
		return 0, 0, fmt.Errorf("rows %d to %d of members %v in form %s are not whole units of %d", lo, hi, rows, f.Order, f.Unit)
	}
	return from * unit, (to - from) * unit, nil
}

// unitAt is the unit that begins at a row, or ends before it.
func (f *Form) unitAt(rows []int64, row int64) (int64, bool) {
	units := int64(0)
	for _, n := range rows {
		if row < n {
			return units + row/f.Unit, row%f.Unit == 0
		}
		row -= n
		units += f.Units(n)
	}
	return units, row == 0
}

// Slice is the part of stored that holds one member.
func (f *Form) Slice(stored []byte, t tensor.Type, rows []int64, k int64, member int) ([]byte, error) {
	if member < 0 || member >= len(rows) {
		return nil, fmt.Errorf("member %d of a weight with %d members", member, len(rows))
	}
	total, err := f.Size(t, rows, k)
	if err != nil {
		return nil, err
	}
	if int64(len(stored)) != total {
		return nil, fmt.Errorf("%s weight of %v rows, %d channels in form %s: got %d bytes, want %d", t, rows, k, f.Order, len(stored), total)
	}
	off, err := f.Size(t, rows[:member], k)
	if err != nil {
		return nil, err
	}
	size, err := f.Size(t, rows[member:member+1], k)
	if err != nil {
		return nil, err
	}
	return stored[off : off+size], nil
}

// Pack writes n rows of k channels, stored as GGUF rows in src, as units to dst. A
// member may be packed in several calls if every call but the last covers whole units.
// Lengths must be exact. A NaN or infinite scale is a *ScaleError.
func (f *Form) Pack(dst, src []byte, t tensor.Type, n, k int64) error {
	unit, row, err := f.check(dst, src, t, n, k)
	if err != nil {
		return err
	}
	return f.pack(dst, src, t, n, k, unit, row)
}

// Unpack is the inverse of Pack up to the rewrite of zero scales: n rows from src to
// dst as GGUF rows.
func (f *Form) Unpack(dst, src []byte, t tensor.Type, n, k int64) error {
	unit, row, err := f.check(src, dst, t, n, k)
	if err != nil {
		return err
	}
	return f.unpack(src, dst, t, n, k, unit, row)
}

// check compares the lengths of a buffer of units and one of rows with the geometry.
func (f *Form) check(units, rows []byte, t tensor.Type, n, k int64) (unit, row int64, err error) {
	size, err := f.Size(t, []int64{n}, k)
	if err != nil {
		return 0, 0, err
	}
	row, err = t.RowBytes(k)
	if err != nil {
		return 0, 0, err
	}
	if want, ok := mul(n, row); !ok || int64(len(rows)) != want {
		return 0, 0, fmt.Errorf("%s weight of %d rows, %d channels: got %d bytes of rows, want %d", t, n, k, len(rows), want)
	}
	if int64(len(units)) != size {
		return 0, 0, fmt.Errorf("%s weight of %d rows, %d channels in form %s: got %d bytes, want %d", t, n, k, f.Order, len(units), size)
	}
	unit, err = f.UnitBytes(t, k)
	return unit, row, err
}

// Gather decodes one row of a weight to dst[:k]. row counts over the concatenation of
// the members, padding excluded. Values are q*d, q*d+m and so on in float32 as GGUF
// defines them; a zero integer or scale gives +0.
func (f *Form) Gather(dst []float32, stored []byte, t tensor.Type, rows []int64, k, row int64) error {
	unit, err := f.UnitBytes(t, k)
	if err != nil {
		return err
	}
	if int64(len(dst)) < k {
		return fmt.Errorf("gather of row %d: got room for %d channels, want %d", row, len(dst), k)
	}
	u, r := int64(0), row
	for _, n := range rows {
		if r >= 0 && r < n {
			u += r / f.Unit
			if int64(len(stored))/unit <= u {
				return fmt.Errorf("gather of row %d: %d bytes end before it", row, len(stored))
			}
			f.decode(dst[:k], stored[u*unit:(u+1)*unit], t, int(r%f.Unit))
			return nil
		}
		r -= n
		u += f.Units(n)
	}
	return fmt.Errorf("gather of row %d: weight has rows %v", row, rows)
}

func mul(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	return int64(lo), hi == 0 && lo < 1<<63
}
