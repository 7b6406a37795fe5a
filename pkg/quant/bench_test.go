package quant

import (
	"testing"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// The benchmarks count bytes of float32: 4 MB/s are a million elements/s.

func BenchmarkEncode(b *testing.B) {
	x := goldenValues("weights", 1<<16)
	for _, c := range codecs {
		if c.Encode == nil {
			continue
		}
		b.Run(c.Type.String(), func(b *testing.B) {
			dst := make([]byte, len(x)/c.Type.BlockElems()*c.Type.BlockBytes())
			b.SetBytes(int64(4 * len(x)))
			for b.Loop() {
				if err := Encode(c.Type, dst, x); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEncodeGo is BenchmarkEncode without the vector searches.
func BenchmarkEncodeGo(b *testing.B) { withoutVectors(func() { BenchmarkEncode(b) }) }

func BenchmarkDecode(b *testing.B) {
	for _, c := range codecs {
		if c.Type == tensor.Q8_1 {
			continue
		}
		b.Run(c.Type.String(), func(b *testing.B) {
			x := goldenValues("weights", 1<<16)
			src := make([]byte, len(x)/c.Type.BlockElems()*c.Type.BlockBytes())
			if c.Encode != nil {
				c.Encode(src, x)
			}
			b.SetBytes(int64(4 * len(x)))
			for b.Loop() {
				c.Decode(x, src)
			}
		})
	}
}

func BenchmarkCheckBlocks(b *testing.B) {
	for _, t := range []tensor.Type{tensor.F32, tensor.F16, tensor.BF16, tensor.Q8_0, tensor.Q4_K, tensor.Q6_K} {
		b.Run(t.String(), func(b *testing.B) {
			data := make([]byte, 4096*t.BlockBytes())
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if err := CheckBlocks(t, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
