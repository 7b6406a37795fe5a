package kernel

import (
	"math"

	"github.com/tessera-llm/tessera/internal/f32"
)

// vectorTier is NEON for the tiers that have it, else Generic.
func vectorTier(t Tier) Tier {
	if t == NEON || t == I8MM {
		return NEON
	}
	return Generic
}

// expNEON is read by the assembly at fixed offsets.
var expNEON = [...]float32{
	f32.Log2e, f32.Magic, -f32.Ln2Hi, -f32.Ln2Lo, // 0
	f32.ExpC5, f32.ExpC4, f32.ExpC3, f32.ExpC2, f32.ExpC1, f32.ExpC0, 1, 0, // 16
	f32.ExpMax, f32.ExpMin, float32(math.Inf(1)), // 48
}

//go:noescape
func neonAdd(dst, a, b *float32, n int)

//go:noescape
func neonMul(dst, a, b *float32, n int)

//go:noescape
func neonScaleMul(dst, x, w *float32, r float32, n int)

//go:noescape
func neonScale(x *float32, r float32, n int)

//go:noescape
func neonDiv(x *float32, l float32, n int)

//go:noescape
func neonMerge(o, p *float32, a, b float32, n int)

//go:noescape
func neonRotate(dl, dh, xl, xh, cos, sin *float32, n int)

//go:noescape
func neonSquares(l, x *float32, n int)

//go:noescape
func neonSilu(dst, x *float32, n int)

//go:noescape
func neonExpSub(x *float32, m float32, n int)

//go:noescape
func neonExpSum(l, x *float32, m float32, n int)

//go:noescape
func neonScatter(dst, src *float32, n int)

//go:noescape
func neonGather(dst, src *float32, n int)

//go:noescape
func neonBlockMax(max *[8]uint32, x *[Slab]float32)

//go:noescape
func neonQuantBlocks(q *[Slab]int8, sums *[16]int32, x *[Slab]float32, mult *[8]float32)

// The NEON forms take whole vectors of 4 (or lanes of 16); the rest runs
// through the generic code.

func vecAdd(_ Tier, dst, a, b []float32) {
	n := len(dst) &^ 3
	_, _ = a[:len(dst)], b[:len(dst)]
	if n > 0 {
		neonAdd(&dst[0], &a[0], &b[0], n)
	}
	addRun(dst[n:], a[n:], b[n:], Generic)
}

func vecMul(_ Tier, dst, a, b []float32) {
	n := len(dst) &^ 3
	_, _ = a[:len(dst)], b[:len(dst)]
	if n > 0 {
		neonMul(&dst[0], &a[0], &b[0], n)
	}
	mulRun(dst[n:], a[n:], b[n:], Generic)
}

func vecScaleMul(_ Tier, dst, x, w []float32, r float32) {
	n := len(dst) &^ 3
	_, _ = x[:len(dst)], w[:len(dst)]
	if n > 0 {
		neonScaleMul(&dst[0], &x[0], &w[0], r, n)
	}
	scaleMul(dst[n:], x[n:], w[n:], r, Generic)
}

// vecSquares takes a multiple of 16 elements.
func vecSquares(_ Tier, l *[16]float32, x []float32) {
	if len(x) > 0 {
		neonSquares(&l[0], &x[0], len(x))
	}
}

func vecSilu(_ Tier, dst, x []float32) {
	n := len(dst) &^ 3
	_ = x[:len(dst)]
	if n > 0 {
		neonSilu(&dst[0], &x[0], n)
	}
	siluRun(Generic, dst[n:], x[n:])
}

func vecExpSum(_ Tier, l *[16]float32, x []float32, m float32) {
	n := len(x) &^ 15
	if n > 0 {
		neonExpSum(&l[0], &x[0], m, n)
	}
	for i, v := range x[n:] {
		l[i] += f32.Exp(v - m)
	}
}

// vecScaleExp is x = exp(x*t - m) for a multiple of 16 elements.
func vecScaleExp(_ Tier, x []float32, t, m float32) {
	if len(x) > 0 {
		neonScale(&x[0], t, len(x))
		neonExpSub(&x[0], m, len(x))
	}
}

func vecMax(_ Tier, x []float32) float32 { return maxRun(x) }

// vecFindAbove may skip elements not above limit; here it skips none.
func vecFindAbove(Tier, []float32, float32) int { return 0 }

// vecRotate takes runs whose length is a multiple of 16.
func vecRotate(_ Tier, dl, dh, xl, xh, cos, sin []float32) {
	n := len(dl)
	if n == 0 {
		return
	}
	_, _, _, _, _ = dh[n-1], xl[n-1], xh[n-1], cos[n-1], sin[n-1]
	neonRotate(&dl[0], &dh[0], &xl[0], &xh[0], &cos[0], &sin[0], n)
}

func vecMerge(_ Tier, o, p []float32, a, b float32) {
	n := len(o) &^ 3
	_ = p[:len(o)]
	if n > 0 {
		neonMerge(&o[0], &p[0], a, b, n)
	}
	mergeRun(o[n:], p[n:], a, b)
}

func vecDiv(_ Tier, x []float32, l float32) {
	n := len(x) &^ 3
	if n > 0 {
		neonDiv(&x[0], l, n)
	}
	divRun(x[n:], l)
}

// vecHalf reports that the generic conversion is to be used.
func vecHalf(Tier, []uint16, []float32) bool { return false }

// vecScatter stores groups of 4 channels of one token of a c4 activation.
func vecScatter(dst, src []float32, groups int) {
	_, _ = dst[16*(groups-1)+3], src[4*groups-1]
	neonScatter(&dst[0], &src[0], groups)
}

// vecGather is the inverse of vecScatter.
func vecGather(dst, src []float32, groups int) {
	_, _ = src[16*(groups-1)+3], dst[4*groups-1]
	neonGather(&dst[0], &src[0], groups)
}

func vecBlockMax(_ Tier, m *[8]uint32, x *[Slab]float32) { neonBlockMax(m, x) }

// vecQuantBlocks quantises a slab; sums are those of 16 channels.
func vecQuantBlocks(_ Tier, q *[Slab]int8, sums *[16]int32, x *[Slab]float32, mult *[8]float32) {
	neonQuantBlocks(q, sums, x, mult)
}

// vecQuantTile reports that tokens are quantised one at a time.
func vecQuantTile(Tier, *Act, *slabTile, int, int) bool { return false }

// vecSiluMul reports that silu and the product are computed one after the other.
func vecSiluMul(Tier, []float32, []float32, []float32) bool { return false }
