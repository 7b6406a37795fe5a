package kernel

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/pack"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Weight is a matrix of N rows by K channels, its rows the concatenation of
// members. Data is read-only and outlives the weight.
type Weight struct {
	Type tensor.Type
	Form Form
	Rows []int64 // rows of each member
	K    int
	Data []byte

	format *pack.Format // of the packed records
	run    *pack.Format // of the records that kernels in assembly read, see runAs
	native *native      // those kernels, nil if there are none
	steps  *pack.Format // of the records that are expanded step by step: run, or bytes in place of a table
	codes  [16]byte     // bytes that stored values become where run or steps is not format
	first  []int        // first panel of each member
	each   int          // panels of every member, 0 if they differ
	panels int          // panels of all members; a rows-form weight is cut the same way
	stride int          // bytes of a row, or of a panel
	size   int64        // bytes of all
}

// NewWeight checks data against the geometry: its length must be exact.
func NewWeight(t tensor.Type, f Form, rows []int64, k int64, data []byte) (Weight, error) {
	w, err := ShapedWeight(t, f, rows, k)
	if err != nil {
		return w, err
	}
	if int64(len(data)) != w.size {
		return w, fmt.Errorf("%s %s weight of %v rows, %d channels: got %d bytes, want %d", t, f, rows, k, len(data), w.size)
	}
	w.Data = data
	return w, nil
}

// ShapedWeight is a weight without data, of which only the shape is asked.
func ShapedWeight(t tensor.Type, f Form, rows []int64, k int64) (Weight, error) {
	w := Weight{Type: t, Form: f, Rows: rows, K: int(k), format: pack.Lookup(t)}
	if w.format == nil {
		return w, fmt.Errorf("type %s has no records", t)
	}
	form, err := pack.Of(f)
	if err != nil {
		return w, err
	}
	if w.size, err = form.Size(t, rows, k); err != nil {
		return w, err
	}
	w.run, w.native = runAs(w.format)
	w.steps = w.run
	if w.run.LUT != nil {
		w.steps = pack.Lookup(bytesType)
	}
	w.codes = bytesOf(w.format)
	stride, err := form.UnitBytes(t, k)
	if err != nil {
		return w, err
	}
	w.stride = int(stride)
	for i, n := range rows {
		if each := int(pack.P16.Units(n)); i == 0 {
			w.each = each
		} else if each != w.each {
			w.each = 0
		}
		w.first = append(w.first, w.panels)
		w.panels += int(pack.P16.Units(n))
	}
	return w, nil
}

// Panels is the number of panels: each member rounded up to whole ones.
func (w *Weight) Panels() int { return w.panels }

// N is the number of rows.
func (w *Weight) N() int {
	n := 0
	for _, r := range w.Rows {
		n += int(r)
	}
	return n
}

// panel locates panel p: its member, the first row in the member and how many
// of the 16 rows exist.
func (w *Weight) panel(p int) (member, row, n int) {
	m := len(w.first) - 1
	if w.each > 0 {
		m = p / w.each
	}
	for w.first[m] > p { // members of different sizes
		m--
	}
	row = (p - w.first[m]) * pack.PanelRows
	return m, row, min(pack.PanelRows, int(w.Rows[m])-row)
}

// slab returns the records of slab s of panel p. A rows-form weight is
// interleaved into buf, which holds maxSlabBytes.
func (w *Weight) slab(p, s int, buf []byte) []byte {
	rb, rc := w.format.Size, w.format.Channels
	n := min(Slab, w.K-s*Slab)
	size := ceil(n, rc) * rb
	if w.Form == P16 {
		return w.Data[p*w.stride+s*Slab/rc*rb:][:size]
	}
	m, row, rows := w.panel(p)
	for _, r := range w.Rows[:m] {
		row += int(r)
	}
	bytes := s * Slab / w.Type.BlockElems() * w.Type.BlockBytes()
	pack.Interleave(buf[:size], w.Data[row*w.stride+bytes:], w.Type, w.stride, rows, n)
	return buf[:size]
}

// maxSlabBytes is the largest size of one slab of a panel: f32.
const maxSlabBytes = Slab * 64

// panelBytes is the size of 16 rows; of the last ones, that of whole 16.
func (w *Weight) panelBytes() int64 {
	if w.Form == Rows {
		return pack.PanelRows * int64(w.stride)
	}
	return int64(w.stride)
}
