package pack

import (
	"fmt"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// panelBytes is the size of one panel: all k channels of 16 rows, k padded to
// whole records.
func panelBytes(t tensor.Type, k int64) (int64, error) {
	f := formats[t]
	n := k / int64(f.Channels)
	if k%int64(f.Channels) != 0 {
		n++
	}
	size, ok := mul(n, int64(f.Size))
	if !ok {
		return 0, fmt.Errorf("%s panel of %d channels: size overflows", t, k)
	}
	return size, nil
}

// panels is the number of panels that n rows fill.
func panels(n int64) int64 { return n/PanelRows + min(n%PanelRows, 1) }

func packPanels(dst, src []byte, t tensor.Type, n, k, panel, row int64) error {
	pk := packer{f: formats[t]}
	for p := range panels(n) {
		d := dst[p*panel : (p+1)*panel]
		rows := min(PanelRows, n-p*PanelRows)
		s := src[p*PanelRows*row:][:rows*row]
		if fl := pk.f.Floats; fl != nil {
			fl.pack(d, s, int(row), int(rows), int(row))
		} else if err := pk.pack(d, s, int(row), int(rows), int(k)/pk.f.elems, true, p*PanelRows); err != nil {
			return err
		}
	}
	return nil
}

func unpackPanels(src, dst []byte, t tensor.Type, n, k, panel, row int64) error {
	for p := range panels(n) {
		s := src[p*panel : (p+1)*panel]
		rows := min(PanelRows, n-p*PanelRows)
		d := dst[p*PanelRows*row:][:rows*row]
		if f := formats[t]; f.Floats != nil {
			f.Floats.unpack(d, s, int(rows), int(row))
		} else {
			unpackQuant(d, s, f, int(row), int(rows), int(k)/f.elems)
		}
	}
	return nil
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
	if f.Floats != nil {
		f.Floats.pack(dst, src, stride, rows, n*f.bytes)
		return
	}
	p := packer{f: f}
	p.pack(dst, src, stride, rows, n/f.elems, false, 0)
}
