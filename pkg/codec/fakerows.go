//go:build fakerows

package codec

import (
	"encoding/binary"
	"math"
)

// fake is a codec for tests of law 7: it rotates four channels at a time by half
// a Hadamard matrix, which is its own inverse, and keeps 16 bits of each.
var fake = &Codec{Name: "h4", Block: 4, BlockBytes: 8, Query: hadamard4, Output: hadamard4, Noise: 1.0 / (1 << 16) / 3,
	Encode: func(dst []byte, x []float32) {
		var y [4]float32
		for b := 0; b < len(x); b += 4 {
			copy(y[:], x[b:])
			hadamard4(y[:])
			for i, v := range y {
				bits := math.Float32bits(v)
				if v == v {
					bits += 1 << 15
				}
				binary.LittleEndian.PutUint16(dst[2*(b+i):], uint16(bits>>16))
			}
		}
	},
	Decode: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
		}
	},
}

func hadamard4(x []float32) {
	for ; len(x) >= 4; x = x[4:] {
		a, b, c, d := x[0]+x[1], x[0]-x[1], x[2]+x[3], x[2]-x[3]
		x[0], x[1], x[2], x[3] = (a+c)*0.5, (b+d)*0.5, (a-c)*0.5, (b-d)*0.5
	}
}

func init() { table = append(table, fake) }
