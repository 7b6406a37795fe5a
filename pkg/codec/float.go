package codec

import (
	"encoding/binary"
	"math"

	"github.com/tessera-llm/tessera/internal/f32"
)

// F32 keeps rows as they are.
var F32 = &Codec{Name: "f32", Block: 1, BlockBytes: 4,
	Encode: func(dst []byte, x []float32) {
		for i, v := range x {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v))
		}
	},
	Decode: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	},
}

// F16 rounds to nearest even. A rounding is off by 2^-11 of the value at most,
// evenly spread: relative power (2^-11)²/3.
var F16 = &Codec{Name: "f16", Block: 1, BlockBytes: 2,
	Encode: func(dst []byte, x []float32) {
		for i, v := range x {
			binary.LittleEndian.PutUint16(dst[2*i:], f32.ToHalf(v))
		}
	},
	Decode: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = f32.FromHalf(binary.LittleEndian.Uint16(src[2*i:]))
		}
	},
	Noise: 1.0 / (1 << 22) / 3,
}
