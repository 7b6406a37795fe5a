package pack

import "github.com/tessera-llm/tessera/pkg/tensor"

// tileBytes is how much of each row is interleaved at a time: whole cache
// lines, so that rows whose addresses collide in the cache are read once.
const tileBytes = 512

// packFloat writes the records of one panel of floats: rows rows of width
// bytes, row r at src[r*stride].
func packFloat(dst, src []byte, t tensor.Type, stride, rows, width int) {
	transpose := transposeDwords // f32 and pairs of bf16
	if t == tensor.F16 {
		transpose = transposeHalves
	}
	var pad [PanelRows * tileBytes]byte
	if rows == PanelRows && stride >= width {
		for width >= 4 {
			n := min(width, tileBytes) / 4
			transpose(dst[:64*n], src, stride, n)
			dst, src, width = dst[64*n:], src[4*n:], width-4*n
			if width == 0 {
				return
			}
		}
	}
	for width > 0 {
		n := min(width, tileBytes)
		if n < tileBytes {
			clear(pad[:])
		}
		for r := range rows {
			copy(pad[r*tileBytes:][:n], src[r*stride:])
		}
		v := (n + 3) / 4
		transpose(dst[:64*v], pad[:], tileBytes, v)
		if width -= n; width > 0 {
			dst, src = dst[64*v:], src[n:]
		}
	}
}

func unpackFloat(dst, src []byte, t tensor.Type, rows, width int) {
	w := t.BlockBytes()
	for r := range rows {
		d := dst[r*width:][:width]
		for c := 0; c < width; c += w {
			copy(d[c:c+w], src[place(t, r, c/w):])
		}
	}
}

// place is the offset of element (row r, channel k) in a float panel.
func place(t tensor.Type, r, k int) int {
	switch t {
	case tensor.F32:
		return 64*k + 4*r
	case tensor.F16:
		return 32*k + 2*r
	}
	return 64*(k/2) + 4*r + 2*(k%2) // bf16
}
