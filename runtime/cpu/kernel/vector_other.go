//go:build !amd64

package kernel

// vectorTier reports whether tier t has vector forms of the float32 runs.
func vectorTier(Tier) bool { return false }

const noVector = "kernel: no vector tier on this architecture"

func vecAdd(dst, a, b []float32)                                          { panic(noVector) }
func vecMul(dst, a, b []float32)                                          { panic(noVector) }
func vecScaleMul(dst, x, w []float32, r float32)                          { panic(noVector) }
func vecSquares(l *[16]float32, x []float32)                              { panic(noVector) }
func vecSilu(dst, x []float32)                                            { panic(noVector) }
func vecExpSum(l *[16]float32, x []float32, m float32)                    { panic(noVector) }
func vecMax(x []float32) float32                                          { panic(noVector) }
func vecFindAbove(x []float32, limit float32) int                         { panic(noVector) }
func vecRotate(dl, dh, xl, xh, cos, sin []float32)                        { panic(noVector) }
func vecMerge(o, p []float32, a, b float32)                               { panic(noVector) }
func vecDiv(x []float32, l float32)                                       { panic(noVector) }
func vecPut(a *Act, t, k0 int, src []float32)                             { panic(noVector) }
func vecGet(a *Act, dst []float32, t, k0 int)                             { panic(noVector) }
func vecBlockMax(m *[8]uint32, x *[Slab]float32)                          { panic(noVector) }
func vecQuantBlocks(*[Slab]int8, *[16]int32, *[Slab]float32, *[8]float32) { panic(noVector) }

func floatToHalf(dst *uint16, src *float32, n int) { panic(noVector) }
