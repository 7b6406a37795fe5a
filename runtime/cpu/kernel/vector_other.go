//go:build !amd64 && !arm64

package kernel

// vectorTier is t where it has vector forms of the float32 runs, else Generic.
func vectorTier(Tier) Tier { return Generic }

const noVector = "kernel: no vector tier on this architecture"

func vecAdd(vec Tier, dst, a, b []float32)                       { panic(noVector) }
func vecMul(vec Tier, dst, a, b []float32)                       { panic(noVector) }
func vecScaleMul(vec Tier, dst, x, w []float32, r float32)       { panic(noVector) }
func vecSquares(vec Tier, l *[16]float32, x []float32)           { panic(noVector) }
func vecSilu(vec Tier, dst, x []float32)                         { panic(noVector) }
func vecExpSum(vec Tier, l *[16]float32, x []float32, m float32) { panic(noVector) }
func vecScaleExp(vec Tier, x []float32, t, m float32)            { panic(noVector) }
func vecMax(vec Tier, x []float32) float32                       { panic(noVector) }
func vecFindAbove(vec Tier, x []float32, limit float32) int      { panic(noVector) }
func vecRotate(vec Tier, dl, dh, xl, xh, cos, sin []float32)     { panic(noVector) }
func vecMerge(vec Tier, o, p []float32, a, b float32)            { panic(noVector) }
func vecDiv(vec Tier, x []float32, l float32)                    { panic(noVector) }
func vecHalf(vec Tier, dst []uint16, src []float32) bool         { panic(noVector) }
func vecScatter(dst, src []float32, groups int)                  { panic(noVector) }
func vecGather(dst, src []float32, groups int)                   { panic(noVector) }

func vecBlockMax(vec Tier, m *[8]uint32, x *[Slab]float32) { panic(noVector) }

func vecQuantBlocks(vec Tier, q *[Slab]int8, sums *[16]int32, x *[Slab]float32, mult *[8]float32) {
	panic(noVector)
}

func vecQuantTile(vec Tier, out *Act, x *slabTile, s, tl int) bool { panic(noVector) }

func vecSiluMul(vec Tier, dst, x, u []float32) bool { panic(noVector) }
