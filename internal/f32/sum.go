package f32

import "math"

// Tree16 adds 16 lanes in the one fixed order of the house: halves are folded
// onto each other, 8, 4, 2, 1. It overwrites l.
func Tree16(l *[16]float32) float32 {
	for step := 8; step > 0; step >>= 1 {
		for i := range step {
			l[i] += l[i+step]
		}
	}
	return l[0]
}

// SumSquares is the sum of squares of x: lane i = channel mod 16, each lane a
// fused chain from +0 in ascending order, then Tree16.
func SumSquares(x []float32) float32 {
	var l [16]float32
	for len(x) >= 16 {
		v := (*[16]float32)(x)
		for i := range v {
			l[i] = FMA(v[i], v[i], l[i])
		}
		x = x[16:]
	}
	for i, v := range x {
		l[i&15] = FMA(v, v, l[i&15])
	}
	return Tree16(&l)
}

// RNE rounds to the nearest integer, ties to even, for |x| < 2^22.
func RNE(x float32) float32 { return (x + Magic) - Magic }

// Sqrt is the IEEE square root.
func Sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// Exp2i is 2^n for -126 <= n <= 127.
func Exp2i(n int) float32 { return math.Float32frombits(uint32(n+127) << 23) }
