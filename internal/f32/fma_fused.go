//go:build amd64.v3 || arm64

package f32

// FMA is a*b+c with one rounding. On these targets the compiler turns the
// plain expression into the single-precision fused instruction; where it did
// not (for instance with optimisation off) the exact software form is used.
func FMA(a, b, c float32) float32 {
	if fused {
		return a*b + c
	}
	return fmaSoft(a, b, c)
}

// fused reports whether the compiler fused the expression in this build: for
// a = 1+2^-12 the product a*a needs 25 bits, so only a fused operation returns
// the last one.
var fused = probe(1+1.0/4096, -(1 + 2.0/4096))

//go:noinline
func probe(a, c float32) bool { return a*a+c != 0 }
