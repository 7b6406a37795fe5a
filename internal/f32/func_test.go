package f32

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"
)

// ulps is the distance of got from want in units of the last place of want.
func ulps(got float32, want float64) float64 {
	w := float32(want)
	u := float64(math.Float32frombits(math.Float32bits(float32(math.Abs(float64(w))))+1)) - math.Abs(float64(w))
	return math.Abs(float64(got)-want) / u
}

func TestExpAccuracy(t *testing.T) {
	worst := 0.0
	for x := float32(ExpMin); x < ExpMax; x += 0.00137 {
		worst = max(worst, ulps(Exp(x), math.Exp(float64(x))))
	}
	if worst > 1 {
		t.Errorf("Exp is off by %.3f ulp", worst)
	}
	inf := float32(math.Inf(1))
	for _, c := range [][2]float32{{0, 1}, {-inf, 0}, {inf, inf}, {-87.31, 0}, {88.73, inf}, {float32(math.Copysign(0, -1)), 1}} {
		if got := Exp(c[0]); got != c[1] || math.Signbit(float64(got)) {
			t.Errorf("Exp(%v) = %v, want %v", c[0], got, c[1])
		}
	}
	if v := Exp(float32(math.NaN())); v == v {
		t.Error("Exp(NaN) is not NaN")
	}
	if v := Exp(ExpMax); v > math.MaxFloat32 || v < 3.3e38 {
		t.Errorf("Exp at its upper bound = %v", v)
	}
	if v := Exp(ExpMin); v < 0x1p-126 {
		t.Errorf("Exp at its lower bound = %v", v)
	}
}

func TestTanhAccuracy(t *testing.T) {
	worst := 0.0
	for x := float32(-12); x < 12; x += 0.00037 {
		worst = max(worst, ulps(Tanh(x), math.Tanh(float64(x))))
	}
	if worst > 2 {
		t.Errorf("Tanh is off by %.3f ulp", worst)
	}
	if Tanh(100) != 1 || Tanh(-100) != -1 || Tanh(0) != 0 || !math.Signbit(float64(Tanh(float32(math.Copysign(0, -1))))) {
		t.Error("Tanh at its limits")
	}
	if v := Tanh(float32(math.NaN())); v == v {
		t.Error("Tanh(NaN) is not NaN")
	}
}

func TestSinCosAccuracy(t *testing.T) {
	for x := float32(-4); x < 1<<24; x += 0.013 + float32(math.Abs(float64(x)))/5000 {
		s, c := SinCos(x)
		ws, wc := math.Sincos(float64(x))
		if math.Abs(float64(s)-ws) > 6e-8 || math.Abs(float64(c)-wc) > 6e-8 {
			t.Fatalf("SinCos(%v) = %v, %v, want %v, %v", x, s, c, ws, wc)
		}
		if ulps(s, ws) > 0.51 && math.Abs(ws) > 1e-6 || ulps(c, wc) > 0.51 && math.Abs(wc) > 1e-6 {
			t.Fatalf("SinCos(%v) is not rounded well: %v ulp, %v ulp", x, ulps(s, ws), ulps(c, wc))
		}
	}
}

func TestLogAccuracy(t *testing.T) {
	for b := uint32(1); b < 0x7f800000; b += 99991 {
		x := math.Float32frombits(b)
		if got, want := Log(x), math.Log(float64(x)); ulps(got, want) > 0.51 && math.Abs(want) > 1e-7 {
			t.Fatalf("Log(%v) = %v, want %v", x, got, want)
		}
	}
	if v := Log(-1); v == v || !math.IsInf(float64(Log(0)), -1) || Log(1) != 0 {
		t.Error("Log at its limits")
	}
}

func TestTree16(t *testing.T) {
	l := [16]float32{1e8, 1, 2, 3, 4, 5, 6, 7, -1e8, 9, 10, 11, 12, 13, 14, 15}
	want := func(l [16]float32) float32 { // the definition, spelled out
		a := func(i, j float32) float32 { return i + j }
		s := [8]float32{}
		for i := range s {
			s[i] = a(l[i], l[i+8])
		}
		return a(a(a(s[0], s[4]), a(s[2], s[6])), a(a(s[1], s[5]), a(s[3], s[7])))
	}(l)
	if got := Tree16(&l); got != want {
		t.Errorf("Tree16 = %v, want %v", got, want)
	}
}

// TestGolden digests all functions over a fixed sweep: the digest is the same
// on every platform and at every GOAMD64 level.
func TestGolden(t *testing.T) {
	const want = "96d737bc93fb6af89a3032937f1d4144f0939b7903103ab4bce9ef24b2277bae"
	h := sha256.New()
	put := func(vs ...float32) {
		for _, v := range vs {
			u := math.Float32bits(v)
			if v != v {
				u = 0x7fc00000
			}
			var b [4]byte
			binary.LittleEndian.PutUint32(b[:], u)
			h.Write(b[:])
		}
	}
	state := uint32(12345)
	next := func() uint32 { state = state*1664525 + 1013904223; return state>>16 | state<<16 }
	var vec [37]float32
	for i := range 20000 {
		x, y, z := math.Float32frombits(next()), math.Float32frombits(next()), math.Float32frombits(next())
		small := float32(int32(next())) / (1 << 26)
		s, c := SinCos(small * 1000)
		put(FMA(x, y, z), FMA(small, y, -y), Exp(small), Exp(x), Tanh(small/8), Silu(small), GeluTanh(small/4), s, c, Log(x), RNE(small), Sqrt(y))
		vec[i%37] = small
		if i%37 == 0 {
			put(SumSquares(vec[:]))
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("golden digest %s, want %s", got, want)
	}
}

func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		v := FromHalf(uint16(h))
		e, f := h>>10&31, h&1023
		want := math.Ldexp(float64(f), -24)
		switch {
		case e == 31 && f != 0:
			want = math.NaN()
		case e == 31:
			want = math.Inf(1)
		case e > 0:
			want = math.Ldexp(float64(1024+f), e-25)
		}
		if h>>15 != 0 {
			want = -want
		}
		if !same(v, float32(want)) {
			t.Fatalf("FromHalf(%#x) = %v, want %v", h, v, want)
		}
		if v == v && ToHalf(v) != uint16(h) {
			t.Fatalf("ToHalf(%v) = %#x, want %#x", v, ToHalf(v), h)
		}
		if e >= 30 {
			continue
		}
		// midpoints go to the even neighbour, their neighbours to the nearest
		mid := (v + FromHalf(uint16(h)+1)) / 2
		even := uint16(h) + uint16(h)&1
		lo, hi := math.Nextafter32(mid, v), math.Nextafter32(mid, 2*mid)
		if ToHalf(mid) != even || ToHalf(lo) != uint16(h) || ToHalf(hi) != uint16(h)+1 {
			t.Fatalf("ToHalf around the midpoint %v after %#x: %#x %#x %#x", mid, h, ToHalf(lo), ToHalf(mid), ToHalf(hi))
		}
	}
	if ToHalf(65519.99) != 0x7bff || ToHalf(65520) != 0x7c00 || ToHalf(-1e30) != 0xfc00 || ToHalf(0x1p-25) != 0 {
		t.Error("ToHalf at its limits")
	}
	if v := FromHalf(ToHalf(float32(math.NaN()))); v == v {
		t.Error("ToHalf(NaN) is a number")
	}
}
