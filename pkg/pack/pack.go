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
	for p := range Panels(n) {
		d := dst[p*panel : (p+1)*panel]
		rows := min(PanelRows, n-p*PanelRows)
		s := src[p*PanelRows*row:][:rows*row]
		if !t.Quantised() {
			packFloat(d, s, t, rows, k)
		} else if err := packQuant(d, s, t, p*PanelRows, rows, k); err != nil {
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
			unpackQuant(d, s, t, rows, k)
		} else {
			unpackFloat(d, s, t, rows, k)
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

func packQuant(dst, src []byte, t tensor.Type, first, rows, k int64) error {
	rec := records[t]
	elems, bb := int64(t.BlockElems()), int64(t.BlockBytes())
	blocks := k / elems
	perRec := rec.channels / elems
	clear(dst)
	var g group
	for i := int64(0); len(dst) > 0; i, dst = i+1, dst[rec.bytes:] {
		for r := range int64(PanelRows) {
			g.clear(t)
			for h := int64(0); r < rows && h < perRec && i*perRec+h < blocks; h++ {
				blk := i*perRec + h
				b := src[(r*blocks+blk)*bb:][:bb]
				var err error
				if elems == 256 {
					g.read256(t, b)
					err = g.sanitize256(t, first+r, blk)
				} else {
					g.read32(t, b, int(h))
					err = g.sanitize32(t, int(h), first+r, blk)
				}
				if err != nil {
					return err
				}
			}
			g.put(dst[:rec.bytes], t, int(r))
		}
	}
	return nil
}

func unpackQuant(dst, src []byte, t tensor.Type, rows, k int64) {
	rec := records[t]
	elems, bb := int64(t.BlockElems()), int64(t.BlockBytes())
	blocks := k / elems
	perRec := rec.channels / elems
	var g group
	for i := int64(0); len(src) > 0; i, src = i+1, src[rec.bytes:] {
		for r := range rows {
			g.get(src[:rec.bytes], t, int(r))
			for h := int64(0); h < perRec && i*perRec+h < blocks; h++ {
				b := dst[(r*blocks+i*perRec+h)*bb:][:bb]
				if elems == 256 {
					g.write256(t, b)
				} else {
					g.write32(t, b, int(h))
				}
			}
		}
	}
}

// place is the offset of element (row r, channel k) in a float panel.
func place(t tensor.Type, r, k int64) int64 {
	switch t {
	case tensor.F32:
		return 64*k + 4*r
	case tensor.F16:
		return 32*k + 2*r
	}
	return 64*(k/2) + 4*r + 2*(k%2) // bf16
}

func packFloat(dst, src []byte, t tensor.Type, rows, k int64) {
	clear(dst)
	w := int64(t.BlockBytes())
	for r := range rows {
		s := src[r*k*w:][:k*w]
		for c := range k {
			copy(dst[place(t, r, c):][:w], s[c*w:][:w])
		}
	}
}

func unpackFloat(dst, src []byte, t tensor.Type, rows, k int64) {
	w := int64(t.BlockBytes())
	for r := range rows {
		d := dst[r*k*w:][:k*w]
		for c := range k {
			copy(d[c*w:][:w], src[place(t, r, c):][:w])
		}
	}
}
