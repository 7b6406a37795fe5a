package pack

import (
	"math"

	"github.com/tessera-llm/tessera/internal/f32"
)

// floats32: a record is one channel of 16 rows.
var floats32 = Floats{
	Panel: func(w [][PanelRows]float32, records []byte) {
		for k := range w {
			for r := range w[k] {
				w[k][r] = math.Float32frombits(le.Uint32(records[64*k+4*r:]))
			}
		}
	},
	row: func(dst []float32, panel []byte, r int) {
		for k := range dst {
			dst[k] = math.Float32frombits(le.Uint32(panel[64*k+4*r:]))
		}
	},
	rows: func(dst []float32, src []byte) {
		for k := range dst {
			dst[k] = math.Float32frombits(le.Uint32(src[4*k:]))
		}
	},
}

// floats16: a record is two channels of f16, one behind the other.
var floats16 = Floats{
	Panel: func(w [][PanelRows]float32, records []byte) {
		for k := range w {
			widen(w[k][:], records[32*k:], 2)
		}
	},
	row:    func(dst []float32, panel []byte, r int) { widen(dst, panel[2*r:], 32) },
	rows:   func(dst []float32, src []byte) { widen(dst, src, 2) },
	halves: true,
}

// floatsBF16: a record is two channels of bf16, side by side in every row.
var floatsBF16 = Floats{
	Panel: func(w [][PanelRows]float32, records []byte) {
		for k := range w {
			for r := range w[k] {
				w[k][r] = math.Float32frombits(uint32(le.Uint16(records[64*(k/2)+4*r+2*(k%2):])) << 16)
			}
		}
	},
	row: func(dst []float32, panel []byte, r int) {
		for k := range dst {
			dst[k] = math.Float32frombits(uint32(le.Uint16(panel[64*(k/2)+4*r+2*(k%2):])) << 16)
		}
	},
	rows: func(dst []float32, src []byte) {
		for k := range dst {
			dst[k] = math.Float32frombits(uint32(le.Uint16(src[2*k:])) << 16)
		}
	},
}

// widen converts len(dst) halves, step bytes apart. Normal values are done in
// line, the others by f32.FromHalf.
func widen(dst []float32, src []byte, step int) {
	for k := range dst {
		h := le.Uint16(src[k*step:])
		x := uint32(h)
		if x&0x7c00-0x400 < 0x7c00-0x400 {
			dst[k] = math.Float32frombits(x&0x8000<<16 | x&0x7fff<<13 + 112<<23)
		} else {
			dst[k] = f32.FromHalf(h)
		}
	}
}
