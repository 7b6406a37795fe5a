//go:build !amd64

package kernel

// vectorTier reports whether tier t has vector forms of the float32 runs.
func vectorTier(Tier) bool { return false }

func vecAdd(dst, a, b []float32)                 { panic("kernel: no vector tier") }
func vecMul(dst, a, b []float32)                 { panic("kernel: no vector tier") }
func vecScaleMul(dst, x, w []float32, r float32) { panic("kernel: no vector tier") }
func vecSquares(l *[16]float32, x []float32)     { panic("kernel: no vector tier") }
func vecSilu(dst, x []float32)                   { panic("kernel: no vector tier") }
func vecPutRow(out *Act, t int, row []float32)   { panic("kernel: no vector tier") }

func vecRotate(dl, dh, xl, xh, cos, sin []float32) { panic("kernel: no vector tier") }

func vecExpSub(dst, x []float32, m float32) { panic("kernel: no vector tier") }

func vecMerge(o, p []float32, a, b float32) { panic("kernel: no vector tier") }
func vecDiv(x []float32, l float32)         { panic("kernel: no vector tier") }
