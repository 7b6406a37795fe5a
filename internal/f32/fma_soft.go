//go:build !(amd64.v3 || arm64)

package f32

// FMA is a*b+c with one rounding.
func FMA(a, b, c float32) float32 { return fmaSoft(a, b, c) }
