package kernel

import (
	"math"

	"github.com/tessera-llm/tessera/internal/f32"
)

// vectorTier reports whether tier t has vector forms of the float32 runs.
func vectorTier(t Tier) bool { return t == AVX512 }

// expConst is read by the assembly at fixed offsets.
var expConst = [...]float32{
	f32.Log2e, f32.Magic, -f32.Ln2Hi, -f32.Ln2Lo, // 0
	f32.ExpC5, f32.ExpC4, f32.ExpC3, f32.ExpC2, f32.ExpC1, f32.ExpC0, // 16
	1, f32.ExpMax, f32.ExpMin, float32(math.Inf(1)), // 40
	float32(math.Copysign(0, -1)), math.Float32frombits(1<<31 - 1), // 56: sign bit, all others
	math.Float32frombits(127), math.Float32frombits(0xffffff81), math.Float32frombits(0x01010101), // 64
	float32(math.Inf(-1)), // 76
}

//go:noescape
func vecAddN(dst, a, b *float32, n int)

//go:noescape
func vecMulN(dst, a, b *float32, n int)

//go:noescape
func vecScaleMulN(dst, x, w *float32, r float32, n int)

//go:noescape
func vecSquaresN(l, x *float32, n int)

//go:noescape
func vecSiluN(dst, x *float32, n int)

//go:noescape
func expSumN(l, x *float32, m float32, n int)

//go:noescape
func maxN(x *float32, n int) (m float32)

//go:noescape
func findAbove(x *float32, n int, limit float32) int

//go:noescape
func vecRotateN(dl, dh, xl, xh, cos, sin *float32, n int)

//go:noescape
func vecMergeN(o, p *float32, a, b float32, n int)

//go:noescape
func vecDivN(x *float32, l float32, n int)

//go:noescape
func scatter4(dst, src *float32, n int)

//go:noescape
func gather4(dst, src *float32, n int)

//go:noescape
func blockMax(max *[8]uint32, x *[Slab]float32)

//go:noescape
func quantBlocks(q *[Slab]int8, sums *[64]int32, x *[Slab]float32, mult *[8]float32)

//go:noescape
func softmaxRow(s *float32, panels int, first, last uint32, scale float32, lanes *[16]float32) (m float32)

func vecAdd(dst, a, b []float32) {
	if n := len(dst); n > 0 {
		_, _ = a[n-1], b[n-1]
		vecAddN(&dst[0], &a[0], &b[0], n)
	}
}

func vecMul(dst, a, b []float32) {
	if n := len(dst); n > 0 {
		_, _ = a[n-1], b[n-1]
		vecMulN(&dst[0], &a[0], &b[0], n)
	}
}

func vecScaleMul(dst, x, w []float32, r float32) {
	if n := len(dst); n > 0 {
		_, _ = x[n-1], w[n-1]
		vecScaleMulN(&dst[0], &x[0], &w[0], r, n)
	}
}

func vecSquares(l *[16]float32, x []float32) {
	if len(x) > 0 {
		vecSquaresN(&l[0], &x[0], len(x))
	}
}

func vecSilu(dst, x []float32) {
	if n := len(dst); n > 0 {
		_ = x[n-1]
		vecSiluN(&dst[0], &x[0], n)
	}
}

func vecExpSum(l *[16]float32, x []float32, m float32) {
	if len(x) > 0 {
		expSumN(&l[0], &x[0], m, len(x))
	}
}

func vecMax(x []float32) float32 {
	if len(x) == 0 {
		return float32(math.Inf(-1))
	}
	return maxN(&x[0], len(x))
}

func vecFindAbove(x []float32, limit float32) int {
	if len(x) < 16 {
		return 0
	}
	return findAbove(&x[0], len(x)&^15, limit)
}

// vecRotate takes runs whose length is a multiple of 16.
func vecRotate(dl, dh, xl, xh, cos, sin []float32) {
	if n := len(dl); n > 0 {
		_, _, _, _, _ = dh[n-1], xl[n-1], xh[n-1], cos[n-1], sin[n-1]
		vecRotateN(&dl[0], &dh[0], &xl[0], &xh[0], &cos[0], &sin[0], n)
	}
}

func vecMerge(o, p []float32, a, b float32) {
	if n := len(o); n > 0 {
		_ = p[n-1]
		vecMergeN(&o[0], &p[0], a, b, n)
	}
}

func vecDiv(x []float32, l float32) {
	if n := len(x); n > 0 {
		vecDivN(&x[0], l, n)
	}
}

// vecPut stores a run of token t from channel k0, a multiple of 4 in one
// slab, to a c4 activation of several tokens.
func vecPut(a *Act, t, k0 int, src []float32) {
	n := len(src) / 4
	if n > 0 {
		dst := a.F[a.off(t, k0):]
		_ = dst[16*(n-1)+3]
		scatter4(&dst[0], &src[0], n)
	}
	for i := 4 * n; i < len(src); i++ {
		a.F[a.off(t, k0+i)] = src[i]
	}
}

// vecGet is the inverse of vecPut.
func vecGet(a *Act, dst []float32, t, k0 int) {
	n := len(dst) / 4
	if n > 0 {
		src := a.F[a.off(t, k0):]
		_ = src[16*(n-1)+3]
		gather4(&dst[0], &src[0], n)
	}
	for i := 4 * n; i < len(dst); i++ {
		dst[i] = a.F[a.off(t, k0+i)]
	}
}

// vecQuantise returns the block maxima of x.
func vecBlockMax(m *[8]uint32, x *[Slab]float32) { blockMax(m, x) }

// vecQuantBlocks quantises a slab; sums are those of 16 channels.
func vecQuantBlocks(q *[Slab]int8, sums *[16]int32, x *[Slab]float32, mult *[8]float32) {
	var all [64]int32
	quantBlocks(q, &all, x, mult)
	for i := range sums {
		sums[i] = all[4*i]
	}
}
