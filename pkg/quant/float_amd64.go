package quant

import "golang.org/x/sys/cpu"

// useF16C selects the conversions of the processor; its results are those of
// f16ToF32 and f32ToF16.
var useF16C = cpu.X86.HasAVX && cpuidFeatures()>>29&1 == 1

func cpuidFeatures() uint32

//go:noescape
func widenF16C(dst *float32, src *byte, n int)

//go:noescape
func narrowF16C(dst *byte, src *float32, n int)

//go:noescape
func magnitudeAVX2(x *float32, n int) uint32

// widenF16 converts the first len(dst)/8*8 halves and returns their number.
func widenF16(dst []float32, src []byte) int {
	n := len(dst) &^ 7
	if n == 0 || !useF16C || len(src) < 2*n {
		return 0
	}
	widenF16C(&dst[0], &src[0], n)
	return n
}

// narrowF16 converts the first len(src)/8*8 values and returns their number.
func narrowF16(dst []byte, src []float32) int {
	n := len(src) &^ 7
	if n == 0 || !useF16C || len(dst) < 2*n {
		return 0
	}
	narrowF16C(&dst[0], &src[0], n)
	return n
}

// magnitude is the largest |x| as bits, which compare as integers.
func magnitude(x []float32) uint32 {
	if n := len(x) &^ 15; n > 0 && useAVX2 {
		return max(magnitudeAVX2(&x[0], n), magnitudeGo(x[n:]))
	}
	return magnitudeGo(x)
}
