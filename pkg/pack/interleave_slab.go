package pack

import "github.com/tessera-llm/tessera/pkg/tensor"

// Interleave writes n channels of up to 16 GGUF rows as the records of a panel:
// what Pack would write for them, except that scales are not checked. Row r
// starts at src[r*stride]; n is a multiple of the block size. dst takes
// ceil(n/RecordChannels) records. Kernels use it to read a weight in row form.
func Interleave(dst, src []byte, t tensor.Type, stride, rows, n int) {
	if !t.Quantised() {
		clear(dst)
		w := t.BlockBytes()
		for r := range rows {
			s := src[r*stride:]
			for c := range n {
				copy(dst[place(t, int64(r), int64(c)):][:w], s[c*w:][:w])
			}
		}
		return
	}
	rec := records[t]
	elems, bb := t.BlockElems(), t.BlockBytes()
	perRec := int(rec.channels) / elems
	blocks := n / elems
	var g group
	clear(dst)
	for i := 0; i*perRec < blocks; i++ {
		d := dst[i*int(rec.bytes):][:rec.bytes]
		for r := range PanelRows {
			g.clear(t)
			for h := 0; r < rows && h < perRec && i*perRec+h < blocks; h++ {
				b := src[r*stride+(i*perRec+h)*bb:][:bb]
				if elems == 256 {
					g.read256(t, b)
					g.rewrite256(t)
				} else {
					g.read32(t, b, h)
					g.rewrite32(t, h)
				}
			}
			g.put(d, t, r)
		}
	}
}
