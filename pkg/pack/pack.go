package pack

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// Pack writes n rows of k channels, stored as GGUF rows in src, as panels to
// dst. A member may be packed in several calls if every call but the last
// covers whole panels. Lengths must be exact. A NaN or infinite scale is a *ScaleError.
func Pack(dst, src []byte, t tensor.Type, n, k int64) error {
	panel, row, err := check(dst, src, t, n, k)
	if err != nil {
		return err
	}
	pk := packer{f: formats[t]}
	for p := range Panels(n) {
		d := dst[p*panel : (p+1)*panel]
		rows := min(PanelRows, n-p*PanelRows)
		s := src[p*PanelRows*row:][:rows*row]
		if !t.Quantised() {
			packFloat(d, s, t, int(row), int(rows), int(row))
		} else if err := pk.pack(d, s, int(row), int(rows), int(k)/pk.f.elems, true, p*PanelRows); err != nil {
			return err
		}
	}
	return nil
}

// Unpack is the inverse of Pack up to the rewrite of zero scales: n rows from
// src to dst as GGUF rows.
func Unpack(dst, src []byte, t tensor.Type, n, k int64) error {
	panel, row, err := check(src, dst, t, n, k)
	if err != nil {
		return err
	}
	for p := range Panels(n) {
		s := src[p*panel : (p+1)*panel]
		rows := min(PanelRows, n-p*PanelRows)
		d := dst[p*PanelRows*row:][:rows*row]
		if t.Quantised() {
			unpackQuant(d, s, formats[t], int(row), int(rows), int(k)/formats[t].elems)
		} else {
			unpackFloat(d, s, t, int(rows), int(row))
		}
	}
	return nil
}

// check compares the lengths of a packed and a row buffer with the geometry.
func check(packed, rows []byte, t tensor.Type, n, k int64) (panel, row int64, err error) {
	size, err := Size(t, []int64{n}, k)
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
	if int64(len(packed)) != size {
		return 0, 0, fmt.Errorf("%s weight of %d rows, %d channels: got %d packed bytes, want %d", t, n, k, len(packed), size)
	}
	panel, err = PanelBytes(t, k)
	return panel, row, err
}

func unpackQuant(dst, src []byte, f *Format, stride, rows, blocks int) {
	per := f.Channels / f.elems
	var c column
	for i := 0; len(src) > 0; i, src = i+per, src[f.Size:] {
		for r := range rows {
			c.get(f, src[:f.Size], r)
			for h := range min(per, blocks-i) {
				b := dst[r*stride+(i+h)*f.bytes:][:f.bytes]
				if f.elems == 256 {
					f.write256(&c.w, &c.s, b)
				} else {
					f.write32(&c.w, &c.s, b, h)
				}
			}
		}
	}
}

// Interleave writes n channels of up to 16 GGUF rows as the records of a panel:
// what Pack would write for them, except that scales are not checked. Row r
// starts at src[r*stride]; n is a multiple of the block size. dst takes
// ceil(n/RecordChannels) records. Kernels use it to read a weight in row form.
func Interleave(dst, src []byte, t tensor.Type, stride, rows, n int) {
	f := formats[t]
	dst = dst[:(n+f.Channels-1)/f.Channels*f.Size]
	if !t.Quantised() {
		packFloat(dst, src, t, stride, rows, n*f.bytes)
		return
	}
	p := packer{f: f}
	p.pack(dst, src, stride, rows, n/f.elems, false, 0)
}
