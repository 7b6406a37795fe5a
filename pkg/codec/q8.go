package codec

import (
	"encoding/binary"
	"math"

	"github.com/tessera-llm/tessera/internal/f32"
)

// Q8_0 is blocks of 32 channels as ggml quantises them: d as f16, then 32 int8.
//
// Steps are amax/127, uniform: (amax/127)²/12. Of 32 values amax² is 32 times the
// mean square at most; then the block is one spike, whose own error is below
// 2^-11. Spread blocks have amax² ≤ 9 times the mean.
var Q8_0 = &Codec{Name: "q8_0", Block: 32, BlockBytes: 34,
	Encode: func(dst []byte, x []float32) {
		for b := 0; b < len(x); b += 32 {
			encodeQ8(dst[b/32*34:][:34], x[b:b+32])
		}
	},
	Decode: func(dst []float32, src []byte) {
		for b := 0; b < len(dst); b += 32 {
			block := src[b/32*34:][:34]
			d := f32.FromHalf(binary.LittleEndian.Uint16(block))
			for i, q := range block[2:] {
				dst[b+i] = float32(int8(q)) * d
			}
		}
	},
	Noise: 9.0 / (127 * 127 * 12),
}

// encodeQ8 is ggml's: d = amax/127 rounded to fp16, q = x * (1/d) with the
// unrounded d, halves away from zero. A block with Inf or NaN becomes NaN.
func encodeQ8(dst []byte, x []float32) {
	const inf = 0x7f800000
	most := uint32(0)
	for _, v := range x {
		most = max(most, math.Float32bits(v)&^(1<<31))
	}
	d := math.Float32frombits(most) / 127
	h, inv := f32.ToHalf(d), float32(0)
	if most >= inf {
		h = 0x7e00
	} else if h != 0 {
		inv = 1 / d
	}
	binary.LittleEndian.PutUint16(dst, h)
	for i, v := range x {
		q := int32(0)
		if inv != 0 {
			q = int32(math.Round(float64(float32(v * inv))))
		}
		dst[2+i] = byte(int8(max(-127, min(127, q))))
	}
}
