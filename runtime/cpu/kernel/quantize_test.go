package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/tessera-llm/tessera/internal/f32"
)

// model quantises one slab by the definition, in float64 where that is exact.
func model(x []float32) (base float32, q []int, e []int) {
	a := 0.0
	bad := false
	for _, v := range x {
		a = max(a, math.Abs(float64(v)))
		bad = bad || v != v || math.IsInf(float64(v), 0)
	}
	q, e = make([]int, len(x)), make([]int, (len(x)+31)/32)
	if bad {
		return float32(math.NaN()), q, e
	}
	if a < 0x1p-96 {
		return 0, q, e
	}
	base = float32(a) / 127
	inv := 1 / base
	limit := min(float64(127)*float64(base), math.MaxFloat32)
	limit = float64(float32(limit))
	for b := range e {
		m := 0.0
		blk := x[32*b : min(len(x), 32*b+32)]
		for _, v := range blk {
			m = max(m, math.Abs(float64(v)))
		}
		for n := 0; n <= 20; n++ {
			if m <= math.Ldexp(limit, -n) {
				e[b] = n
			}
		}
		for i, v := range blk {
			scaled := float64(v * float32(math.Ldexp(float64(inv), e[b])))
			q[32*b+i] = int(max(-127, min(127, math.RoundToEven(scaled))))
		}
	}
	return base, q, e
}

func quantInputs() map[string]func(i int) float32 {
	r := rng(5)
	return map[string]func(int) float32{
		"gauss":    func(int) float32 { return float32(r.NormFloat64()) },
		"zero":     func(int) float32 { return 0 },
		"tiny":     func(i int) float32 { return float32(math.Ldexp(1, -97)) },
		"edge":     func(i int) float32 { return float32(math.Ldexp(1, -96)) },
		"huge":     func(i int) float32 { return math.MaxFloat32 * float32(1-i%3) },
		"decay":    func(i int) float32 { return float32(math.Ldexp(1.3, -i/4)) },
		"powers":   func(i int) float32 { return float32(math.Ldexp(1, -i/32)) },
		"one":      func(i int) float32 { return map[bool]float32{true: 5}[i == 77] },
		"nan":      func(i int) float32 { return []float32{1, float32(math.NaN())}[i%2] },
		"inf":      func(i int) float32 { return []float32{1, float32(math.Inf(-1))}[i%2] },
		"halves":   func(i int) float32 { return []float32{127, 0.5, 1.5, -2.5, 63.5}[i%5] },
		"outliers": func(i int) float32 { return float32(r.NormFloat64()) * []float32{1, 1000}[min(1, i%97/96)] },
		"bits":     func(i int) float32 { return math.Float32frombits(r.Uint32()&0x807fffff | uint32(r.IntN(250))<<23) },
	}
}

func TestQuantizeActModel(t *testing.T) {
	for name, f := range quantInputs() {
		for _, c := range []int{32, 96, 256, 300, 512, 608} {
			x := FromF32(make([]float32, 5*c), 5, c)
			for i := range x.F {
				x.F[i] = f(i)
			}
			for _, tier := range Available() {
				for _, l := range []Layout{Plain, C4} {
					for _, in := range []Layout{Plain, C4} {
						if in == C4 && l == Plain {
							continue
						}
						out := newAct(t, I8, l, 5, c)
						run(t, &QuantizeAct{Tier: tier, X: relayout(t, x, in), Out: out})
						checkQuantised(t, fmt.Sprintf("%s C=%d %s %s->%s", name, c, tier, in, l), &x, &out)
					}
				}
			}
		}
	}
}

func checkQuantised(t *testing.T, what string, x, out *Act) {
	t.Helper()
	for tok := range x.S {
		for s := 0; s*Slab < x.C; s++ {
			n := min(Slab, x.C-s*Slab)
			base, q, e := model(x.F[tok*x.C+s*Slab:][:n])
			g, lane, w := out.group(tok, s)
			if got := out.Base[g*w+lane]; got != base && got == got {
				t.Fatalf("%s: token %d slab %d base %v, want %v", what, tok, s, got, base)
			}
			for b := range e {
				i := (g*8+b)*w + lane
				sum, sums := 0, [2]int{}
				for k := range min(32, n-32*b) {
					v := int(out.Q[out.off(tok, s*Slab+32*b+k)])
					if v != q[32*b+k] {
						t.Fatalf("%s: token %d slab %d block %d: q[%d] = %d, want %d", what, tok, s, b, k, v, q[32*b+k])
					}
					sum, sums[k/16] = sum+v, sums[k/16]+v
				}
				scaled := math.Ldexp(float64(sum), -e[b])
				if int(-out.Exp[i]>>23) != e[b] || out.Init[i] != int32(-128*sum) || float64(out.BSum[i]) != scaled ||
					out.Init16[(g*16+2*b)*w+lane] != int32(-128*sums[0]) || out.Init16[(g*16+2*b+1)*w+lane] != int32(-128*sums[1]) ||
					float64(out.MinPair[((g*4+b/2)*w+lane)*2+b%2]) != math.RoundToEven(8*scaled) {
					t.Fatalf("%s: token %d slab %d block %d: planes %d %d %v, want e=%d sum=%d", what, tok, s, b, out.Exp[i], out.Init[i], out.BSum[i], e[b], sum)
				}
			}
		}
	}
	padsAreZero(t, what, out)
	// planes of pad tokens
	if w, tiles := tile(out.Layout, out.S); w == 4 {
		for s := range ceil(out.C, Slab) {
			for lane := out.S - (tiles-1)*4; lane < 4; lane++ {
				g := s*tiles + tiles - 1
				for b := range 8 {
					if i := (g*8+b)*4 + lane; out.Exp[i] != 0 || out.Init[i] != 0 || out.BSum[i] != 0 || out.Base[g*4+lane] != 0 {
						t.Fatalf("%s: planes of pad token are not zero", what)
					}
				}
			}
		}
	}
}

// TestQuantizeError holds the relative rms error of a Gaussian vector to the figures
// that docs/numerics.md and docs/rationale.md give, beside that of exact scales per 32.
func TestQuantizeError(t *testing.T) {
	r := rng(1)
	x := FromF32(make([]float32, 64*2048), 64, 2048)
	for i := range x.F {
		x.F[i] = float32(r.NormFloat64())
	}
	q := quantised(t, x, C4)
	num, exact, den := 0.0, 0.0, 0.0
	for s := range x.S {
		for c := range x.C {
			d := float64(q.At(s, c) - x.At(s, c))
			num, den = num+d*d, den+float64(x.At(s, c))*float64(x.At(s, c))
		}
		for c := 0; c < x.C; c += 32 {
			most := 0.0
			for i := range 32 {
				most = max(most, math.Abs(float64(x.At(s, c+i))))
			}
			for i := range 32 {
				v := float64(x.At(s, c+i)) * 127 / most
				d := (math.RoundToEven(v) - v) * most / 127
				exact += d * d
			}
		}
	}
	if e := math.Sqrt(num / den); math.Abs(e-6.9e-3) > 0.05e-3 {
		t.Errorf("relative rms error %.2e, want 6.9e-3", e)
	}
	if e := math.Sqrt(exact / den); math.Abs(e-5.3e-3) > 0.05e-3 {
		t.Errorf("relative rms error of exact scales %.2e, want 5.3e-3", e)
	}
}

func TestRelayout(t *testing.T) {
	for _, c := range []int{1, 63, 64, 256, 300, 512} {
		for _, s := range tokenCounts {
			x := plainAct(t, rng(uint64(c)), s, c)
			y := relayout(t, x, C4)
			sameBits(t, "to c4", &y, &x)
			z := relayout(t, y, Plain)
			sameBits(t, "and back", &z, &x)
			q, q4 := quantised(t, x, Plain), quantised(t, x, C4)
			moved, back := relayout(t, q, C4), relayout(t, q4, Plain)
			checkQuantised(t, "i8 to c4", &x, &moved)
			checkQuantised(t, "i8 to plain", &x, &back)
		}
	}
}

// TestC4Formula pins the c4 order to the formula of the design.
func TestC4Formula(t *testing.T) {
	a := newAct(t, I8, C4, 10, 512)
	for tok := range 10 {
		for k := range 512 {
			want := ((k/256*3+tok/4)*64+k%256/4)*16 + tok%4*4 + k%4
			if got := a.off(tok, k); got != want {
				t.Fatalf("off(%d, %d) = %d, want %d", tok, k, got, want)
			}
		}
	}
	a = newAct(t, I8, C4, 10, 320) // last slab 64 wide
	if got, want := a.off(5, 256+7), 3*1024+1*256+1*16+1*4+3; got != want {
		t.Errorf("short slab: %d, want %d", got, want)
	}
	seen := map[int]bool{}
	for tok := range 12 {
		for k := range 320 {
			seen[a.off(tok, k)] = true
		}
	}
	if len(seen) != 12*320 || len(a.Q) != 12*320 {
		t.Errorf("%d distinct places in %d", len(seen), len(a.Q))
	}
}

func TestView(t *testing.T) {
	for _, e := range []Elem{F32, I8} {
		for _, l := range []Layout{Plain, C4} {
			for c := 1; c < 700; c += 37 {
				last := 0
				for s := 1; s < 70; s++ {
					n := Bytes(e, l, s, c)
					if n < last || n%64 != 0 {
						t.Fatalf("Bytes(%s, %s, %d, %d) = %d after %d", e, l, s, c, n, last)
					}
					last = n
				}
			}
			if _, err := View(AlignedBytes(64), e, l, 100, 100); err == nil {
				t.Error("short memory accepted")
			}
			if _, err := View(AlignedBytes(1 << 20)[4:], e, l, 4, 64); err == nil {
				t.Error("unaligned memory accepted")
			}
		}
	}
}

func FuzzQuantize(f *testing.F) {
	f.Add(uint64(1), uint32(0x3f800000), uint32(0xff))
	f.Add(uint64(2), uint32(0x0f800000), uint32(0x807fffff))
	f.Fuzz(func(t *testing.T, seed uint64, or, mask uint32) {
		r := rng(seed)
		for _, s := range []int{1, 2} {
			x := FromF32(make([]float32, s*320), s, 320)
			for i := range x.F {
				x.F[i] = math.Float32frombits(r.Uint32()&mask | or)
			}
			for _, tier := range Available() {
				out := newAct(t, I8, C4, s, 320)
				run(t, &QuantizeAct{Tier: tier, X: x, Out: out})
				checkQuantised(t, tier.String(), &x, &out)
			}
		}
	})
}

func TestQuantizeScale(t *testing.T) {
	// the exponent is the largest that keeps |q| at most 127
	x := make([]float32, 256)
	x[0], x[40] = 127, 127.0/8
	out := quantised(t, FromF32(x, 1, 256), Plain)
	if out.Q[0] != 127 || out.Q[40] != 127 || out.Exp[1] != -3<<23 || out.Exp[2] != -20<<23 {
		t.Errorf("q %d %d, exponents %d %d", out.Q[0], out.Q[40], out.Exp[1]>>23, out.Exp[2]>>23)
	}
	if got := out.At(0, 40); got != f32.RNE(127)/8 {
		t.Errorf("value %v", got)
	}
}
