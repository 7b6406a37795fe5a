package f32

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// exactFMA rounds once with math/big.
func exactFMA(a, b, c float32) float32 {
	if isOdd := a != a || b != b || c != c || math.IsInf(float64(a), 0) || math.IsInf(float64(b), 0) || math.IsInf(float64(c), 0); isOdd {
		return float32(math.FMA(float64(a), float64(b), float64(c)))
	}
	p := new(big.Float).SetPrec(2000).Mul(big.NewFloat(float64(a)), big.NewFloat(float64(b)))
	s := new(big.Float).SetPrec(2000).Add(p, big.NewFloat(float64(c)))
	if s.Sign() == 0 { // the sign of an exact zero follows the operands
		return float32(math.FMA(float64(a), float64(b), float64(c)))
	}
	r, _ := s.Float32()
	return r
}

func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func checkFMA(t *testing.T, a, b, c float32) {
	t.Helper()
	want := exactFMA(a, b, c)
	for name, got := range map[string]float32{"FMA": FMA(a, b, c), "fmaSoft": fmaSoft(a, b, c)} {
		if !same(got, want) {
			t.Fatalf("%s(%x, %x, %x) = %x, want %x", name, a, b, c, got, want)
		}
	}
}

func TestFMAExtremes(t *testing.T) {
	edge := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 1 + 0x1p-23, 1 - 0x1p-24, 1 + 0x1p-12, 0x1p-149, -0x1p-149,
		0x1p-126, 0x1p-126 - 0x1p-149, 0x1.8p-149 * 2, 0x1p-75, 0x1p-74, -0x1.000002p-75, math.MaxFloat32, -math.MaxFloat32, 0x1p127,
		float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 0x1p-24, 0x1p-25, 0x1.fffffep-13, 3, 1.0 / 3}
	for _, a := range edge {
		for _, b := range edge {
			for _, c := range edge {
				checkFMA(t, a, b, c)
			}
		}
	}
}

func TestFMARandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	bits := func() float32 { return math.Float32frombits(r.Uint32()) }
	near := func(e int) float32 { // few significant bits: ties are common
		m := float32(1 + float32(r.IntN(1<<13))/(1<<12))
		if r.IntN(2) == 0 {
			m = -m
		}
		return float32(math.Ldexp(float64(m), r.IntN(2*e+1)-e))
	}
	for range 100000 {
		checkFMA(t, bits(), bits(), bits())
	}
	for range 60000 {
		checkFMA(t, near(30), near(30), near(60))
		checkFMA(t, near(74), near(74), near(148)) // subnormal results
		a, b := near(12), near(12)                 // c one ulp-ish away from -a*b and at midpoints of it
		checkFMA(t, a, b, float32(math.Ldexp(float64(a*b), r.IntN(60)-30)))
	}
}

func FuzzFMA(f *testing.F) {
	f.Add(uint32(0x3f800001), uint32(0x3f800001), uint32(0x33800000))
	f.Fuzz(func(t *testing.T, a, b, c uint32) {
		checkFMA(t, math.Float32frombits(a), math.Float32frombits(b), math.Float32frombits(c))
	})
}

func BenchmarkFMA(b *testing.B) {
	s := float32(0)
	for b.Loop() {
		s = FMA(s, 0.99, 0.3)
	}
	_ = s
}
