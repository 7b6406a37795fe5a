package kernel

import (
	"math"

	"github.com/tessera-llm/tessera/internal/f32"
)

// vectorTier is t where it has vector forms of the float32 runs, else Generic.
func vectorTier(t Tier) Tier {
	switch t {
	case AVX512, AVX2:
		return t
	case AMX:
		return AVX512
	case AVXVNNI:
		return AVX2
	}
	return Generic
}

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
func vecSiluMulN(dst, x, u *float32, n int)

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

// The AVX2 forms take whole vectors of 8 (or lanes of 16); the rest runs through
// the generic code.

func vecAdd(vec Tier, dst, a, b []float32) {
	n := len(dst)
	_, _ = a[:n], b[:n]
	if vec == AVX512 && n > 0 {
		vecAddN(&dst[0], &a[0], &b[0], n)
		return
	}
	if n &^= 7; n > 0 {
		add256(&dst[0], &a[0], &b[0], n)
	}
	addRun(dst[n:], a[n:], b[n:], Generic)
}

func vecMul(vec Tier, dst, a, b []float32) {
	n := len(dst)
	_, _ = a[:n], b[:n]
	if vec == AVX512 && n > 0 {
		vecMulN(&dst[0], &a[0], &b[0], n)
		return
	}
	if n &^= 7; n > 0 {
		mul256(&dst[0], &a[0], &b[0], n)
	}
	mulRun(dst[n:], a[n:], b[n:], Generic)
}

func vecScaleMul(vec Tier, dst, x, w []float32, r float32) {
	n := len(dst)
	_, _ = x[:n], w[:n]
	if vec == AVX512 && n > 0 {
		vecScaleMulN(&dst[0], &x[0], &w[0], r, n)
		return
	}
	if n &^= 7; n > 0 {
		scaleMul256(&dst[0], &x[0], &w[0], r, n)
	}
	scaleMul(dst[n:], x[n:], w[n:], r, Generic)
}

// vecSquares takes a multiple of 16 elements.
func vecSquares(vec Tier, l *[16]float32, x []float32) {
	switch {
	case len(x) == 0:
	case vec == AVX512:
		vecSquaresN(&l[0], &x[0], len(x))
	default:
		squares256(&l[0], &x[0], len(x))
	}
}

func vecSilu(vec Tier, dst, x []float32) {
	n := len(dst)
	_ = x[:n]
	if vec == AVX512 && n > 0 {
		vecSiluN(&dst[0], &x[0], n)
		return
	}
	if n &^= 7; n > 0 {
		silu256(&dst[0], &x[0], n)
	}
	siluRun(Generic, dst[n:], x[n:])
}

// vecSiluMul is silu(x) * u in one pass; it reports whether the tier has it.
func vecSiluMul(vec Tier, dst, x, u []float32) bool {
	n := len(dst)
	if vec != AVX512 || n == 0 {
		return false
	}
	_, _ = x[n-1], u[n-1]
	vecSiluMulN(&dst[0], &x[0], &u[0], n)
	return true
}

func vecExpSum(vec Tier, l *[16]float32, x []float32, m float32) {
	n := len(x)
	if vec == AVX512 && n > 0 {
		expSumN(&l[0], &x[0], m, n)
		return
	}
	if n &^= 15; n > 0 {
		expSum256(&l[0], &x[0], m, n)
	}
	for i, v := range x[n:] {
		l[i] += f32.Exp(v - m)
	}
}

// vecScaleExp is x = exp(x*t - m) for a multiple of 16 elements.
func vecScaleExp(_ Tier, x []float32, t, m float32) {
	if len(x) > 0 {
		scale256(&x[0], t, len(x))
		expSub256(&x[0], m, len(x))
	}
}

func vecMax(vec Tier, x []float32) float32 {
	if vec == AVX512 && len(x) > 0 {
		return maxN(&x[0], len(x))
	}
	return maxRun(x)
}

// vecFindAbove skips whole runs of 16 without a candidate for a top-k whose
// last value is limit.
func vecFindAbove(vec Tier, x []float32, limit float32) int {
	if vec != AVX512 || len(x) < 16 {
		return 0
	}
	return findAbove(&x[0], len(x)&^15, limit)
}

// vecRotate takes runs whose length is a multiple of 16.
func vecRotate(vec Tier, dl, dh, xl, xh, cos, sin []float32) {
	n := len(dl)
	if n == 0 {
		return
	}
	_, _, _, _, _ = dh[n-1], xl[n-1], xh[n-1], cos[n-1], sin[n-1]
	if vec == AVX512 {
		vecRotateN(&dl[0], &dh[0], &xl[0], &xh[0], &cos[0], &sin[0], n)
	} else {
		rotate256(&dl[0], &dh[0], &xl[0], &xh[0], &cos[0], &sin[0], n)
	}
}

func vecMerge(vec Tier, o, p []float32, a, b float32) {
	n := len(o)
	_ = p[:n]
	if vec == AVX512 && n > 0 {
		vecMergeN(&o[0], &p[0], a, b, n)
		return
	}
	if n &^= 7; n > 0 {
		merge256(&o[0], &p[0], a, b, n)
	}
	mergeRun(o[n:], p[n:], a, b)
}

func vecDiv(vec Tier, x []float32, l float32) {
	n := len(x)
	if vec == AVX512 && n > 0 {
		vecDivN(&x[0], l, n)
		return
	}
	if n &^= 7; n > 0 {
		div256(&x[0], l, n)
	}
	divRun(x[n:], l)
}

// vecHalf converts to halves; the length is a multiple of 16.
func vecHalf(vec Tier, dst []uint16, src []float32) bool {
	if vec != AVX512 {
		return false
	}
	_ = dst[len(src)-1]
	floatToHalf(&dst[0], &src[0], len(src))
	return true
}

// vecScatter stores groups of 4 channels of one token of a c4 activation.
func vecScatter(dst, src []float32, groups int) {
	_, _ = dst[16*(groups-1)+3], src[4*groups-1]
	scatter4(&dst[0], &src[0], groups)
}

// vecGather is the inverse of vecScatter.
func vecGather(dst, src []float32, groups int) {
	_, _ = src[16*(groups-1)+3], dst[4*groups-1]
	gather4(&dst[0], &src[0], groups)
}

func vecBlockMax(vec Tier, m *[8]uint32, x *[Slab]float32) {
	if vec == AVX512 {
		blockMax(m, x)
	} else {
		blockMax256(m, x)
	}
}

// vecQuantBlocks quantises a slab; sums are those of 16 channels.
func vecQuantBlocks(vec Tier, q *[Slab]int8, sums *[16]int32, x *[Slab]float32, mult *[8]float32) {
	if vec == AVX512 {
		var all [64]int32
		quantBlocks(q, &all, x, mult)
		for i := range sums {
			sums[i] = all[4*i]
		}
		return
	}
	var all [32]int64
	quantBlocks256(q, &all, x, mult)
	for i := range sums {
		sums[i] = int32(all[2*i]+all[2*i+1]) - 16*128
	}
}
